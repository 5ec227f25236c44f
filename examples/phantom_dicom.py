"""Wraps the phantom's pixels as a Digital X-Ray Image for presentation (PS3.3 A.26)."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

# Fixed UIDs, derived once from random UUIDs, so that the file is the same on every run.
STUDY_UID = UID("2.25.137866371930117230962173953407231906001")
SERIES_UID = UID("2.25.137866371930117230962173953407231906002")
INSTANCE_UID = UID("2.25.137866371930117230962173953407231906003")
IMPLEMENTATION_UID = UID("2.25.137866371930117230962173953407231906004")
DAY = "20260101"
TIME = "120000"


def encode(pixels: NDArray[np.uint16], spacing_mm: float) -> bytes:
    """Return a DICOM file with the picture of a person who does not exist.

    Args:
        pixels: uint16 (h, w), 0..4095, high values bright (dense).
        spacing_mm: pixel spacing at the detector.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = INSTANCE_UID
    _patient_and_study(dataset)
    _series_and_equipment(dataset)
    _image(dataset, spacing_mm)
    _pixels(dataset, pixels)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # Our own, so that the bytes do not depend on the version of pydicom.
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_UID
    dataset.file_meta.ImplementationVersionName = "CXR_EDGE_PHANTOM"
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _patient_and_study(dataset: Dataset) -> None:
    dataset.PatientName = "PHANTOM^CHEST"
    dataset.PatientID = "PHANTOM-1"
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "O"
    dataset.StudyInstanceUID = STUDY_UID
    dataset.StudyID = "1"
    dataset.StudyDate = dataset.SeriesDate = DAY
    dataset.StudyTime = dataset.SeriesTime = TIME
    dataset.StudyDescription = "Synthetic chest radiograph"
    dataset.AccessionNumber = "PHANTOM1"
    dataset.ReferringPhysicianName = ""


def _series_and_equipment(dataset: Dataset) -> None:
    dataset.Modality = "DX"
    dataset.SeriesInstanceUID = SERIES_UID
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = "Procedural phantom, PA"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.Manufacturer = "cxr-edge"
    dataset.ManufacturerModelName = "examples/phantom.py"


def _image(dataset: Dataset, spacing_mm: float) -> None:
    """General Image, DX Anatomy, DX Image, DX Detector and DX Positioning modules."""
    dataset.InstanceNumber = 1
    dataset.ContentDate = dataset.AcquisitionDate = DAY
    dataset.ContentTime = dataset.AcquisitionTime = TIME
    dataset.ImageType = ["DERIVED", "PRIMARY", ""]
    dataset.DerivationDescription = "Computed from geometry; no patient was imaged"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = Sequence([_code("51185008", "SCT", "Chest")])
    view = _code("399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = Sequence()
    dataset.ViewCodeSequence = Sequence([view])
    dataset.AcquisitionContextSequence = Sequence()
    dataset.DetectorType = ""
    dataset.ImagerPixelSpacing = [spacing_mm, spacing_mm]
    dataset.PositionerType = ""
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"


def _pixels(dataset: Dataset, pixels: NDArray[np.uint16]) -> None:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept = 0
    dataset.RescaleSlope = 1
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.WindowCenter = 2048
    dataset.WindowWidth = 4096
    dataset.PixelData = np.ascontiguousarray(pixels, dtype="<u2").tobytes()


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
