"""A report built from the real types, on a real DICOM study of our own making."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.types import Attribute, Hit, Report, SourceImage, Study


def labels(**mentions: Mention) -> tuple[int, ...]:
    """Fourteen values from keywords such as ``Pleural_Effusion=Mention.NEGATIVE``."""
    named = {key.replace("_", " "): value for key, value in mentions.items()}
    assert set(named) <= set(OBSERVATIONS)
    return tuple(int(named.get(name, Mention.BLANK)) for name in OBSERVATIONS)


def _study() -> Study:
    ramp = np.linspace(0, 4095, 64 * 48, dtype=np.uint16).reshape(64, 48)
    return Study(
        image=SourceImage(stored=ramp, bits_stored=12),
        path="in/study.dcm",
        study_instance_uid="2.25.329800735698586629295641978511506172918",
        series_instance_uid="2.25.329800735698586629295641978511506172919",
        sop_instance_uid="2.25.329800735698586629295641978511506172920",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        view="PA",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        header={
            "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "PatientID": "ID-0042",
            "IssuerOfPatientID": "HOSPITAL",
            "PatientBirthDate": "19700102",
            "PatientSex": "F",
            "StudyDate": "20260304",
            "StudyTime": "101112",
            "StudyID": "77",
            "StudyDescription": "Thorax p.a. für Aufnahme",
            "AccessionNumber": "ACC123",
            "ReferringPhysicianName": "Müller^Jörg",
            "SpecificCharacterSet": "ISO_IR 100",
            "Modality": "DX",
            "Manufacturer": "Vendor",
            "SeriesDescription": "PA",
        },
        warnings=("The header does not state the body part.",),
    )


@pytest.fixture
def report() -> Report:
    """An abnormal draft: two findings, one impression, one muted observation, a picture."""
    findings = (
        Hit(
            row=11,
            text="The heart is mildly enlarged.",
            score=0.8125,
            source="grammar/cardiomegaly/positive/3",
            labels=labels(Cardiomegaly=Mention.POSITIVE),
            attributes=Attribute.SEVERITY,
            cluster_size=17,
        ),
        Hit(
            row=95,
            text="No pleural effusion or pneumothorax.",
            score=0.5,
            source="grammar/effusion/negative/1",
            labels=labels(Pleural_Effusion=Mention.NEGATIVE, Pneumothorax=Mention.NEGATIVE),
            cluster_size=4,
        ),
    )
    impression = (
        Hit(
            row=12,
            text="Possible cardiomegaly <cannot be excluded> & más.",
            score=-0.0625,
            source="grammar/cardiomegaly/uncertain/2",
            labels=labels(Cardiomegaly=Mention.UNCERTAIN),
        ),
    )
    picture = np.add.outer(np.arange(96), np.arange(80)).astype(np.uint8)
    return Report(
        study=_study(),
        findings=" ".join(hit.text for hit in findings),
        impression=" ".join(hit.text for hit in impression),
        sentences=findings + impression,
        probabilities=np.linspace(0.03125, 0.96875, 14, dtype=np.float32),
        muted=("Lung Lesion", "Fracture"),
        notes=("Not assessed: Lung Lesion, Fracture.",),
        warnings=("The header does not state the body part.",),
        provenance={
            "software": "cxr-edge 0.1.0",
            "bundle": "dcclip-small",
            "bundle_sha256": "a1" * 32,
            "index": "grammar",
            "index_sha256": "b2" * 32,
            "recipe_sha256": "c3" * 32,
            "space": "dcclip-small/0123456789abcdef",
            "method": "guided",
            "engine": "cpu",
            "precision": "fp32",
            "threads": 2,
        },
        timings_ms={
            "read": 3.25,
            "preprocess": 12.5,
            "encode": 2.0,
            "search": 0.25,
            "compose": 0.125,
            "total": 18.5,
        },
        picture=picture,
    )


@pytest.fixture
def png_report(report: Report) -> Report:
    """The same draft of a plain PNG, which belongs to no DICOM study."""
    study = dataclasses.replace(
        report.study,
        image=dataclasses.replace(report.study.image, kind="png"),
        study_instance_uid="",
        series_instance_uid="",
        sop_instance_uid="",
        sop_class_uid="",
        header={},
    )
    return dataclasses.replace(report, study=study)


@pytest.fixture
def with_provenance(report: Report) -> Callable[..., Report]:
    """The report with some provenance values replaced."""

    def replace(**values: object) -> Report:
        return dataclasses.replace(report, provenance={**report.provenance, **values})

    return replace
