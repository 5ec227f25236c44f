"""Shared libraries and drivers that an engine needs, looked up without loading any of them.

A library that is broken may end the process that loads it, so that only files are read here: the
``DT_NEEDED`` entries of the ELF format (System V ABI, chapter 5), the names of files, and what the
NVIDIA driver writes into /proc. On systems without ELF everything is simply unknown.
"""

import os
import re
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB = 1, 5
_DRIVER = Path("/proc/driver/nvidia/version")


def needed(library: Path) -> list[str]:
    """Names of the shared libraries that a 64-bit little-endian ELF file asks for, in order.

    An empty list where the file is not there or is of another kind.
    """
    try:
        with library.open("rb") as file:
            head = file.read(64)
            if head[:6] != b"\x7fELF\x02\x01":
                return []
            place = struct.unpack_from("<Q", head, 32)[0]
            size, count = struct.unpack_from("<HH", head, 54)
            file.seek(place)
            table = file.read(size * count)
            # Of each segment: type, offset in the file, address, bytes in the file.
            parts = [struct.unpack_from("<I4xQQ8xQ", table, k * size) for k in range(count)]
            dynamic = next(part for part in parts if part[0] == _DYNAMIC)
            file.seek(dynamic[1])
            entries = list(struct.iter_unpack("<qQ", file.read(dynamic[3] // 16 * 16)))
            address = next(value for tag, value in entries if tag == _STRTAB)
            home = next(p for p in parts if p[0] == _LOAD and p[2] <= address < p[2] + p[3])
            names = []
            for tag, value in entries:
                if tag == _NEEDED:
                    file.seek(address - home[2] + home[1] + value)
                    names.append(file.read(256).split(b"\0", 1)[0].decode())
            return names
    except (OSError, StopIteration, struct.error, UnicodeDecodeError):
        return []


def locate(name: str) -> Path | None:
    """The file that the loader would most likely take for a library's name, links followed.

    Looked up in ``LD_LIBRARY_PATH``, in the folders of NVIDIA's wheels on Python's path, and in the
    loader's cache.
    """
    folders = [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if p]
    for root in sys.path:
        folders += sorted(Path(root or ".", "nvidia").glob("*/lib"))
    for folder in folders:
        if (folder / name).exists():
            return (folder / name).resolve()
    cached = _loader_cache().get(name)
    return cached.resolve() if cached else None


@cache
def _loader_cache() -> dict[str, Path]:
    """What the loader knows from its configuration, by library name."""
    for program in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        try:
            listed = subprocess.run([program, "-p"], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            continue
        pairs = re.findall(r"^\s+(\S+) \(.*x86-64.*\) => (\S+)$", listed.stdout, re.MULTILINE)
        return {name: Path(path) for name, path in reversed(pairs)}
    return {}


def version_of(library: Path) -> str:
    """The version that a library's file name carries; its whole name where that has none."""
    match = re.search(r"\.so\.([\d.]+)$", library.name)
    return match[1] if match else library.name


def nvidia_driver() -> str | None:
    """Version of the NVIDIA driver whose kernel module is loaded; None where there is none."""
    try:
        match = re.search(r"\b(\d{3,}(?:\.\d+)+)\b", _DRIVER.read_text())
    except OSError:
        return None
    return match[1] if match else None
