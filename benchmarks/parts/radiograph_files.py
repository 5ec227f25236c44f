"""A drawn radiograph at the size of a real detector, stored in each transfer syntax."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, RLELossless, generate_uid

ROWS, COLUMNS, BITS = 3050, 2500, 12
_NOISE = 8.0
"""Deviation of the noise in stored values; it sets what lossless compression can reach."""
_CR = "1.2.840.10008.5.1.4.1.1.1"
_JPEG = "1.2.840.10008.1.2.4."
NATIVE = {
    "Implicit VR Little Endian": "1.2.840.10008.1.2",
    "Explicit VR Little Endian": "1.2.840.10008.1.2.1",
    "Deflated": "1.2.840.10008.1.2.1.99",
    "Explicit VR Big Endian": "1.2.840.10008.1.2.2",
}
_Encoder = Callable[[NDArray[np.uint16]], bytes | bytearray]


def draw_radiograph(number: int = 0) -> NDArray[np.uint16]:
    """Return uint16 (3050, 2500), 12 bits: bright middle and base, two dark lungs, ribs, noise.

    Args:
        number: which one: where the body stands, how dark the lungs are and the noise depend on it.
    """
    shift = 0.01 * (number % 5)
    down = ((np.arange(ROWS) + 0.5) / ROWS)[:, None] - shift
    across = ((np.arange(COLUMNS) + 0.5) / COLUMNS)[None, :] + shift
    body = 0.5 + 0.25 * np.exp(-(((across - 0.53) / 0.1) ** 2)) + 0 * down
    for x in (0.3, 0.71):
        lung = np.exp(-(((across - x) / 0.12) ** 2) - ((down - 0.42) / 0.3) ** 2)
        body += lung * (0.03 * np.sin(60.0 * down + 6.0 * across) - 0.35 + 0.03 * (number % 7))
    body += 0.25 / (1.0 + np.exp(-(down - 0.8) / 0.05))
    noise = np.random.default_rng(number).normal(0.0, _NOISE, body.shape)
    top = (1 << BITS) - 1
    return np.clip(body * top + noise, 0, top).astype(np.uint16)


def write_studies(folder: Path, count: int) -> Iterator[Path]:
    """Write so many different radiographs, each a native study of its own, and yield the files."""
    syntax = NATIVE["Explicit VR Little Endian"]
    for number in range(count):
        pixels = draw_radiograph(number)
        yield _write(folder / f"study-{number:04d}.dcm", syntax, pixels, None)


def write_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the radiograph once for each transfer syntax that can be encoded here.

    Yields:
        The name of the syntax and the file. Compressed ones need the package ``imagecodecs``.
    """
    pixels = draw_radiograph()
    for name, syntax in NATIVE.items():
        yield name, _write(folder / f"{syntax}.dcm", syntax, pixels, None)
    rle = _dataset(RLELossless)
    rle.compress(RLELossless, pixels, encoding_plugin="pydicom", generate_instance_uid=False)
    path = folder / f"{RLELossless}.dcm"
    rle.save_as(path, enforce_file_format=True)
    yield "RLE Lossless", path
    if importlib.util.find_spec("imagecodecs") is None:
        return
    for name, (suffix, encode) in _encoders().items():
        syntax = _JPEG + suffix
        yield name, _write(folder / f"{syntax}.dcm", syntax, pixels, encode)


def _encoders() -> dict[str, tuple[str, _Encoder]]:
    import imagecodecs as codecs

    eight: _Encoder = lambda a: codecs.jpeg8_encode((a >> 4).astype(np.uint8), level=95)  # noqa: E731
    return {
        "JPEG Baseline, 8 bit": ("50", eight),
        "JPEG Extended, 12 bit": (
            "51",
            lambda a: codecs.jpeg8_encode(a, level=95, bitspersample=BITS),
        ),
        "JPEG Lossless": (
            "70",
            lambda a: codecs.jpeg8_encode(a, lossless=True, predictor=1, bitspersample=BITS),
        ),
        "JPEG-LS Lossless": ("80", codecs.jpegls_encode),
        "JPEG-LS Near-Lossless": ("81", lambda a: codecs.jpegls_encode(a, level=2)),
        "JPEG 2000 Lossless": (
            "90",
            lambda a: codecs.jpeg2k_encode(
                a, codecformat="j2k", reversible=True, bitspersample=BITS
            ),
        ),
        "JPEG 2000": (
            "91",
            lambda a: codecs.jpeg2k_encode(
                a, codecformat="j2k", reversible=False, level=60, bitspersample=BITS
            ),
        ),
        "HTJ2K Lossless": ("201", codecs.htj2k_encode),
    }


def _write(path: Path, syntax: str, pixels: NDArray[np.uint16], encode: _Encoder | None) -> Path:
    dataset = _dataset(syntax)
    if encode is None:
        order = ">" if syntax == NATIVE["Explicit VR Big Endian"] else "<"
        dataset.add_new("PixelData", "OW", pixels.astype(f"{order}u2").tobytes())
    else:
        dataset.add_new("PixelData", "OB", encapsulate([bytes(encode(pixels))]))
        dataset["PixelData"].is_undefined_length = True
    if syntax.endswith(".50"):
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.WindowCenter, dataset.WindowWidth = 128, 240
    dataset.save_as(path, enforce_file_format=True)
    return path


def _dataset(syntax: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.SOPClassUID = _CR
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.Modality = "CR"
    dataset.ViewPosition = "PA"
    dataset.BodyPartExamined = "CHEST"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = 2048, 3600
    return dataset
