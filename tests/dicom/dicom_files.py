"""Builds DICOM files for tests: one drawn chest, stored in every way the reader accepts."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

CR = "1.2.840.10008.5.1.4.1.1.1"
SECRET = "Secret^Person"
J = "1.2.840.10008.1.2.4."
NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
LOSSLESS = {
    J + "57": lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12),
    J + "70": lambda a: imagecodecs.jpeg8_encode(a, lossless=True, predictor=1, bitspersample=12),
    J + "80": lambda a: imagecodecs.jpegls_encode(a),
    J + "90": lambda a: imagecodecs.jpeg2k_encode(
        a, codecformat="j2k", reversible=True, bitspersample=12
    ),
    J + "201": lambda a: imagecodecs.htj2k_encode(a),
    J + "202": lambda a: imagecodecs.htj2k_encode(a),
}
LOSSY = {
    J + "51": lambda a: imagecodecs.jpeg8_encode(a, level=98, bitspersample=12),
    J + "81": lambda a: imagecodecs.jpegls_encode(a, level=2),
    J + "91": lambda a: imagecodecs.jpeg2k_encode(
        a, codecformat="j2k", reversible=False, level=60, bitspersample=12
    ),
    J + "203": lambda a: imagecodecs.htj2k_encode(a),
}


def draw_chest(rows: int = 300, columns: int = 260, top: int = 4095) -> np.ndarray:
    """Return uint16 (rows, columns), 0..top: bright middle and base, two dark lungs, noise."""
    down, across = np.mgrid[0:rows, 0:columns].astype(float)
    down, across = (down + 0.5) / rows, (across + 0.5) / columns
    body = 0.55 + 0.25 * np.exp(-(((across - 0.53) / 0.1) ** 2))
    for x in (0.3, 0.71):
        body -= 0.4 * np.exp(-(((across - x) / 0.12) ** 2) - ((down - 0.42) / 0.3) ** 2)
    body += 0.25 / (1 + np.exp(-(down - 0.8) / 0.05))
    body += np.random.default_rng(7).normal(0, 0.004, body.shape)
    return np.clip(body * top, 1, top - 1).astype(np.uint16)


def make_dataset(pixels: np.ndarray, **attributes: object) -> Dataset:
    """Return a CR image of a chest; an attribute given as None is left out."""
    ds = Dataset()
    defaults: dict[str, object] = {
        "SOPClassUID": CR,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "PatientName": SECRET,
        "PatientID": "Hidden-17",
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "StudyDate": "20260102",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": 12 if pixels.itemsize == 2 else 8,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "WindowCenter": 2048 if pixels.itemsize == 2 else None,
        "WindowWidth": 4096 if pixels.itemsize == 2 else None,
    }
    values = {**defaults, **attributes}
    if values.get("BitsStored") is not None:
        values.setdefault("HighBit", int(values["BitsStored"]) - 1)  # type: ignore[call-overload]
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
    return ds


def store(ds: Dataset, pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return the bytes of a DICOM file with ``pixels`` stored in ``syntax``."""
    if syntax in NATIVE:
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        ds.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        if len(ds.PixelData) % 2:
            ds.PixelData += b"\0"
        if order == ">" and pixels.itemsize == 1:  # two in a word, the first in its lower byte
            ds.PixelData = np.frombuffer(ds.PixelData, np.uint16).byteswap().tobytes()
        ds["PixelData"].VR = "OW"
        return to_bytes(ds, syntax)
    if syntax == RLELossless:
        ds.file_meta = FileMetaDataset()
        ds.compress(syntax, pixels, encoding_plugin="pydicom", generate_instance_uid=False)
        return to_bytes(ds, syntax)
    frame = {**LOSSLESS, **LOSSY}[syntax](pixels)
    return encapsulated(ds, bytes(frame), syntax)


def encapsulated(ds: Dataset, frame: bytes, syntax: str) -> bytes:
    """Return the bytes of a DICOM file that carries one compressed frame as it is."""
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return to_bytes(ds, syntax)


def to_bytes(ds: Dataset, syntax: str) -> bytes:
    """Write a data set with preamble and file meta information."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID") or CR
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID") or generate_uid()
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> Path:
    """Write bytes and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def save_chest(path: Path, syntax: str = ExplicitVRLittleEndian, **attributes: object) -> Path:
    """Write the drawn chest as a DICOM file."""
    pixels = draw_chest()
    return write(path, store(make_dataset(pixels, **attributes), pixels, syntax))
