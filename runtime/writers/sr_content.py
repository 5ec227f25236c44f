"""What the structured report says: TID 2000, Basic Diagnostic Imaging Report (PS3.16, 2026a).

TID 2000 is not extensible and fixes the order: procedure and region, language (TID 1204),
observation context (TID 1001), then headings, whose narrative (TID 2002) holds TEXT and IMAGE
items. Its lists of headings (CID 7001) and of elements (CID 7002) are baseline, so the concepts of
TID 4019 (algorithm name, version, parameters) stand as elements of the last section.
"""

from pydicom import Dataset

from cxr_edge.types import DISCLAIMER, Hit, Report
from cxr_edge.writers.evidence import (
    flat,
    in_section,
    labels_in_words,
    observed,
    origin,
    printable,
)
from cxr_edge.writers.sr_items import Code, code, container, image, text, uid

# CID 7000 title, CID 7001 headings, CID 7002 elements.
TITLE = Code("18748-4", "LN", "Diagnostic Imaging Report")
SUMMARY = Code("55112-7", "LN", "Summary")
FINDINGS = Code("59776-5", "LN", "Findings")
FINDING = Code("121071", "DCM", "Finding")
IMPRESSIONS = Code("19005-8", "LN", "Impressions")
IMPRESSION = Code("121073", "DCM", "Impression")
PROCEDURES = Code("55111-9", "LN", "Current Procedure Descriptions")
PROCEDURE = Code("121065", "DCM", "Procedure Description")

# Document concept modifiers: CID 100 and CID 4031 supply the values.
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
RADIOGRAPHY = Code("43468-8", "LN", "XR unspecified body region")
TARGET_REGION = Code("123014", "DCM", "Target Region")
CHEST = Code("51185008", "SCT", "Chest")
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")

# Observer context, TID 1002 and 1004.
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")
DEVICE_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
DEVICE_MANUFACTURER = Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_MODEL = Code("121015", "DCM", "Device Observer Model Name")
DEVICE_SERIAL = Code("121016", "DCM", "Device Observer Serial Number")

SOURCE_IMAGE = Code("121324", "DCM", "Source image")

# TID 4019.
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")

_RETRIEVED = "Sentences were selected by image-text retrieval. No person has checked them."
_GENERATED = "Sentences were written by a language decoder. No person has checked them."
_MODIFIER = "HAS CONCEPT MOD"
_CONTEXT = "HAS OBS CONTEXT"


def content(report: Report, device: Dataset) -> list[Dataset]:
    """The children of the root container, in the order TID 2000 asks for.

    Args:
        report: the draft.
        device: the observer: ``Manufacturer``, ``ManufacturerModelName``, ``DeviceSerialNumber``,
            ``SoftwareVersions`` (one value) and ``DeviceUID``.
    """
    return [
        code(_MODIFIER, PROCEDURE_REPORTED, RADIOGRAPHY),
        code(_MODIFIER, TARGET_REGION, CHEST),
        code(_MODIFIER, LANGUAGE, ENGLISH),
        *_observer(device),
        container(SUMMARY, _caution(report)),
        *_narrative(report, "findings", FINDINGS, FINDING),
        *_narrative(report, "impression", IMPRESSIONS, IMPRESSION),
        container(PROCEDURES, _procedure(report, device)),
    ]


def _observer(device: Dataset) -> list[Dataset]:
    """A device and nothing else: no person has looked at this draft."""
    return [
        code(_CONTEXT, OBSERVER_TYPE, DEVICE),
        uid(_CONTEXT, DEVICE_UID, device.DeviceUID),
        text(_CONTEXT, DEVICE_NAME, device.ManufacturerModelName),
        text(_CONTEXT, DEVICE_MANUFACTURER, device.Manufacturer),
        text(_CONTEXT, DEVICE_MODEL, device.ManufacturerModelName),
        text(_CONTEXT, DEVICE_SERIAL, device.DeviceSerialNumber),
    ]


def _caution(report: Report) -> list[Dataset]:
    lines = [DISCLAIMER, *report.notes, *(f"Warning: {line}" for line in report.warnings)]
    return [text("CONTAINS", SUMMARY, printable(line)) for line in lines]


def _narrative(report: Report, section: str, heading: Code, element: Code) -> list[Dataset]:
    """One heading: a TEXT item per sentence, then the picture it was drafted from."""
    whole = report.findings if section == "findings" else report.impression
    sentences = [hit.text for hit in in_section(report, section)]
    # A method may draft text that is not made of index sentences; nothing of it may be lost.
    lines = sentences if " ".join(sentences) == whole else [whole]
    items = [text("CONTAINS", element, printable(line)) for line in lines if line.strip()]
    if not items:
        return []
    study = report.study
    source = image("CONTAINS", SOURCE_IMAGE, study.sop_class_uid, study.sop_instance_uid)
    return [container(heading, [*items, source])]


def _procedure(report: Report, device: Dataset) -> list[Dataset]:
    """How the draft was made, and what each of its sentences rests on."""
    generated = report.provenance["index"] is None
    return [
        text("CONTAINS", PROCEDURE, _GENERATED if generated else _RETRIEVED),
        text("CONTAINS", ALGORITHM_NAME, device.ManufacturerModelName),
        text("CONTAINS", ALGORITHM_VERSION, device.SoftwareVersions),
        *(
            text("CONTAINS", ALGORITHM_PARAMETERS, f"{key}={value}")
            for key, value in flat(report.provenance)
        ),
        *(text("CONTAINS", PROCEDURE, _evidence(hit)) for hit in report.sentences),
        text("CONTAINS", PROCEDURE, _probabilities(report)),
    ]


def _evidence(hit: Hit) -> str:
    return printable(
        f"Evidence for '{hit.text}': score {hit.score:.4f}; labels: {labels_in_words(hit)}; "
        f"{origin(hit)}."
    )


def _probabilities(report: Report) -> str:
    """All fourteen, in one item: they are model output, not measurements of the patient."""
    values = (
        f"{item.name} {item.probability:.3f}{' (muted)' if item.muted else ''}"
        for item in observed(report)
    )
    return f"Observation probabilities by the image encoder: {'; '.join(values)}."
