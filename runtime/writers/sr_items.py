"""Content items of a structured report (PS3.3 C.17.3) as pydicom data sets.

Only the value types that the Basic Text SR IOD allows and that we use (PS3.3 A.35.1): CONTAINER,
TEXT, CODE, UIDREF and IMAGE.
"""

from collections.abc import Iterable
from typing import NamedTuple

from pydicom import Dataset
from pydicom.sequence import Sequence


class Code(NamedTuple):
    """A coded concept (PS3.3 Table 8.8-1)."""

    value: str
    scheme: str
    meaning: str

    def dataset(self) -> Dataset:
        """The concept as the item of a code sequence."""
        item = Dataset()
        item.CodeValue = self.value
        item.CodingSchemeDesignator = self.scheme
        item.CodeMeaning = self.meaning
        return item


def text(relationship: str, concept: Code, value: str) -> Dataset:
    """A TEXT item; ``value`` is of any length (VR UT)."""
    item = _item(relationship, "TEXT", concept)
    item.TextValue = value
    return item


def code(relationship: str, concept: Code, value: Code, *children: Dataset) -> Dataset:
    """A CODE item."""
    item = _item(relationship, "CODE", concept)
    item.ConceptCodeSequence = Sequence([value.dataset()])
    if children:
        item.ContentSequence = Sequence(children)
    return item


def uid(relationship: str, concept: Code, value: str) -> Dataset:
    """A UIDREF item."""
    item = _item(relationship, "UIDREF", concept)
    item.UID = value
    return item


def image(relationship: str, concept: Code, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """An IMAGE item: a reference to a whole single-frame image."""
    item = _item(relationship, "IMAGE", concept)
    item.ReferencedSOPSequence = Sequence([reference(sop_class_uid, sop_instance_uid)])
    return item


def container(concept: Code, children: Iterable[Dataset]) -> Dataset:
    """A heading with the items under it."""
    item = _item("CONTAINS", "CONTAINER", concept)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = Sequence(children)
    return item


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """SOP Instance Reference Macro (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _item(relationship: str, value_type: str, concept: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType = relationship
    item.ValueType = value_type
    item.ConceptNameCodeSequence = Sequence([concept.dataset()])
    return item
