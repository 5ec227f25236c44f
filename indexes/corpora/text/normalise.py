"""Writes the same thing the same way: characters, blanks, list numbers, the final full stop.

Two steps, each of which changes nothing the second time: a report before it is cut into sections
(line breaks are kept, they mean something), and a sentence after it was split off. Beyond what is
said here the text stays as it was written.
"""

import re
import unicodedata
from html import unescape

# Characters that look alike, and line ends of every kind.
_PLAIN = {
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0x2043, 0xFE58, 0xFE63), "-"),
    **dict.fromkeys((0x2018, 0x2019, 0x201A, 0x201B, 0x2032, 0x00B4, 0x02BC, 0x0060), "'"),
    **dict.fromkeys((0x201C, 0x201D, 0x201E, 0x201F, 0x2033, 0x00AB, 0x00BB), '"'),
    **dict.fromkeys((0x000B, 0x000C, 0x0085, 0x2028, 0x2029), "\n"),
    0x2044: "/",
    0x2215: "/",
    0x0009: "  ",  # two, because a gap wider than a blank tells a heading from a sentence
}
_LINE_END = re.compile(r"\r\n?|\\r\\n|\\n(?![a-z])")
_ENTITY = re.compile(r"&(?:gt|lt|amp|quot|apos|nbsp|#\d{2,4});")
_TEMPLATE = re.compile(r"\[<|>\]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)

_GAP = re.compile(r" {3,}")

_LIST_NUMBER = re.compile(
    r"^(?:\(?\d{1,2}\s*[.):]{1,2}(?![\d.])|\(?\d{1,2}\s+-(?=\s+[A-Za-z])|\([a-zA-Z]\)(?=\s)|"
    r"[a-hA-H]\)|[a-hA-H]\.(?=\s+[A-Z][a-z])|[-*•·‣▪●○◦]+(?=\s|[A-Za-z]))\s*"
)
_BEFORE_MARK = re.compile(r"\s+(?=[.,;:!?](?:\s|$))")
_TAIL = re.compile(r"[\s.,;:]*$")
_CAPITALS_SHARE = 0.9
_CAPITALS_LETTERS = 12
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# What stays in capitals when a report written in them is put in ordinary case. Words that are also
# English words ("OR", "US", "IT") are not here.
# fmt: off
_CAPITALS = frozenset((
    "AICD", "AP", "ARDS", "AV", "BLLF", "CABG", "CHF", "COPD", "CPA", "CT", "CTA", "CVC", "CVL",
    "CXR", "ECG", "ECMO", "EKG", "ET", "ETT", "GI", "HIV", "IABP", "ICD", "ICU", "II", "III", "IJ",
    "IV", "IVC", "JVD", "LA", "LAO", "LLL", "LUL", "LV", "LVAD", "MRI", "NG", "NGT", "NICU", "OG",
    "OGT", "PA", "PE", "PEG", "PET", "PICC", "PNA", "PTX", "RAO", "RLL", "RML", "RUL", "RV", "SVC",
    "TAVR", "TB", "TIPS", "TPN", "UGI", "VATS", "VP", "VQ",
))
# fmt: on


def normalise_report(text: str) -> str:
    """Put the characters of a report in one form; line breaks become ``\\n`` and stay.

    Compatibility forms are joined (NFKC), dashes, quotation marks and blanks made plain, invisible
    characters taken out, a written-out ``\\n`` turned into a line break, entities of XML resolved,
    and the ``[<...>]`` of dictation templates taken off. A gap is two blanks: whoever looks for
    one would try every beginning of a long one with every end.
    """
    while (plain := _ENTITY.sub(lambda entity: unescape(entity.group()), text)) != text:
        text = plain
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", text).translate(_PLAIN))
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    while (plain := _TEMPLATE.sub(" ", text)) != text:
        text = plain
    return "\n".join(line.rstrip() for line in _GAP.sub("  ", text).split("\n"))


def in_capitals(text: str) -> bool:
    """Whether a text is written in capitals: at least nine letters of ten, and a dozen of them."""
    capitals, small = sum(map(str.isupper, text)), sum(map(str.islower, text))
    letters = capitals + small
    return letters >= _CAPITALS_LETTERS and capitals >= _CAPITALS_SHARE * letters


def sentence_case(text: str) -> str:
    """Put a sentence that is written in capitals in ordinary case.

    The first letter and common acronyms stay in capitals, and so do names with a number (T11).
    """

    def word(match: re.Match[str]) -> str:
        written = match.group()
        if written.upper() in _CAPITALS or any(map(str.isdigit, written)):
            return written
        return written.lower()

    lowered = _WORD.sub(word, text)
    first = next((n for n, c in enumerate(lowered) if c.isalpha()), None)
    if first is None:
        return lowered
    capital = lowered[first].upper()
    # The capital of some letters is two of them.
    return lowered[:first] + capital + lowered[first + 1 :] if len(capital) == 1 else lowered


def normalise_sentence(text: str, *, capitals: bool = False) -> str:
    """Put one sentence in its final form.

    Single blanks, none before a mark; no list number or bullet at the start; one full stop at the
    end unless it ends in another mark.

    Args:
        text: a sentence of a report that went through ``normalise_report``.
        capitals: it comes from a text written in capitals and is put in ordinary case.

    Returns:
        The sentence; empty where there is nothing but marks.
    """
    text = _BEFORE_MARK.sub("", " ".join(text.split()))
    # A number that is all there is stays.
    while (bare := _LIST_NUMBER.sub("", text, count=1)) != text and any(map(str.isalnum, bare)):
        text = bare
    if text.startswith("[") and "]" not in text:
        text = text[1:].lstrip()
    text = _TAIL.sub("", text)
    if not any(map(str.isalnum, text)):
        return ""
    if not text.endswith(("?", "!")):
        text += "."
    return sentence_case(text) if capitals else text
