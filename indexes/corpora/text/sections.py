"""Cuts a free-text report into its sections.

A heading is known by its words (``HEADINGS``) and by how it stands: at the start of a line or after
the end of a sentence and with a colon, alone on its line, or in capitals at the start of a line
that goes on in another case. Headings of organs ("HEART:") are no headings here; they belong to the
sentence that follows.

A section of a few words (an indication, a comparison) ends with its paragraph, because many reports
go on without a heading; the others last until the next heading.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BODY = ""
"""Text under no heading."""
EITHER = "findings and impression"
PRELIMINARY = "preliminary report"

_STUDY = r"(?:exam(?:ination)?|study|procedure|test|x-?ray|radiograph|film)s?"
_PART = r"(?:findings?|impressions?|conclusions?|opinion)"
HEADINGS: tuple[tuple[str, str], ...] = (
    (EITHER, rf"{_PART}(?: and |\s*[/&,+]\s*){_PART}"),
    (EITHER, r"(?:report|interpretation|results?|description|radiology report)"),
    (
        PRELIMINARY,
        r"wet read(?:ing)?|pfi(?: report)?|(?:provisional|preliminary) findings? impressions?",
    ),
    (PRELIMINARY, r"preliminary (?:report|read(?:ing)?|impressions?|findings?)"),
    ("end", r"end of (?:impressions?|report)"),
    (
        "impression",
        r"(?:final |overall |radiolog(?:ic|ical|ist'?s?) )?"
        r"(?:impressions?|conclusions?|opinion|summary|diagnos(?:is|es)|assessment)"
        r"(?:(?: and |\s*[/&]\s*)recommendations?)?",
    ),
    ("findings", r"(?:(?:chest|radiolog(?:ic|ical)|radiographic|imaging|x-?ray) )?findings?"),
    ("comparison", r"comparisons?(?: (?:stud(?:y|ies)|exams?|made|date))?|prior studies"),
    (
        "indication",
        r"(?:clinical )?(?:indications?|histor(?:y|ies)|information|data|statement|question|"
        r"details)(?:\s*(?:and|/|&)\s*(?:indications?|history|questions to be answered))?"
        rf"(?: (?:for|of) (?:the )?(?:{_STUDY}|present illness))?|"
        rf"reasons?(?: for(?: (?:the|this))? (?:{_STUDY}|request|referral))?|"
        r"(?:presenting|chief) complaints?|symptoms?|diagnosis code|"
        r"(?:underlying )?medical condition",
    ),
    ("technique", r"techniques?|views?|projections?|contrast|radiation dose|procedure"),
    (
        "examination",
        r"(?:type of )?(?:exam(?:ination)?|study|modality)(?: (?:type|date|time|name|"
        r"performed))?|date(?: of (?:exam(?:ination)?|study|service))?|time|narrative|"
        r"accession(?: number)?|mrn|patient(?: (?:name|id))?|title",
    ),
    ("recommendation", r"recommendations?(?:\(s\))?|plan|suggestions?|follow[- ]?up"),
    (
        "notification",
        r"notifications?|(?:critical )?communications?|critical results?|discussion|"
        r"physician notification",
    ),
    ("addendum", r"(?:final )?addend(?:um|a)(?: \d+)?"),
    (
        "signature",
        r"(?:electronically )?signed(?: by)?|dictated(?: by)?|transcribed(?: by)?|"
        r"attending(?: (?:radiologist|physician))?|radiologists?|resident|approved by|"
        r"read by|interpreted by|report (?:date|status|signed)",
    ),
    ("title", r"final report|report text"),
)
"""Name of a section and the words that head it. The first that fits counts."""

# These stand without a colon too: "IMPRESSION No acute disease."
_BARE = frozenset({EITHER, "impression", "findings", "comparison", "indication", "technique"})
# Words that are headings only at the start of a line: elsewhere they may be part of a sentence.
_LINE_ONLY = frozenset({"examination", "signature", "title", "end"})
_SHORT = frozenset({"comparison", "indication", "technique", "examination", "title", "end"})

_WORDS = "|".join(
    f"(?P<h{number}>{words})".replace(" ", " +") for number, (_, words) in enumerate(HEADINGS)
)
_CANDIDATE = re.compile(
    rf"(?:(?P<line>^) *(?:[*#>]+ *)?|(?<=[.!?;:\])]) +| {{2,}})"
    rf"(?:{_WORDS})(?![\w']) *(?:\([^()\n]{{0,24}}\) *)?[*]*"
    r"(?P<mark> *:+[*]*| +-+(?= )| *\.? *(?=\n|\Z)|(?= ))",
    re.IGNORECASE | re.MULTILINE,
)
# "PA AND LATERAL CHEST, ___:", the view as a heading of what it shows; and a ruled line.
_VIEW = re.compile(
    r"^ *(?=[^:\n]*\b(?:CHEST|VIEWS?|RADIOGRAPHS?|PORTABLE|X-?RAYS?)\b)"
    r"[A-Z](?:[A-Z0-9 ,./_&()'-]|\d:\d){2,70}:(?!\d)",
    re.MULTILINE,
)
_RULE = re.compile(r"^ *(?:_{12,}|-{12,}|={12,}|\*{12,}) *$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n *\n")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a report; heading and text of all sections, joined, are the whole report."""

    name: str
    """A name of ``HEADINGS``, or ``BODY``."""
    heading: str
    """As it is written, with its mark; empty where there is none."""
    text: str


def parse_sections(report: str, within: str = BODY) -> list[Section]:
    """Cut a report into sections.

    Args:
        report: text that went through ``normalise_report``.
        within: the section that text under no heading belongs to; a data set that gives findings
            and impression apart names them here, and still has a heading inside now and then.

    Returns:
        The sections in order, none of them empty, covering every character.
    """
    heads = sorted(_headings(report))
    sections: list[Section] = []
    begin = heads[0][0] if heads else len(report)
    if begin:
        sections.append(Section(within, "", report[:begin]))
    for number, (start, stop, name) in enumerate(heads):
        end = heads[number + 1][0] if number + 1 < len(heads) else len(report)
        cut = _end_of_paragraph(report, stop, end) if name in _SHORT else end
        sections.append(Section(name, report[start:stop], report[stop:cut]))
        if cut < end:
            sections.append(Section(within, "", report[cut:end]))
    return sections


def _headings(report: str) -> Iterator[tuple[int, int, str]]:
    """Start, stop and section of each heading, not overlapping."""
    taken: list[tuple[int, int]] = []
    for match in _RULE.finditer(report):
        taken.append(match.span())
        yield (*match.span(), "title")
    for match in _CANDIDATE.finditer(report):
        number = next(n for n in range(len(HEADINGS)) if match[f"h{n}"] is not None)
        name = HEADINGS[number][0]
        if _stands_as_heading(
            match, name, report.startswith("  ", match.end(f"h{number}")), report
        ):
            taken.append(match.span())
            yield (*match.span(), name)
    for match in _VIEW.finditer(report):
        if not any(start < match.end() and match.start() < stop for start, stop in taken):
            yield (*match.span(), "findings")


def _stands_as_heading(match: re.Match[str], name: str, gap: bool, report: str) -> bool:
    """Whether a candidate is a heading; ``gap``: more than a blank follows its words."""
    line, mark = match["line"] is not None, match["mark"]
    if not line and name in _LINE_ONLY:
        return False
    if ":" in mark:
        return True
    if not line:
        return False
    words = match.group().strip(" *#>.-")
    rest = report[match.end() : (report + "\n").index("\n", match.end())]
    if not rest.strip():  # alone on its line
        before = report[: match.start()].rstrip(" ")
        return words.isupper() or before.endswith("\n\n") or before in ("", "\n")
    if name not in _BARE or not words.isupper():
        return name in _BARE and "-" in mark
    return "-" in mark or gap or not rest.isupper()


def _end_of_paragraph(report: str, start: int, end: int) -> int:
    """Where the first paragraph with text after ``start`` ends, ``end`` at the latest."""
    filled = re.compile(r"\S").search(report, start, end)
    if filled is None:
        return end
    blank = _BLANK_LINE.search(report, filled.start(), end)
    return end if blank is None else blank.start()


@dataclass(frozen=True, slots=True)
class Selection:
    """What is taken of a report."""

    parts: tuple[tuple[str, str], ...]
    """Section (``findings``, ``impression``, or empty for either) and text, in order."""
    left_out: tuple[str, ...]
    """Names of the sections left out, one for each stretch that has words."""


def select(sections: Sequence[Section], wanted: Sequence[str]) -> Selection:
    """Choose the text that an index is made of.

    Text under no heading is taken only where findings and impression are both wanted and there is
    no findings section: all of it where the report has no heading at all, else the last stretch of
    it that holds prose, without titles (reports that open with a title and an indication go on so).
    A preliminary report is taken only where there is nothing else.

    Args:
        sections: what ``parse_sections`` gave.
        wanted: ``findings``, ``impression`` or both.
    """
    filled = [s for s in sections if any(map(str.isalpha, s.text))]
    names = {s.name for s in filled}
    everything = {"findings", "impression"} <= set(wanted)
    body = everything and not names & {"findings", EITHER}
    last = None
    if body and any(s.heading for s in sections):
        last = next((s for s in reversed(filled) if s.name == BODY and _prose(s.text)), None)
    parts: list[tuple[str, str]] = []
    left_out: list[str] = []
    for section in filled:
        if section.name in wanted:
            parts.append((section.name, section.text))
        elif section.name == EITHER:
            parts.append(("", section.text))
        elif section is last:
            parts.append(("", "\n\n".join(_prose(section.text))))
        elif section.name == BODY and body and not any(s.heading for s in sections):
            parts.append(("", section.text))
        else:
            left_out.append(section.name or "no heading")
    if not parts and everything and PRELIMINARY in names:
        parts = [("", s.text) for s in filled if s.name == PRELIMINARY]
        left_out = [name for name in left_out if name != PRELIMINARY]
    return Selection(tuple(parts), tuple(left_out))


def _prose(text: str) -> list[str]:
    """The paragraphs that read as sentences rather than as a title."""
    return [
        paragraph
        for paragraph in _BLANK_LINE.split(text)
        if len(paragraph.split()) >= 3 and re.search(r"[a-zA-Z]{2}\s*\.", paragraph)
    ]
