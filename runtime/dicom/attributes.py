"""Reads and checks the attributes that say how the pixels are stored (PS3.3 C.7.6.3)."""

from dataclasses import dataclass

from pydicom.uid import UID

from cxr_edge.dicom.elements import Elements
from cxr_edge.dicom.limits import Limits
from cxr_edge.errors import StudyError

CR = "1.2.840.10008.5.1.4.1.1.1"
DX_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ACCEPTED_CLASSES = frozenset({CR, DX_PRESENTATION, SECONDARY_CAPTURE})
_PHOTOMETRICS = frozenset(
    {
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"),
        *("YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
    }
)
_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class PixelFormat:
    """How the stored values lie in PixelData."""

    rows: int
    columns: int
    bits_allocated: int
    """8 or 16."""
    bits_stored: int
    high_bit: int
    signed: bool
    inverted: bool
    """MONOCHROME1 or PresentationLUTShape INVERSE."""

    @property
    def bytes_per_pixel(self) -> int:
        """1 or 2."""
        return self.bits_allocated // 8

    @property
    def frame_bytes(self) -> int:
        """Length of the uncompressed frame."""
        return self.rows * self.columns * self.bytes_per_pixel


def check_sop_class(elements: Elements) -> str:
    """Return the SOPClassUID of an accepted image.

    Raises:
        StudyError: It is something else than CR, DX for presentation or Secondary Capture.
    """
    uid = str(elements.get("SOPClassUID", "") or "").strip("\0 ")
    if uid in ACCEPTED_CLASSES:
        return uid
    expected = "a CR, DX for presentation or Secondary Capture chest image was expected"
    if not uid:
        raise StudyError(f"the file names no SOP class; {expected}")
    if uid == DX_PROCESSING:
        raise StudyError(f"the image is DX for processing, not for presentation; {expected}")
    name = UID(uid).name
    known = "of a kind this program does not know" if name == uid else f"of the kind {name}"
    raise StudyError(f"the object is {known}; {expected}")


def read_pixel_format(elements: Elements, limits: Limits) -> PixelFormat:
    """Read and check the Image Pixel attributes.

    Raises:
        StudyError: One is missing, inconsistent, past a limit, or describes an image that is not a
            single grey frame of square pixels.
    """
    rows, columns = _integer(elements, "Rows"), _integer(elements, "Columns")
    smallest, largest = limits.min_side, limits.max_side
    if min(rows, columns) < smallest:
        raise StudyError(
            f"the image has {rows} rows and {columns} columns; at least {smallest} of each are "
            "needed for a chest radiograph"
        )
    if max(rows, columns) > largest or rows * columns > limits.max_pixels:
        raise StudyError(
            f"the image states {rows} rows and {columns} columns; at most {largest} a side and "
            f"{limits.max_pixels // 1_000_000} million pixels are read"
        )
    _check_grey_single_frame(elements)
    allocated, stored = _integer(elements, "BitsAllocated"), _integer(elements, "BitsStored")
    if allocated not in (8, 16):
        raise StudyError(f"BitsAllocated is {allocated}; 8 or 16 was expected")
    high_bit = _integer(elements, "HighBit", stored - 1)
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise StudyError(
            f"BitsAllocated {allocated}, BitsStored {stored} and HighBit {high_bit} contradict "
            "each other; export the image again"
        )
    representation = _integer(elements, "PixelRepresentation", 0)
    if representation not in (0, 1):
        raise StudyError(f"PixelRepresentation is {representation}; 0 or 1 was expected")
    _check_square_pixels(elements)
    shape = str(elements.get("PresentationLUTShape", "") or "").strip().upper()
    photometric = str(elements.get("PhotometricInterpretation", "")).strip().upper()
    # Both say the same thing; a MONOCHROME1 image that carries INVERSE is inverted once.
    inverted = photometric == "MONOCHROME1" or shape == "INVERSE"
    return PixelFormat(rows, columns, allocated, stored, high_bit, representation == 1, inverted)


def _check_grey_single_frame(elements: Elements) -> None:
    photometric = str(elements.get("PhotometricInterpretation", "") or "").strip().upper()
    samples = _integer(elements, "SamplesPerPixel", 1)
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        known = photometric in _PHOTOMETRICS
        kind = photometric if known else "not one of the standard's"
        raise StudyError(
            f"the image is not grey (PhotometricInterpretation {kind}, {samples} samples a "
            "pixel); MONOCHROME1 or MONOCHROME2 with one sample was expected"
        )
    frames = _integer(elements, "NumberOfFrames", 1)
    if frames != 1:
        raise StudyError(f"the image has {frames} frames; a single frame was expected")


def _check_square_pixels(elements: Elements) -> None:
    """Refuse pixels that are not square: a network trained on square ones would see a chest of
    another shape. Spacings of zero or less, which some devices write, say nothing.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        try:
            first, second = (float(value) for value in elements.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if first > 0 and second > 0 and abs(first / second - 1) > _ASPECT_TOLERANCE:
            raise StudyError(
                f"the pixels are not square ({keyword}); resample the image to square pixels"
            )


def _integer(elements: Elements, keyword: str, default: int | None = None) -> int:
    value = elements.get(keyword)
    if value is None or value == "":
        if default is None:
            raise StudyError(f"the header has no {keyword}; an image with it was expected")
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"the header's {keyword} is not one whole number") from None
