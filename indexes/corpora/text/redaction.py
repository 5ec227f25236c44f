"""Marks that stand where a name, a date or a word was taken out of a report.

``XXXX`` (Open-I), ``___`` (MIMIC-CXR), ``[**...**]`` (MIMIC-II and III), ``<...>`` and ``[...]``
around a word for what was removed.
"""

import re

_WHAT = (
    r"(?:redacted|removed|de-?identified|deleted|name|first name|last name|date|time|hospital|"
    r"location|phone|age|id|mrn|doctor|physician|patient)s?(?: ?\d+)?"
)
_MARK = re.compile(rf"\[\*\*.*?\*\*\]|x{{3,}}|_{{2,}}|[<\[]{_WHAT}[>\]]", re.IGNORECASE | re.DOTALL)
# The mark with what is glued to it ("x-XXXX", "XXXX-year-old"), less the marks of a sentence.
_GLUED = re.compile(r"[^\s(\[.,;:!?]*\x00[^\s.,;:!?)\]]*(?:[.,](?=[^\s.,])[^\s.,;:!?)\]]*)*")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|\"\s*\"")
_DANGLING = re.compile(
    r"(?:[\s,]+(?:on|at|by|with|from|to|of|in|for|the|a|an|and|or|drs?\.?+|dated|since|per|"
    r"than))+\s*(?=[.,;:!?)]|$)",
    re.IGNORECASE,
)


def has_redaction(text: str) -> bool:
    """Whether a text carries a redaction mark."""
    return _MARK.search(text) is not None


def strip_redaction(text: str) -> str:
    """Take the marks out, with what is glued to them and the small words left dangling.

    "Normal chest x-XXXX." becomes "Normal chest.", "placed on ___ by Dr. ___." becomes "placed.".
    What is left need not be a good sentence: "There are no XXXX of effusion" loses its noun.
    """
    if not has_redaction(text):
        return text
    bare = _EMPTY.sub("", _GLUED.sub("", _MARK.sub("\x00", text)))
    bare = " ".join(_DANGLING.sub("", bare).split())
    return re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"^[\s.,;:]+", "", bare)).strip()
