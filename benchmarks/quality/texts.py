"""Which text of a report is compared."""

from typing import Literal

from cxr_edge.indexes.corpora.text.normalise import normalise_report
from cxr_edge.indexes.corpora.text.sections import parse_sections, select

Section = Literal["report", "findings", "impression"]
SECTIONS: tuple[Section, ...] = ("report", "findings", "impression")


def chosen_text(findings: str, impression: str, section: Section = "report") -> str:
    """Findings, impression or both as one line.

    Args:
        findings: text of the section, may be empty.
        impression: text of the section, may be empty.
        section: ``report`` is findings and impression; ``findings`` is the findings where there are
            any, else the impression; ``impression`` the impression alone.
    """
    if section == "report":
        text = f"{findings} {impression}"
    elif section == "findings":
        text = findings if findings.strip() else impression
    else:
        text = impression
    return " ".join(text.split())


def split_report(text: str) -> tuple[str, str]:
    """Findings and impression of a whole report, without their headings.

    A text without any heading is findings, word for word. The rules are those that the readers of
    corpora follow (``docs/corpus.md``).
    """
    sections = parse_sections(normalise_report(text))
    if not any(section.heading for section in sections):
        return " ".join(text.split()), ""
    parts = select(sections, ("findings", "impression")).parts
    return (
        " ".join(" ".join(part.split()) for name, part in parts if name != "impression"),
        " ".join(" ".join(part.split()) for name, part in parts if name == "impression"),
    )
