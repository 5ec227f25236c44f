"""The attributes of one data set by keyword, each converted at most once.

A reader asks for about seventy attributes, most of which are absent, and for some of them several
times. pydicom's ``Dataset.get`` makes an attribute error of each absent one and a whole
``DataElement`` of each that is there; here the value alone is made, by pydicom's own converter.
"""

from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.values import convert_value

_PLAIN = frozenset(
    {
        *("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"),
        *("SL", "SS", "UL", "US"),
    }
)
"""Value representations whose value depends on nothing but its bytes and the character set."""
_ABSENT = object()


class Elements:
    """A data set that is only read. Use it inside ``quiet_pydicom``.

    Values are those of ``Dataset.get``; but pydicom's hooks, by which a host program may change
    what pydicom reads, are not asked.
    """

    def __init__(self, dataset: Dataset) -> None:
        """Keep a data set; nothing is converted yet."""
        self._dataset = dataset
        self._tags = dataset.keys()
        self._charset = dataset.original_character_set
        self._values: dict[str, Any] = {}

    @property
    def little_endian(self) -> bool:
        """Whether numbers were stored with the lowest byte first."""
        return bool(self._dataset.original_encoding[1])

    def __contains__(self, keyword: str) -> bool:
        """Say whether the attribute is there, with or without a value."""
        return _tag(keyword) in self._tags

    def __getitem__(self, keyword: str) -> Any:  # noqa: ANN401
        """Return a value.

        Raises:
            KeyError: The attribute is absent.
        """
        value = self.get(keyword, _ABSENT)
        if value is _ABSENT:
            raise KeyError(keyword)
        return value

    def get(self, keyword: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return a value as pydicom makes it, or ``default`` where the attribute is absent."""
        value = self._values.get(keyword, self)
        if value is self:
            value = self._values[keyword] = self._convert(keyword)
        return default if value is _ABSENT else value

    def _convert(self, keyword: str) -> Any:  # noqa: ANN401
        tag = _tag(keyword)
        if tag not in self._tags:
            return _ABSENT
        raw = self._dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and raw.value is not None and self._charset:
            kind = raw.VR or dictionary_VR(tag)
            if kind in _PLAIN:
                try:
                    return convert_value(kind, raw, self._charset)
                except Exception:  # what is damaged is left to pydicom's own ways
                    return self._dataset.get(keyword, _ABSENT)
        return self._dataset.get(keyword, _ABSENT)


@cache
def _tag(keyword: str) -> BaseTag:
    """Return the tag of a keyword of the data dictionary."""
    number = tag_for_keyword(keyword)
    assert number is not None, keyword
    return Tag(number)
