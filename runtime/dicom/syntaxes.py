"""The transfer syntaxes this program reads, and what decodes each (PS3.5 section 10, annex A)."""

from dataclasses import dataclass

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class Syntax:
    """How the pixel data of one transfer syntax is stored."""

    name: str
    codec: str
    """``native``, ``rle``, or the family a decode worker handles: ``jpeg``, ``jpeg-lossless``,
    ``jpeg-ls``, ``jpeg2000``, ``htj2k``."""


_JPEG = "1.2.840.10008.1.2.4."
SYNTAXES: dict[str, Syntax] = {
    IMPLICIT_LITTLE: Syntax("Implicit VR Little Endian", "native"),
    EXPLICIT_LITTLE: Syntax("Explicit VR Little Endian", "native"),
    DEFLATED: Syntax("Deflated Explicit VR Little Endian", "native"),
    EXPLICIT_BIG: Syntax("Explicit VR Big Endian", "native"),
    RLE: Syntax("RLE Lossless", "rle"),
    _JPEG + "50": Syntax("JPEG Baseline", "jpeg"),
    _JPEG + "51": Syntax("JPEG Extended", "jpeg"),
    _JPEG + "57": Syntax("JPEG Lossless, Process 14", "jpeg-lossless"),
    _JPEG + "70": Syntax("JPEG Lossless, Selection Value 1", "jpeg-lossless"),
    _JPEG + "80": Syntax("JPEG-LS Lossless", "jpeg-ls"),
    _JPEG + "81": Syntax("JPEG-LS Near-Lossless", "jpeg-ls"),
    _JPEG + "90": Syntax("JPEG 2000 Lossless", "jpeg2000"),
    _JPEG + "91": Syntax("JPEG 2000", "jpeg2000"),
    _JPEG + "201": Syntax("HTJ2K Lossless", "htj2k"),
    _JPEG + "202": Syntax("HTJ2K Lossless RPCL", "htj2k"),
    _JPEG + "203": Syntax("HTJ2K", "htj2k"),
}
