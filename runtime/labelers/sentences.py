"""Cuts a report into sentences.

Made for dictated English reports: numbered and bulleted impressions, section headings, decimals and
measurements, abbreviations, times, hard line wraps, lists with a line each, and full stops without
a following blank. It works in any case, because many sites send reports in capitals and many
corpora are in small letters; where capitals are there they decide what is ambiguous.
"""

import re
from collections.abc import Iterator

# Never the end of a sentence.
# fmt: off
_ABBREVIATIONS = frozenset((
    "dr", "drs", "mr", "mrs", "ms", "vs", "approx", "ca", "cf", "e.g", "i.e", "eg", "ie", "st",
    "fig", "pt", "resp", "dept", "prof", "temp",
))
# The end of a sentence only where a capital follows ("at 5 p.m. The heart ..."), or nothing.
_SOMETIMES = frozenset((
    "a.m", "p.m", "etc", "a.p", "p.a", "a.k.a", "bilat", "lat", "ant", "post", "sup", "inf", "med",
    "min", "max", "mod", "incl", "eff", "effs", "cardiomeg", "pulm", "rt", "lt", "ext", "int",
    "est", "ref", "hrs", "hr", "yrs", "yr", "wk", "wks", "mo",
))
# fmt: on
# "hepatitis C. No effusion.": a single letter that is no initial.
_LETTERED = frozenset(("hepatitis", "vitamin", "type", "grade", "class", "group", "level", "lead"))
# Headings that name an organ ("HEART: Normal.") stay: without them the sentence says nothing.
_HEADING = re.compile(
    r"^\s*(?:findings?(?:\s+and\s+impressions?)?|impressions?|conclusions?|opinion|report|chest|"
    r"(?:clinical\s+)?(?:indication|history)|technique|comparisons?|examination|exam|other)"
    r"\s*:(?!\d)\s*",
    re.IGNORECASE,
)
_BULLET = r"[-*•·‣▪●○◦]+"
_ENUMERATOR = re.compile(
    rf"^\s*(?:\(?\d{{1,2}}\s*[.):]{{1,2}}(?=\s|[A-Za-z]|$)|\d{{1,2}}\s+-(?=\s+[A-Za-z])|\([A-Za-z]\)(?=\s)|"
    rf"[A-Ha-h]\)(?=\s)|[a-h]\.(?=\s+[A-Z])|{_BULLET}(?=\s|[A-Za-z]|$))\s*"
)
_ITEM = rf"(?:\(?\d{{1,2}}\s*[.)]\s|\d{{1,2}}\.[A-Z]|[a-h][.)]\s|\([a-z]\)\s|{_BULLET}\s)"
_PARAGRAPH = re.compile(rf"\n\s*\n|\n(?=\s*(?:{_ITEM}|[A-Za-z][A-Za-z /]{{2,40}}:))")
# A line of a list: short, without a mark at its end, and the next one begins with a capital. A line
# that was wrapped is long, or ends in a word that wants another.
_LIST_LINE = 50
_OPEN_ENDED = re.compile(
    r"(?:[-,/&(]|\b(?:a|an|the|and|or|of|in|on|at|to|by|with|for|from|than|no|is|are|was|were|has|"
    r"have|dr\.?|mr\.?|mrs\.?|versus|vs\.?|right|left|upper|lower|mild|small|large))$",
    re.IGNORECASE,
)
_END = re.compile(
    r"[.!?]+(?=\s|$|[\"')\]])|(?<=[A-Za-z)]{2})\.(?=[A-Za-z]{2})|(?<=[a-zA-Z]{2})\.(?=\d{1,2}\.)|"
    r"(?<=[0-9_])\.(?=[A-Z][A-Za-z])|(?<=[a-z]) (?=\d{1,2}[.)] [A-Z])"
)
# What a number belongs to: "rib 7." goes on no list.
_NUMBERED = re.compile(
    r"(?:\b(?:ribs?|segments?|grade|type|level|stage|zone|image|view|series|no|number|of|at|to|and|"
    r"than|about|approximately|or|in|day|age|class|x))$",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"[\w.]+$")
_BEGINNING = re.compile(r"[A-Z](?:[a-z]| [a-z])")
_CLOCK = re.compile(r"\d:$")
_DOTTED = re.compile(r"(?:[a-z]\.)+[a-z]")


def split_sentences(text: str) -> list[str]:
    """Split a report into its sentences.

    Enumerators ("1.", "2)", "-") and section headings ("FINDINGS:") at the start of a sentence are
    dropped; line wraps become blanks; everything else is kept as it is written.

    Args:
        text: A report, a section or a sentence.

    Returns:
        The sentences in order, stripped, none empty, each with at least one letter.
    """
    sentences: list[str] = []
    for flat in _paragraphs(text):
        begin = 0
        for match in _END.finditer(flat):
            if _is_boundary(flat, match.start(), match.end()):
                _append(sentences, flat[begin : match.end()])
                begin = match.end()
        _append(sentences, flat[begin:])
    return sentences


def _paragraphs(text: str) -> Iterator[str]:
    """Stretches that no sentence crosses, on one line each."""
    for paragraph in _PARAGRAPH.split(text):
        open_lines: list[str] = []
        for line in paragraph.split("\n"):
            line = " ".join(line.split())
            if open_lines and line[:1].isupper() and _is_list_line(open_lines[-1]):
                yield " ".join(open_lines)
                open_lines = []
            if line:
                open_lines.append(line)
        yield " ".join(open_lines)


def _is_list_line(line: str) -> bool:
    return len(line) < _LIST_LINE and line[-1] not in ".!?:;" and not _OPEN_ENDED.search(line)


def _is_boundary(text: str, start: int, stop: int) -> bool:
    """Whether the punctuation ``text[start:stop]`` ends a sentence, and is no abbreviation."""
    # What follows and what precedes is looked at through windows, which keeps long texts linear.
    after = text[stop : stop + 8].lstrip(" \"'([")
    if text[start] == " ":
        return _goes_on(text, start)
    if text[start] != ".":
        return True
    if stop - start > 1:
        # Three dots and a small letter: a pause.
        return stop - start == 2 or not after[:1].islower()
    found = _WORD_BEFORE.search(text, max(0, start - 24), start)
    if found is None:
        return True
    word = found.group().lower()
    if word in _ABBREVIATIONS:
        return False
    if word in _SOMETIMES or _DOTTED.fullmatch(word):
        # A word in capitals throughout says nothing, it may stand in a text of capitals.
        return not after or _BEGINNING.match(after) is not None
    if word == "no":
        return not after[:1].isdigit()
    # A bare one- or two-digit number is an enumerator, unless a measurement or a time just ended.
    if word.isdigit() and len(word) <= 2:
        lead = text[max(0, found.start() - 8) : found.start()]
        return _CLOCK.search(lead) is not None or lead.rstrip()[-1:] not in (*".!?;:", "")
    if len(word) == 1 and word.isalpha() and after:
        # Initials: "J. Smith". A single letter after a blank is one, except at the very end.
        before = text[max(0, found.start() - 24) : found.start()].split()
        return bool(before) and before[-1].lower() in _LETTERED
    return True


def _goes_on(text: str, blank: int) -> bool:
    """Whether the number after a blank is the next one of a list ("1. Cardiomegaly 2. Edema")."""
    found = re.match(r"\d+", text[blank + 1 : blank + 3])
    if found is None or _NUMBERED.search(text[max(0, blank - 16) : blank]):
        return False
    number = int(found.group())
    if number == 1:
        return re.search(r"(?<!\d)2[.)] ?[A-Z]", text[blank : blank + 800]) is not None
    before = text[max(0, blank - 800) : blank]
    return re.search(rf"(?<![\d.]){number - 1}[.)] ?[A-Z]", before) is not None


def _append(sentences: list[str], piece: str) -> None:
    piece = piece.strip(" \"')]")
    while True:
        bare = _HEADING.sub("", _ENUMERATOR.sub("", piece, count=1), count=1)
        if bare == piece:
            break
        piece = bare
    if any(character.isalpha() for character in piece):
        sentences.append(piece)
