"""The structured report: the standard's validators, its code tables, and a reading back."""

import dataclasses
import shutil
import subprocess
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import BasicTextSRStorage

from cxr_edge.errors import StudyError
from cxr_edge.types import DISCLAIMER, Report
from cxr_edge.writers import get_writer
from cxr_edge.writers.sr import device_uid

IDENTITY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def written(report: Report) -> Dataset:
    return dcmread(BytesIO(get_writer("sr").render(report)))


def run(tool: str, *arguments: str | Path) -> str:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (Debian: dicom3tools has dciodvfy, dcmtk dsrdump)")
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, check=True)
    return (done.stdout + done.stderr).decode()


def items(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Every content item below, depth first, as (relation, concept, value)."""
    rows = []
    for item in dataset.get("ContentSequence", []):
        concept = item.ConceptNameCodeSequence[0].CodeMeaning
        value = item.get("TextValue") or item.get("UID") or ""
        if item.ValueType == "CODE":
            value = item.ConceptCodeSequence[0].CodeMeaning
        rows.append((item.RelationshipType, concept, value))
        rows.extend(items(item))
    return rows


@pytest.fixture
def variants(report: Report) -> dict[str, Report]:
    study = report.study
    anonymous = dataclasses.replace(study, header={})
    return {
        "full": report,
        "no header values": dataclasses.replace(report, study=anonymous),
        "no sentences": dataclasses.replace(report, sentences=(), findings="", impression=""),
        "no notes": dataclasses.replace(report, notes=(), warnings=()),
        "long": dataclasses.replace(
            report,
            notes=("A long note. " * 200,),
            provenance={**report.provenance, "bundle": "b" * 90, "note": "ü" * 3000},
        ),
    }


@pytest.mark.parametrize(
    "variant", ["full", "no header values", "no sentences", "no notes", "long"]
)
def test_dciodvfy_finds_no_error(variant, variants, tmp_path):
    path = tmp_path / "sr.dcm"
    path.write_bytes(get_writer("sr").render(variants[variant]))
    said = run("dciodvfy", "-new", path)
    assert "BasicTextSR" in said
    assert "Error" not in said


def test_dsrdump_reads_the_tree(report, tmp_path):
    path = tmp_path / "sr.dcm"
    path.write_bytes(get_writer("sr").render(report))
    said = run("dsrdump", "+Pl", path)
    assert "Preliminary Flag    : PRELIMINARY" in said
    for hit in report.sentences:
        assert hit.text in said


def test_marked_as_a_draft_in_every_place(report):
    dataset = written(report)
    assert dataset.SOPClassUID == BasicTextSRStorage
    assert dataset.PreliminaryFlag == "PRELIMINARY"
    assert dataset.CompletionFlag == "PARTIAL"
    assert dataset.VerificationFlag == "UNVERIFIED"
    assert dataset.SeriesDescription == DISCLAIMER
    containers = [item for item in dataset.ContentSequence if item.ValueType == "CONTAINER"]
    assert containers[0].ContentSequence[0].TextValue == DISCLAIMER


def test_author_is_a_device_and_no_person(report):
    dataset = written(report)
    contexts = [row for row in items(dataset) if row[0] == "HAS OBS CONTEXT"]
    assert contexts[0] == ("HAS OBS CONTEXT", "Observer Type", "Device")
    assert ("HAS OBS CONTEXT", "Device Observer UID", device_uid(report)) in contexts
    assert [author.ObserverType for author in dataset.AuthorObserverSequence] == ["DEV"]
    assert "VerifyingObserverSequence" not in dataset
    people = [e.keyword for e in dataset.iterall() if e.VR == "PN"]
    assert set(people) == {"PatientName", "ReferringPhysicianName"}


def test_identity_is_copied_verbatim_and_uids_are_new(report):
    first, second = written(report), written(report)
    for keyword in IDENTITY:
        assert str(first[keyword].value) == report.study.header[keyword]
    assert first.StudyInstanceUID == report.study.study_instance_uid
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        assert len({first[keyword].value, second[keyword].value}) == 2
        assert str(first[keyword].value).startswith("2.25.")
    assert first.SeriesInstanceUID != report.study.series_instance_uid


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
def test_values_that_break_their_vr_are_still_copied(report):
    header = {**report.study.header, "PatientBirthDate": "1970-1-2", "PatientSex": "female x"}
    study = dataclasses.replace(report.study, header=header)
    dataset = written(dataclasses.replace(report, study=study))
    assert dataset.PatientBirthDate == "1970-1-2"
    assert dataset.PatientSex == "female x"


def test_source_image_is_evidence_and_is_referenced_by_each_section(report):
    dataset = written(report)
    (evidence,) = dataset.CurrentRequestedProcedureEvidenceSequence
    (series,) = evidence.ReferencedSeriesSequence
    (image,) = series.ReferencedSOPSequence
    study = report.study
    assert (
        evidence.StudyInstanceUID,
        series.SeriesInstanceUID,
        image.ReferencedSOPInstanceUID,
    ) == (
        study.study_instance_uid,
        study.series_instance_uid,
        study.sop_instance_uid,
    )
    references = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for section in dataset.ContentSequence
        for item in section.get("ContentSequence", [])
        if item.ValueType == "IMAGE"
    ]
    assert references == [study.sop_instance_uid] * 2


def test_draft_and_evidence_stand_in_their_sections(report):
    rows = items(written(report))
    said = [value for _, concept, value in rows if concept in ("Finding", "Impression")]
    assert said == [hit.text for hit in report.sentences]
    headings = [concept for relation, concept, _ in rows if relation == "CONTAINS"]
    order = [headings.index(h) for h in ("Summary", "Findings", "Impressions")]
    assert order == sorted(order)
    for name in ("Algorithm Name", "Algorithm Version", "Algorithm Parameters"):
        assert name in headings


def test_draft_that_is_not_made_of_index_sentences_is_kept_whole(report):
    free = dataclasses.replace(report, findings="Entirely other words.")
    said = [value for _, concept, value in items(written(free)) if concept == "Finding"]
    assert said == ["Entirely other words."]


def test_codes_are_those_of_the_standard(report):
    """Against pydicom's copy of PS3.16: meanings, and membership of the context groups."""
    dataset = written(report)
    titles = {str(code.value) for code in (getattr(codes.cid7000, n) for n in codes.cid7000.dir())}
    headings = {
        (code.value, code.meaning)
        for code in (getattr(codes.cid7001, n) for n in codes.cid7001.dir())
    }
    assert dataset.ConceptNameCodeSequence[0].CodeValue in titles
    used = {
        (c.CodeValue, c.CodeMeaning)
        for item in dataset.ContentSequence
        if item.ValueType == "CONTAINER"
        for c in item.ConceptNameCodeSequence
    }
    assert used <= headings
    assert ("19005-8", "Impressions") in used
    procedures = {getattr(codes.cid100, n).value for n in codes.cid100.dir()}
    (reported,) = (
        item.ConceptCodeSequence[0].CodeValue
        for item in dataset.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.DCM.ProcedureReported.value
    )
    assert reported in procedures


def test_equipment_names_software_model_and_index(report):
    dataset = written(report)
    (item,) = dataset.ContributingEquipmentSequence
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert list(item.SoftwareVersions) == [
        report.provenance["bundle_sha256"],
        report.provenance["index_sha256"],
        report.provenance["software"],
    ]


@pytest.mark.parametrize("software", ["cxr-edge 0.1.0", "cxr-edge 0.10.0"])
def test_a_generated_draft_names_no_index_and_keeps_to_the_lengths(software, with_provenance):
    report = with_provenance(software=software, index=None, index_sha256=None, method="generate")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = written(report)
        (item,) = dataset.ContributingEquipmentSequence
        assert list(item.SoftwareVersions) == [report.provenance["bundle_sha256"], software]
    assert "index" not in item.ContributionDescription
    texts = [element.value for element in dataset.iterall() if element.keyword == "TextValue"]
    assert any("written by a language decoder" in text for text in texts)


@pytest.mark.parametrize("key", ["software", "bundle_sha256", "index_sha256", "recipe_sha256"])
def test_device_uid_changes_with_each_part(key, report, with_provenance):
    changed = with_provenance(**{key: "d4" * 32})
    assert device_uid(changed) != device_uid(report)
    assert device_uid(with_provenance(threads=16)) == device_uid(report)
    assert written(changed).DeviceUID == device_uid(changed)


def test_picture_that_is_not_dicom_is_refused_in_one_line(png_report):
    with pytest.raises(StudyError) as caught:
        get_writer("sr").render(png_report)
    assert "\n" not in str(caught.value)
    assert "choose the format text, json or html" in str(caught.value)
