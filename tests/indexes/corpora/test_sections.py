"""Sections of free-text reports: our own sentences in the layouts that data sets have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_edge.indexes.corpora.text.normalise import normalise_report
from cxr_edge.indexes.corpora.text.sections import parse_sections, select

BOTH = ("findings", "impression")


def chosen(report: str, wanted: tuple[str, ...] = BOTH, within: str = "") -> list[tuple[str, str]]:
    selection = select(parse_sections(normalise_report(report), within), wanted)
    return [(section, " ".join(text.split())) for section, text in selection.parts]


def left_out(report: str) -> set[str]:
    return set(select(parse_sections(normalise_report(report)), BOTH).left_out)


MIMIC = """\
                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with cough  // pneumonia?

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  None.

 FINDINGS:

 The lungs are clear.

 The heart is of normal size.

 IMPRESSION:

 No acute process.

 RECOMMENDATION(S):  CT of the chest.

 NOTIFICATION:  Dr. ___ was told by telephone.
"""


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            MIMIC,
            [
                ("findings", "The lungs are clear. The heart is of normal size."),
                ("impression", "No acute process."),
            ],
        ),
        (
            "FINDINGS: Clear lungs.\nIMPRESSION: Normal.",
            [("findings", "Clear lungs."), ("impression", "Normal.")],
        ),
        (
            "findings: clear lungs.\nimpression: normal.",
            [("findings", "clear lungs."), ("impression", "normal.")],
        ),
        (
            "Findings\nClear lungs.\n\nImpression\nNormal.",
            [("findings", "Clear lungs."), ("impression", "Normal.")],
        ),
        (
            "Indication: cough. Findings: Clear lungs. Impression: Normal.",
            [("findings", "Clear lungs."), ("impression", "Normal.")],
        ),
        (
            "FINDINGS: Clear lungs. CONCLUSION: Normal.",
            [("findings", "Clear lungs."), ("impression", "Normal.")],
        ),
        ("CONCLUSIONS: Normal chest.", [("impression", "Normal chest.")]),
        ("OPINION: Normal chest.", [("impression", "Normal chest.")]),
        ("FINAL IMPRESSION: Normal chest.", [("impression", "Normal chest.")]),
        ("IMPRESSION AND RECOMMENDATIONS: Normal chest.", [("impression", "Normal chest.")]),
        ("FINDINGS AND IMPRESSION: Normal chest.", [("", "Normal chest.")]),
        ("FINDINGS/IMPRESSION: Normal chest.", [("", "Normal chest.")]),
        ("Impression & Findings:\nNormal chest.", [("", "Normal chest.")]),
        ("REPORT:\nNormal chest.", [("", "Normal chest.")]),
        ("IMPRESSION No acute disease.", [("impression", "No acute disease.")]),
        ("IMPRESSION  NO ACUTE DISEASE.", [("impression", "NO ACUTE DISEASE.")]),
        ("IMPRESSION - No acute disease.", [("impression", "No acute disease.")]),
        (
            "IMPRESSION:\n1. Clear lungs.\n2. Normal heart.",
            [("impression", "1. Clear lungs. 2. Normal heart.")],
        ),
        ("**FINDINGS:** Clear lungs.", [("findings", "Clear lungs.")]),
        ("FINDINGS (AP):  Clear lungs.", [("findings", "Clear lungs.")]),
        ("CHEST FINDINGS: Clear lungs.", [("findings", "Clear lungs.")]),
        # A view heads what it shows.
        ("PORTABLE AP CHEST, 4:12 A.M., ___:  Clear lungs.", [("findings", "Clear lungs.")]),
        (
            "HISTORY: Cough.\n\nTWO VIEWS OF THE CHEST:  Clear lungs.\n\nIMPRESSION: Normal.",
            [("findings", "Clear lungs."), ("impression", "Normal.")],
        ),
        # Organs are no sections, and words of sentences no headings.
        (
            "FINDINGS:\nHEART: Normal.\nLUNGS: Clear.",
            [("findings", "HEART: Normal. LUNGS: Clear.")],
        ),
        ("FINDINGS CONSISTENT WITH EDEMA.", [("", "FINDINGS CONSISTENT WITH EDEMA.")]),
        ("The\nfindings are those of edema.", [("", "The findings are those of edema.")]),
        ("Findings consistent with edema.", [("", "Findings consistent with edema.")]),
        # Text under no heading.
        ("The lungs are clear.\n\nNo effusion.", [("", "The lungs are clear. No effusion.")]),
        (
            "PA AND LATERAL CHEST, ___\n\nHISTORY:  Cough.\n\nThe lungs are clear.",
            [("", "The lungs are clear.")],
        ),
        (
            "HISTORY:  Cough.\n\nThe lungs are clear.\n\nIMPRESSION:  Normal.",
            [("", "The lungs are clear."), ("impression", "Normal.")],
        ),
        ("CHEST ON ___\n\nFINDINGS: Clear lungs.", [("findings", "Clear lungs.")]),
        # A preliminary report counts where there is no other.
        ("WET READ: ___ 8:54 PM\n Clear lungs.", [("", "___ 8:54 PM Clear lungs.")]),
        (
            "WET READ: Clear.\n" + "_" * 70 + "\n FINAL REPORT\n FINDINGS: No effusion.",
            [("findings", "No effusion.")],
        ),
        # What comes after the conclusion.
        ("IMPRESSION: Normal.\nADDENDUM: The date was wrong.", [("impression", "Normal.")]),
        ("IMPRESSION: Normal.\nElectronically signed by: A. Reader", [("impression", "Normal.")]),
        ("IMPRESSION: Normal.\nEND OF IMPRESSION\nI agree.", [("impression", "Normal.")]),
        ("", []),
        ("INDICATION: Cough.", []),
    ],
)
def test_what_is_taken(report: str, expected: list[tuple[str, str]]) -> None:
    assert chosen(report) == expected


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("INDICATION", "indication"),
        ("CLINICAL HISTORY", "indication"),
        ("HISTORY OF PRESENT ILLNESS", "indication"),
        ("REASON FOR EXAM", "indication"),
        ("REASON FOR THIS EXAMINATION", "indication"),
        ("Clinical information", "indication"),
        ("INDICATION/HISTORY", "indication"),
        ("CLINICAL INFORMATION & QUESTIONS TO BE ANSWERED", "indication"),
        ("UNDERLYING MEDICAL CONDITION", "indication"),
        ("COMPARISON", "comparison"),
        ("COMPARISON STUDIES", "comparison"),
        ("TECHNIQUE", "technique"),
        ("VIEWS", "technique"),
        ("EXAM", "examination"),
        ("TYPE OF EXAMINATION", "examination"),
        ("NARRATIVE", "examination"),
        ("RECOMMENDATIONS", "recommendation"),
        ("RECOMMENDATION(S)", "recommendation"),
        ("NOTIFICATION", "notification"),
        ("COMMUNICATION", "notification"),
        ("ADDENDUM", "addendum"),
        ("FINAL ADDENDUM", "addendum"),
        ("PROVISIONAL FINDINGS IMPRESSION (PFI)", "preliminary report"),
        ("WET READ", "preliminary report"),
        ("DICTATED BY", "signature"),
    ],
)
def test_what_is_left_out(heading: str, section: str) -> None:
    assert left_out(f"FINDINGS: Clear lungs.\n\n{heading}: Some words here.") == {section}


def test_one_section_is_wanted_as_the_papers_do() -> None:
    assert chosen(MIMIC, ("impression",)) == [("impression", "No acute process.")]
    assert chosen("The lungs are clear.", ("impression",)) == []
    assert chosen("FINDINGS AND IMPRESSION: Clear.", ("impression",)) == [("", "Clear.")]


def test_a_section_given_apart_may_hold_headings() -> None:
    cell = "COMPARISON: None.\n\nThe lungs are clear.\n\nRECOMMENDATION: CT."
    assert chosen(cell, within="findings") == [("findings", "The lungs are clear.")]
    assert chosen("IMPRESSION: Normal.", within="impression") == [("impression", "Normal.")]


WORDS = st.sampled_from(
    ["FINDINGS:", "Impression:", "HISTORY:", "WET READ:", "\n", "\n\n", "clear", "Heart", "normal.",
     "IMPRESSION", "___", "FINAL REPORT", "_" * 14,
     "1.", "COMPARISON", " ", "  ", "CHEST, AP:", "No"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=40).map(" ".join)))
def test_sections_cover_every_character(text: str) -> None:
    report = normalise_report(text)
    assert "".join(s.heading + s.text for s in parse_sections(report)) == report


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_what_is_taken_was_there(text: str) -> None:
    report = normalise_report(text)
    for _, part in select(parse_sections(report), BOTH).parts:
        for paragraph in part.split("\n\n"):
            assert paragraph in report
