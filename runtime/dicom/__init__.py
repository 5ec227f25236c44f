"""Reads studies: DICOM files, folders, zips and streams, and plain pictures for researchers."""

from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.reader import StudyReader, read_study

__all__ = ["Limits", "StudyReader", "read_study"]
