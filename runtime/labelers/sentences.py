"""Cuts a report into sentences.

Made for dictated English reports: numbered impressions, section headings, decimals, abbreviations,
hard line wraps, and full stops without a following blank. Case plays no part, because many sites
send reports in capitals.
"""

import re

# fmt: off
_ABBREVIATIONS = frozenset((
    "dr", "mr", "mrs", "ms", "vs", "approx", "ca", "cf", "e.g", "i.e", "eg", "ie", "etc", "st",
    "fig", "pt", "resp", "dept", "prof", "temp", "a.m", "p.m",
))
# fmt: on
# Headings that name an organ ("HEART: Normal.") stay: without them the sentence says nothing.
_HEADING = re.compile(
    r"^\s*(?:findings?(?:\s+and\s+impressions?)?|impressions?|conclusions?|opinion|report|chest|"
    r"(?:clinical\s+)?(?:indication|history)|technique|comparisons?|examination|exam|other)"
    r"\s*:(?!\d)\s*",
    re.IGNORECASE,
)
_ENUMERATOR = re.compile(r"^\s*(?:\(?\d{1,2}\s*[.):]|[-*•])(?=\s|[A-Za-z]|$)\s*")
_PARAGRAPH = re.compile(
    r"\n\s*\n|\n(?=\s*(?:\(?\d{1,2}\s*[.)]\s|[-*•]\s|[A-Za-z][A-Za-z /]{2,40}:))"
)
_END = re.compile(
    r"[.!?]+(?=\s|$|[\"')\]])|(?<=[A-Za-z)]{2})\.(?=[A-Za-z]{2})|(?<=[a-zA-Z]{2})\.(?=\d{1,2}\.)"
)
_WORD_BEFORE = re.compile(r"[\w.]+$")


def _is_boundary(text: str, start: int, stop: int) -> bool:
    """Whether the punctuation ``text[start:stop]`` ends a sentence, and is no abbreviation."""
    if text[start] != "." or stop - start > 1:
        return True
    # The longest abbreviation is far shorter than this window; it keeps long texts linear.
    found = _WORD_BEFORE.search(text, max(0, start - 24), start)
    if found is None:
        return True
    word = found.group().lower()
    if word in _ABBREVIATIONS:
        return False
    # A bare one- or two-digit number is an enumerator, unless a measurement just ended.
    if word.isdigit() and len(word) <= 2:
        lead = text[: found.start()].rstrip()
        return bool(lead) and lead[-1] not in ".!?;:"
    # Initials: "J. Smith". A single letter after a blank is one, except at the very end.
    return not (
        len(word) == 1 and word.isalpha() and stop < len(text) and text[stop:].strip() != ""
    )


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
    for paragraph in _PARAGRAPH.split(text):
        flat = " ".join(paragraph.split())
        begin = 0
        for match in _END.finditer(flat):
            if _is_boundary(flat, match.start(), match.end()):
                _append(sentences, flat[begin : match.end()])
                begin = match.end()
        _append(sentences, flat[begin:])
    return sentences


def _append(sentences: list[str], piece: str) -> None:
    piece = piece.strip(" \"')]")
    while True:
        bare = _HEADING.sub("", _ENUMERATOR.sub("", piece, count=1), count=1)
        if bare == piece:
            break
        piece = bare
    if any(character.isalpha() for character in piece):
        sentences.append(piece)
