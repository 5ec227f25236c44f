"""The rule labeler against hand-written sentences, the known answers, and CheXpert's samples."""

import csv
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_edge.errors import CorpusError
from cxr_edge.labelers import LABELERS, get_labeler
from cxr_edge.labels import OBSERVATIONS, Mention

LABELER = get_labeler("rules")
SHORT = {
    "ECM": "Enlarged Cardiomediastinum",
    "CMG": "Cardiomegaly",
    "OPA": "Lung Opacity",
    "LES": "Lung Lesion",
    "EDE": "Edema",
    "CON": "Consolidation",
    "PNA": "Pneumonia",
    "ATE": "Atelectasis",
    "PTX": "Pneumothorax",
    "EFF": "Pleural Effusion",
    "PLO": "Pleural Other",
    "FRA": "Fracture",
    "DEV": "Support Devices",
    "NOF": "No Finding",
}
MARKS = {"+": Mention.POSITIVE, "-": Mention.NEGATIVE, "?": Mention.UNCERTAIN}


def said(text: str) -> set[str]:
    """The labels of a text as marks: ``{"EFF+", "PTX-"}``."""
    names = {name: short for short, name in SHORT.items()}
    marks = {int(value): mark for mark, value in MARKS.items()}
    return {
        f"{names[name]}{marks[int(value)]}"
        for name, value in zip(OBSERVATIONS, LABELER.label(text), strict=True)
        if value != Mention.BLANK
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Mentions.
        ("There is a small left pleural effusion.", "EFF+"),
        ("Pleural fluid tracks along the right minor fissure.", "EFF+"),
        ("Right hydropneumothorax.", "EFF+ PTX+"),
        ("Mild cardiomegaly.", "CMG+"),
        ("The heart is enlarged.", "CMG+"),
        ("Enlarged cardiac silhouette.", "CMG+"),
        ("Widened mediastinum.", "ECM+"),
        ("The cardiomediastinal silhouette is enlarged.", "ECM+ CMG+"),
        ("Streaky opacity at the left base.", "OPA+"),
        ("Coarse interstitial markings.", "OPA+"),
        ("The interstitial markings are normal.", "OPA- NOF+"),
        ("Apical scarring.", "OPA+"),
        ("A nodular opacity overlies the right upper lobe.", "OPA+ LES+"),
        ("Right hilar mass.", "LES+"),
        ("Platelike atelectasis.", "ATE+"),
        ("Collapse of the right middle lobe.", "ATE+"),
        ("Congestive heart failure.", "EDE+"),
        ("Pulmonary vascular congestion.", "EDE?"),
        ("Kerley B lines.", "EDE?"),
        ("Biapical pleural thickening.", "PLO+"),
        ("Healed right rib fractures.", "FRA+"),
        ("A right internal jugular catheter ends in the SVC.", "DEV+ NOF+"),
        ("Sternotomy wires are intact.", "DEV+ NOF+"),
        ("Multifocal pneumonia.", "PNA+"),
        # Look-alikes.
        ("Massive heart.", "NOF+"),
        ("The trachea is midline.", "NOF+"),
        ("Soft tissue edema.", "NOF+"),
        ("Pericardial effusion.", ""),
        ("Calcified nodule in the right lung.", ""),
        ("Evidence of previous granulomatous infection.", ""),
        ("Bilateral breast implants.", "NOF+"),
        ("Age-indeterminate rib fracture.", "FRA+"),
        # Negation and its reach.
        ("No pneumothorax.", "PTX- NOF+"),
        ("No pneumothorax, pleural effusion, or focal consolidation.", "PTX- EFF- CON- NOF+"),
        ("No pneumonia, effusions, edema, pneumothorax.", "PNA- EFF- EDE- PTX- NOF+"),
        ("There is no evidence of pleural effusion.", "EFF- NOF+"),
        (
            "The lungs are clear of airspace disease, pneumothorax, or effusion.",
            "OPA- PTX- EFF- NOF+",
        ),
        ("The lungs are free of focal infiltrates.", "OPA- NOF+"),
        ("Negative for pneumothorax or pleural effusion.", "PTX- EFF- NOF+"),
        ("No pneumothorax, small left effusion.", "PTX- EFF+"),
        ("No pneumothorax with a small effusion.", "PTX- EFF+"),
        ("No pneumothorax but there is a left effusion.", "PTX- EFF+"),
        ("No pneumothorax and mild cardiomegaly.", "PTX- CMG+"),
        ("Cardiomegaly without overt edema.", "CMG+ EDE-"),
        ("No focal opacity to suggest pneumonia.", "OPA- PNA- NOF+"),
        ("Atelectasis rather than pneumonia.", "ATE+ PNA-"),
        ("The pleural effusion has resolved.", "EFF- NOF+"),
        ("Interval resolution of the left effusion.", "EFF- NOF+"),
        ("Effusion is not seen.", "EFF- NOF+"),
        ("Pneumothorax and effusion are not identified.", "PTX- EFF- NOF+"),
        ("The chest tube has been removed.", "DEV- NOF+"),
        ("Pneumonia is unlikely.", "PNA- NOF+"),
        ("No focal consolidation or suspicious pulmonary opacity.", "CON- OPA- NOF+"),
        # What looks like a negation.
        ("No change in the right pleural effusion.", "EFF+"),
        ("Pleural effusion is not significantly changed.", "EFF+"),
        # Doubt and its reach.
        ("Possible small effusion.", "EFF?"),
        ("There may be a pneumothorax.", "PTX?"),
        ("Pneumonia cannot be excluded.", "PNA?"),
        ("Pneumonia is not excluded.", "PNA?"),
        ("Cannot exclude pneumonia.", "PNA?"),
        ("Cannot rule out a small pneumothorax.", "PTX?"),
        ("Left basilar opacity, pneumonia cannot be excluded.", "OPA+ PNA?"),
        ("Left basilar opacity suggesting pneumonia.", "OPA+ PNA?"),
        ("Opacity concerning for pneumonia.", "OPA+ PNA?"),
        ("Opacity is worrisome for neoplasm.", "OPA+ LES?"),
        ("Opacity likely represents atelectasis.", "OPA+ ATE+"),
        ("Opacity consistent with pneumonia.", "OPA+ PNA+"),
        ("Atelectasis versus pneumonia.", "ATE? PNA?"),
        ("Pleural thickening or small effusion.", "PLO? EFF?"),
        ("Cardiomegaly and/or pericardial effusion.", "CMG?"),
        ("No new effusion.", "EFF?"),
        ("A pneumonia would be a consideration.", "PNA?"),
        ("Metastatic disease is possible.", "LES?"),
        ("The nodule is not well-seen.", "LES?"),
        ("Differential diagnosis includes edema or infection.", "EDE? PNA?"),
        ("Possible effusion and cardiomegaly.", "EFF? CMG+"),
        ("No pneumothorax, possible small effusion.", "PTX- EFF?"),
        ("Is there an effusion?", "EFF?"),
        # Judgements of size.
        ("Heart size is normal.", "CMG- NOF+"),
        ("Normal heart size and mediastinal contours.", "CMG- ECM- NOF+"),
        ("Heart size and mediastinal contours are within normal limits.", "CMG- ECM- NOF+"),
        ("The cardiomediastinal silhouette is unremarkable.", "CMG- ECM- NOF+"),
        ("Heart size is normal and mediastinum is widened.", "CMG- ECM+"),
        ("The heart is not enlarged.", "CMG- NOF+"),
        ("Nonenlarged heart.", "CMG- NOF+"),
        ("Borderline heart size.", "CMG?"),
        ("Borderline cardiomegaly.", "CMG?"),
        ("The heart is at the upper limits of normal.", "CMG?"),
        ("The heart is top normal in size.", "CMG?"),
        ("Prominent cardiac silhouette.", "CMG?"),
        ("Stable cardiomediastinal silhouette.", "CMG? ECM?"),
        ("An enlarged cardiac silhouette is suspected.", "CMG?"),
        ("Opacity in the left lung with enlarged heart.", "OPA+ CMG+"),
        ("The lungs are clear.", "NOF+"),
        # Abnormal, outside the fourteen.
        ("Tortuous aorta.", ""),
        ("Hyperexpanded lungs.", ""),
        ("Degenerative changes of the thoracic spine.", ""),
        ("Calcified granuloma.", ""),
        ("Mild scoliosis.", ""),
        ("Blunting of the left costophrenic angle.", ""),
        ("No scoliosis.", "NOF+"),
        ("Normal chest.", "NOF+"),
    ],
)
def test_sentences(text: str, expected: str) -> None:
    assert said(text) == set(expected.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The two answers of CheXbert's published weights that the papers' notes record.
        (
            "Heart size normal and lungs are clear. No edema or pneumonia. No effusion",
            "CMG- EDE- PNA- EFF- NOF+",
        ),
        (
            "Minimal patchy airspace disease within the lingula, may reflect atelectasis or "
            "consolidation.",
            "OPA+ CON? ATE?",
        ),
    ],
)
def test_known_answers(text: str, expected: str) -> None:
    assert said(text) == set(expected.split())


def test_agrees_with_the_sample_reports_of_chexpert(shared_data: Path) -> None:
    path = shared_data / "labeler" / "chexpert" / "labeled_reports.csv"
    values = {"1.0": Mention.POSITIVE, "0.0": Mention.NEGATIVE, "-1.0": Mention.UNCERTAIN}
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert rows
    for row in rows:
        expected = [values.get(row[name], Mention.BLANK) for name in OBSERVATIONS]
        np.testing.assert_array_equal(LABELER.label(row["Reports"]), expected, row["Reports"])


def test_a_report_takes_the_strongest_value() -> None:
    assert said("No effusion. Possible effusion.") == {"EFF?"}
    assert said("Possible effusion. Small left effusion. No effusion on the right.") == {"EFF+"}


def test_agrees_with_manual_codes_of_open_i(shared_data: Path) -> None:
    from cxr_edge.benchmarks.parts.labeler import mesh_scores

    scores = {score.observation: score for score in mesh_scores(shared_data, LABELER)[0]}
    # Where a code means what the label means, and leaving out what the text itself doubts.
    for name in (
        "No Finding",
        "Cardiomegaly",
        "Lung Opacity",
        "Atelectasis",
        "Consolidation",
        "Pleural Effusion",
        "Pneumothorax",
        "Fracture",
    ):
        assert scores[name].f1_certain >= 0.9, name
    assert scores["Support Devices"].f1_certain >= 0.8


def test_output_form() -> None:
    labels = LABELER.label("No effusion.")
    assert labels.dtype == np.int8
    assert labels.shape == (14,)
    assert not LABELER.label("").any()
    assert not LABELER.label(" . 1. ").any()


def test_many_texts_are_labelled_in_their_order() -> None:
    texts = ["No effusion.", "", "Cardiomegaly."]
    labels = LABELER.label_all(texts)
    assert (labels.dtype, labels.shape) == (np.int8, (3, 14))
    np.testing.assert_array_equal(labels, [LABELER.label(text) for text in texts])
    assert LABELER.label_all([]).shape == (0, 14)


def test_registry() -> None:
    for name, place in LABELERS.items():
        module, _, attribute = place.partition(":")
        assert getattr(import_module(module), attribute).name == name
    with pytest.raises(CorpusError, match="expected one of chexbert, rules"):
        get_labeler("chexpert")


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300))
def test_any_text_gives_fourteen_mentions(text: str) -> None:
    labels = LABELER.label(text)
    assert labels.shape == (14,)
    assert set(labels.tolist()) <= {int(value) for value in Mention}


_VOCABULARY = (
    "no without possible small left effusion pneumothorax heart normal enlarged is are , and or . "
    "may represent pneumonia opacity cannot be excluded the lungs clear with borderline but"
)
_WORDS = st.sampled_from(_VOCABULARY.split())


@settings(deadline=None, max_examples=300)
@given(st.lists(_WORDS, max_size=25).map(" ".join))
def test_case_and_blanks_play_no_part(text: str) -> None:
    labels = LABELER.label(text)
    np.testing.assert_array_equal(LABELER.label(text.upper()), labels)
    np.testing.assert_array_equal(LABELER.label(text.replace(" ", "  ")), labels)


@settings(deadline=None, max_examples=100)
@given(st.lists(_WORDS, min_size=1, max_size=12).map(" ".join))
def test_no_finding_is_never_beside_a_finding(text: str) -> None:
    labels = dict(zip(OBSERVATIONS, LABELER.label(text), strict=True))
    if labels.pop("No Finding") == Mention.POSITIVE:
        labels.pop("Support Devices")
        assert not {Mention.POSITIVE, Mention.UNCERTAIN} & {Mention(v) for v in labels.values()}
