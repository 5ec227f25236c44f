"""Side, severity, place, comparison and redaction of sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.labelers.attributes import attributes, severity_of, side_of
from cxr_edge.types import Attribute


@pytest.mark.parametrize(
    ("text", "side", "severity"),
    [
        ("Small left pleural effusion.", "left", "small"),
        ("RIGHT-SIDED OPACITY", "right", None),
        ("Bibasilar atelectasis.", "bilateral", None),
        ("Right greater than left opacities.", "bilateral", None),
        ("Blunting of both costophrenic angles.", "bilateral", None),
        ("Lingular scarring.", "left", None),
        ("Right middle lobe collapse.", "right", None),
        ("Cardiomegaly.", None, None),
        ("Mild to moderate edema.", None, "moderate"),
        ("Trace effusion.", None, "minimal"),
        ("Markedly enlarged heart.", None, "severe"),
        ("Leftover contrast.", None, None),
        ("Large effusion.", None, "large"),
        ("The heart is enlarged.", None, None),
    ],
)
def test_side_and_severity(text: str, side: str | None, severity: str | None) -> None:
    assert side_of(text) == side
    assert severity_of(text) == severity
    flags = attributes(text)
    assert (Attribute.SIDE in flags) == (side is not None)
    assert (Attribute.SEVERITY in flags) == (severity is not None)


@pytest.mark.parametrize(
    "text",
    [
        "Opacity at the base.",
        "Upper lobe opacity.",
        "Apical thickening.",
        "Retrocardiac density.",
        "The catheter ends in the SVC.",
        "The tube ends above the carina.",
        "Perihilar haziness.",
        "Rib fracture.",
    ],
)
def test_places(text: str) -> None:
    assert Attribute.LOCATION in attributes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Heart size is normal.",
        "The mediastinal contours are normal.",
        "The hilar contours are normal.",
        "The trachea is midline.",
        "No pleural effusion or pneumothorax.",
        "There is a fracture.",
        "Pleural effusion is suspected.",
    ],
)
def test_plain_sentences_have_no_attribute(text: str) -> None:
    assert attributes(text) == Attribute.NONE


@pytest.mark.parametrize(
    "text",
    [
        "Stable cardiomegaly.",
        "Unchanged effusion.",
        "Interval improvement.",
        "New opacity.",
        "Compared with the prior study.",
        "Again seen is a nodule.",
        "Effusion has decreased.",
        "Increased markings.",
        "Resolved pneumothorax.",
        "Persistent edema.",
        "The tube has been removed.",
        "The heart remains enlarged.",
        "Worsening edema.",
        "No significant change.",
        "The effusion is larger than on the previous exam.",
        "The lungs are now clear.",
        "Nothing since the last film.",
    ],
)
def test_comparisons(text: str) -> None:
    assert Attribute.COMPARISON in attributes(text)


@pytest.mark.parametrize(
    "text",
    ["Degenerative changes of the spine.", "Chronic interstitial changes.", "Old rib fracture."],
)
def test_changes_that_compare_nothing(text: str) -> None:
    assert Attribute.COMPARISON not in attributes(text)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    flags = attributes(text)
    assert (Attribute.SIDE in flags) == (side_of(text) is not None)


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("A streaky opacity is noted.", True),
        ("Loculated pleural effusion.", True),
        ("A spiculated mass is present.", True),
        ("Calcified pleural plaques are present.", True),
        ("A cardiac pacemaker is present.", True),
        ("A central venous catheter is present.", True),
        ("The lungs are clear.", True),
        ("Heart size is normal and the lungs are clear.", True),
        ("An opacity is noted.", False),
        ("There is a pleural effusion.", False),
        ("Support devices are present.", False),
        ("No acute cardiopulmonary abnormality.", False),
        ("The heart is enlarged.", False),
    ],
)
def test_character(text: str, has: bool) -> None:
    assert (Attribute.CHARACTER in attributes(text)) == has
