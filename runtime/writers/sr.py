"""The draft as a DICOM Basic Text SR that any PACS can store beside the picture (PS3.3 A.35.1).

Marked as a draft in every place the standard offers: PreliminaryFlag PRELIMINARY, CompletionFlag
PARTIAL, VerificationFlag UNVERIFIED, the SeriesDescription, and the first section. The author is a
device. Patient, study and accession are copied verbatim; series and instance are new each time.
"""

import uuid
from datetime import datetime
from io import BytesIO

from pydicom import DataElement, Dataset, FileMetaDataset, dcmwrite
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian, generate_uid

from cxr_edge.errors import StudyError
from cxr_edge.types import DISCLAIMER, Report, Study
from cxr_edge.writers.sr_content import TITLE, content
from cxr_edge.writers.sr_items import Code, reference

name = "sr"
suffix = ".dcm"

MANUFACTURER = "cxr-edge"
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")

# Type 2 in the Patient and General Study modules: present even where the picture has none.
_ALWAYS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_WHERE_KNOWN = ("IssuerOfPatientID", "StudyDescription")

# Namespace of our device UIDs; any fixed UUID serves, this one is ours.
_DEVICE_NAMESPACE = uuid.UUID("6d0b6d0c-0d0e-4f4e-9c5a-3f6f2f6a8b11")

# What makes the device another one; a change of any of these changes the DeviceUID.
_IDENTITY = ("software", "bundle_sha256", "index_sha256", "recipe_sha256")


def render(report: Report) -> bytes:
    """A DICOM Part 10 file, explicit VR little endian, UTF-8.

    Raises:
        StudyError: if the picture was not DICOM, so that there is no study to attach a report to.
    """
    study = report.study
    if study.image.kind != "dicom" or not study.study_instance_uid:
        raise StudyError(
            f"{study.path}: not DICOM, so there is no study a structured report could belong to; "
            "choose the format text, json or html"
        )
    dataset = _document(report)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def device_uid(report: Report) -> str:
    """Names this software with this model and this index; changes whenever one of them does.

    A name-based UUID (version 5) as a UID (PS3.5 B.2), so every site derives the same one.
    """
    values = [str(report.provenance[key]) for key in _IDENTITY]
    return f"2.25.{uuid.uuid5(_DEVICE_NAMESPACE, '/'.join(values)).int}"


def _document(report: Report) -> Dataset:
    # Local time without an offset: TimezoneOffsetFromUTC would also cover the copied study times.
    now = datetime.now()
    device = _device(report)
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = BasicTextSRStorage
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    _copy(report.study, dataset)
    _series(dataset, now)
    dataset.update(device)
    dataset.ContributingEquipmentSequence = Sequence([_contribution(report, device)])
    _general(report, dataset, device, now)
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = Sequence([TITLE.dataset()])
    dataset.ContinuityOfContent = "SEPARATE"
    dataset.ContentTemplateSequence = Sequence([_template("2000")])
    dataset.ContentSequence = Sequence(content(report, device))

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _copy(study: Study, dataset: Dataset) -> None:
    """Copy the identity verbatim, even where a value breaks its VR: archives match by equality."""
    values = {keyword: study.header.get(keyword, "") for keyword in _ALWAYS}
    values |= {
        keyword: study.header[keyword] for keyword in _WHERE_KNOWN if keyword in study.header
    }
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))
    dataset.StudyInstanceUID = study.study_instance_uid


def _series(dataset: Dataset, now: datetime) -> None:
    """SR Document Series module (PS3.3 C.17.1)."""
    dataset.Modality = "SR"
    dataset.SeriesInstanceUID = generate_uid(prefix=None)
    dataset.SeriesNumber = 1
    dataset.SeriesDate = now.strftime("%Y%m%d")
    dataset.SeriesTime = now.strftime("%H%M%S")
    dataset.SeriesDescription = DISCLAIMER
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()


def _device(report: Report) -> Dataset:
    """General Equipment module (PS3.3 C.7.5.1): the software, by its model and index."""
    provenance = report.provenance
    device = Dataset()
    device.Manufacturer = MANUFACTURER
    device.ManufacturerModelName = _short(f"{MANUFACTURER} {provenance['bundle']}")
    device.DeviceSerialNumber = _short(str(provenance["bundle_sha256"]))
    device.SoftwareVersions = _short(str(provenance["software"]))
    device.DeviceUID = device_uid(report)
    return device


def _contribution(report: Report, device: Dataset) -> Dataset:
    """One item of ContributingEquipmentSequence (SOP Common module, PS3.3 C.12.1)."""
    provenance = report.provenance
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = Sequence([PROCESSING_EQUIPMENT.dataset()])
    item.Manufacturer = device.Manufacturer
    item.ManufacturerModelName = device.ManufacturerModelName
    item.DeviceSerialNumber = device.DeviceSerialNumber
    parts = {"Model": "bundle", "index": "index"}
    used = {name: key for name, key in parts.items() if provenance[f"{key}_sha256"] is not None}
    # The short one last: it takes the blank that fills an odd length, a digest has no room for it.
    item.SoftwareVersions = [
        *(_short(str(provenance[f"{key}_sha256"])) for key in used.values()),
        device.SoftwareVersions,
    ]
    named = "; ".join(
        f"{name} {provenance[key]} sha256 {provenance[f'{key}_sha256']}"
        for name, key in used.items()
    )
    item.ContributionDescription = (
        f"Drafted the report. {named}; recipe sha256 {provenance['recipe_sha256']}."
    )
    return item


def _general(report: Report, dataset: Dataset, device: Dataset, now: datetime) -> None:
    """SR Document General module (PS3.3 C.17.2)."""
    study = report.study
    dataset.InstanceNumber = 1
    dataset.PreliminaryFlag = "PRELIMINARY"
    dataset.CompletionFlag = "PARTIAL"
    dataset.CompletionFlagDescription = DISCLAIMER
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.ContentTime = now.strftime("%H%M%S")
    dataset.PerformedProcedureCodeSequence = Sequence()
    dataset.AuthorObserverSequence = Sequence([_author(device)])

    series = Dataset()
    series.SeriesInstanceUID = study.series_instance_uid
    series.ReferencedSOPSequence = Sequence(
        [reference(study.sop_class_uid, study.sop_instance_uid)]
    )
    evidence = Dataset()
    evidence.StudyInstanceUID = study.study_instance_uid
    evidence.ReferencedSeriesSequence = Sequence([series])
    dataset.CurrentRequestedProcedureEvidenceSequence = Sequence([evidence])


def _author(device: Dataset) -> Dataset:
    """Identified Person or Device macro (PS3.3 Table C.17-3b), the device branch."""
    author = Dataset()
    author.ObserverType = "DEV"
    author.StationName = ""
    author.DeviceUID = device.DeviceUID
    author.Manufacturer = device.Manufacturer
    author.ManufacturerModelName = device.ManufacturerModelName
    author.InstitutionName = ""
    author.InstitutionCodeSequence = Sequence()
    return author


def _template(identifier: str) -> Dataset:
    item = Dataset()
    item.MappingResource = "DCMR"
    item.TemplateIdentifier = identifier
    return item


def _short(value: str) -> str:
    """At most 64 characters, the limit of VR LO."""
    return value[:64]
