"""Files of aligned sections: one header, nothing to parse, any number of readers.

Such a file is a 4 KiB header followed by plain arrays, each aligned to 4 KiB. Where each array
stands, its dtype and its shape are recorded in the manifest, whose digest protects them; the header
repeats the two leading sizes, so that a file that was swapped for another is noticed even before it
is hashed. All numbers are little-endian.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 4096
_HEADER = struct.Struct("<8sQQQ")  # magic, the two leading sizes, bytes of the whole file
# Small enough that the allocator gives the memory of temporary arrays back or uses it again.
_BLOCK = 2**18

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Section:
    """One array of a file."""

    dtypes: tuple[str, ...]
    """The dtypes it may have; the first is the usual one."""
    shape: tuple[str, ...]
    """A name per axis; axes of one name have one length, ``x+1`` is one more than ``x``. Digits
    stand for themselves."""
    group: str = ""
    """Sections of a named group are optional: all of them are there, or none."""


@dataclass(frozen=True)
class Layout:
    """Which sections a kind of file has, in the order in which they are written."""

    magic: bytes
    leading: tuple[str, str]
    """The two axis names whose lengths the header repeats."""
    sections: Mapping[str, Section]

    def plan(
        self, arrays: Arrays, dtypes: Mapping[str, str] | None = None
    ) -> tuple[dict[str, dict[str, Any]], int]:
        """Where each section will stand, as the manifest records it, and the size of the file.

        Args:
            arrays: one array a section.
            dtypes: sections that are stored in another dtype than the array has.

        Raises:
            ValueError: a section is missing, unknown, or has another dtype or shape.
        """
        records: dict[str, dict[str, Any]] = {}
        position = ALIGNMENT
        if unknown := set(arrays) - set(self.sections):
            raise ValueError(f"unknown sections {sorted(unknown)}")
        for name in self.sections:
            if name in arrays:
                array = arrays[name]
                dtype = np.dtype((dtypes or {}).get(name, array.dtype.name))
                shape = list(array.shape)
                records[name] = {"offset": position, "dtype": dtype.name, "shape": shape}
                position = _aligned(position + array.size * dtype.itemsize)
        self._sizes(records, {})
        return records, position

    def parts(self, arrays: Arrays, dtypes: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The bytes of the file, in order, a part at a time: an array may be a mapped one.

        Raises:
            ValueError: as ``plan``; or a number is not finite in the dtype it is stored in.
        """
        records, size = self.plan(arrays, dtypes)
        sizes = self._sizes(records, {})
        first, second = (sizes[name] for name in self.leading)
        yield _HEADER.pack(self.magic, first, second, size).ljust(ALIGNMENT, b"\0")
        for name, record in records.items():
            written = 0
            dtype = np.dtype(record["dtype"]).newbyteorder("<")
            for block in blocks(arrays[name]):
                with np.errstate(over="ignore"):  # found out below, with the section's name
                    block = np.ascontiguousarray(block, dtype)
                if dtype.kind == "f" and not all_finite(block):
                    raise ValueError(f"section {name} holds a number that {dtype.name} cannot")
                yield (data := block.tobytes())
                written += len(data)
            yield b"\0" * (_aligned(written) - written)

    def read(
        self, view: memoryview, records: Mapping[str, Any], known: Mapping[str, int]
    ) -> dict[str, NDArray[Any]]:
        """The sections of a file as read-only arrays over ``view``; values are not looked at.

        Args:
            view: the whole file.
            records: what the manifest says of each section.
            known: lengths of axes that the manifest states elsewhere.

        Raises:
            KeyError, TypeError, ValueError, struct.error: header, records and file disagree, or a
                section lies outside the file or over another one.
        """
        if unknown := set(records) - set(self.sections):
            raise ValueError(f"unknown sections {sorted(unknown)}")
        sizes = self._sizes(records, known)
        leading = tuple(sizes[name] for name in self.leading)
        if _HEADER.unpack_from(view) != (self.magic, *leading, len(view)):
            raise ValueError("header")
        arrays: dict[str, NDArray[Any]] = {}
        end = ALIGNMENT
        for name in self.sections:
            if name not in records:
                continue
            dtype = np.dtype(records[name]["dtype"])
            shape, offset = tuple(records[name]["shape"]), records[name]["offset"]
            size = math.prod(shape) * dtype.itemsize
            if type(offset) is not int or offset != end or offset + size > len(view):
                raise ValueError(name)
            arrays[name] = np.frombuffer(view[offset : offset + size], dtype).reshape(shape)
            end = _aligned(offset + size)
        if end != len(view):
            raise ValueError("size")
        return arrays

    def _sizes(self, records: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, int]:
        """The length of every named axis, from the shapes themselves."""
        sizes = dict(known)
        groups: dict[str, set[bool]] = {}
        for name, section in self.sections.items():
            groups.setdefault(section.group, set()).add(name in records)
            if name not in records:
                continue
            shape, dtype = records[name]["shape"], records[name]["dtype"]
            if dtype not in section.dtypes or len(shape) != len(section.shape):
                raise ValueError(f"section {name} is not {section.dtypes[0]} {section.shape}")
            for length, axis in zip(shape, section.shape, strict=True):
                base, more = (axis[:-2], 1) if axis.endswith("+1") else (axis, 0)
                expected = int(base) if base.isdigit() else sizes.setdefault(base, length - more)
                if type(length) is not int or length < more or length != expected + more:
                    raise ValueError(f"section {name} has shape {shape}, not {section.shape}")
        for group, present in groups.items():
            if present != {True} and (not group or present == {True, False}):
                raise ValueError(f"sections of {group or 'the file'} are missing")
        return sizes


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """An array as slices of 256 KiB along its first axis; longer where one row is."""
    row = max(1, array.nbytes // max(1, len(array)))
    step = max(1, _BLOCK // row)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def all_finite(array: NDArray[Any]) -> bool:
    """Whether no float32 or float16 of an array is NaN or infinite; in a little memory."""
    bits, exponent = {4: (np.uint32, 0x7F800000), 2: (np.uint16, 0x7C00)}[array.dtype.itemsize]
    mask = bits(exponent)
    return all(not np.any(block.view(bits) & mask == mask) for block in blocks(array))


def rising(offsets: NDArray[np.uint64], last: int, *, strictly: bool = False) -> bool:
    """Whether offsets begin at 0, end at ``last`` and never fall (``strictly``: always rise)."""
    fell = np.less_equal if strictly else np.less
    if offsets[0] != 0 or offsets[-1] != last:
        return False
    before = offsets[:1]
    for number, block in enumerate(blocks(offsets)):
        if (number and fell(block[:1], before)[0]) or np.any(fell(block[1:], block[:-1])):
            return False
        before = block[-1:]
    return True


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT
