"""Acronyms that are written out, and those that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.indexes.corpora.text.acronyms import expand_acronyms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No PTX.", "No pneumothorax."),
        ("PTX is small.", "Pneumothorax is small."),
        ("Small PTXs.", "Small pneumothoraces."),
        ("no ptx.", "no pneumothorax."),
        ("BLLF opacities.", "Bilateral lower lung field opacities."),
        ("Haze in the BLLF.", "Haze in the bilateral lower lung fields."),
        ("RLL PNA.", "Right lower lobe pneumonia."),
        ("RUL, RML, LUL and LLL clear.",
         "Right upper lobe, right middle lobe, left upper lobe and left lower lobe clear."),
        ("ETT and NGT in place.", "Endotracheal tube and nasogastric tube in place."),
        ("The NG tube ends in the stomach.", "The nasogastric tube ends in the stomach."),
        ("R IJ CVL ends in the SVC.",
         "Right internal jugular central venous line ends in the superior vena cava."),
        ("AICD in place.", "Automatic implantable cardioverter-defibrillator in place."),
        ("ICD leads.", "Implantable cardioverter-defibrillator leads."),
        ("Signs of CHF.", "Signs of congestive heart failure."),
        ("Sternotomy s/p CABG.", "Sternotomy status post coronary artery bypass grafting."),
        ("Opacity c/w edema.", "Opacity consistent with edema."),
        ("Line w/ tip high.", "Line with tip high."),
        ("Clear w/o edema.", "Clear without edema."),
        ("b/l effusions", "bilateral effusions"),
        ("SOB and fever.", "Shortness of breath and fever."),
        ("Small eff. on the right.", "Small effusion on the right."),
        ("No eff.", "No effusion."),
        ("Cardiomeg. without edema.", "Cardiomegaly without edema."),
        ("Effs, R>L.", "Effusions, right greater than left."),
        ("R lung clear, L base hazy.", "Right lung clear, left base hazy."),
        ("L-sided pacemaker.", "Left-sided pacemaker."),
    ],
)  # fmt: skip
def test_written_out(text: str, expected: str) -> None:
    assert expand_acronyms(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "PICC in place.",  # better known than what it stands for
        "COPD and CT unchanged.",
        "PE cannot be excluded.",  # pulmonary embolism, pleural effusion
        "CM.",  # cardiomegaly, a centimetre
        "MS.",  # mitral stenosis, multiple sclerosis
        "RA pressure.",  # right atrium, room air, rheumatoid arthritis
        "LAD.",  # lymphadenopathy, left anterior descending artery, left axis deviation
        "PVC.",  # pulmonary vascular congestion, premature ventricular contraction
        "CVA tenderness.",  # costovertebral angle, cerebrovascular accident
        "BL.",  # bilateral, baseline
        "L1 compression, R2.",  # vertebrae
        "Vitamin L. No R.",
        "ICD-10 code J18.",
        "They sob.",
        "Scull and stull.",
    ],
)
def test_left_alone(text: str) -> None:
    assert expand_acronyms(text) == text


PIECES = st.sampled_from(
    ["PTX", "RLL", "R", "L", "IJ", "eff.", "w/", "w/o", "s/p", "ICD", "ICD-10", "lung", "base",
     "SOB", "R>L", "BLLF", "opacities", "Bilat.", "pulm.", ",", "."]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_once_is_enough(text: str) -> None:
    once = expand_acronyms(text)
    assert expand_acronyms(once) == once


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    assert expand_acronyms(expand_acronyms(text)) == expand_acronyms(text)
