"""What a figure needs beside it: the machine, the day, the versions, and a safe file."""

import json
import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cxr_edge.atomic import write_atomically
from cxr_edge.engines import default_threads

_PACKAGES = ("cxr-edge", "numpy", "pydicom", "onnxruntime", "imagecodecs")


def machine() -> dict[str, object]:
    """The machine and what runs on it now."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "threads": default_threads(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Model name and the vector extensions that matter here, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    model = re.search(r"model name\s*:\s*(.+)", text)
    flags = re.search(r"flags\s*:\s*(.+)", text)
    has = set(flags[1].split()) if flags else set()
    vectors = [f for f in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f in has]
    return " ".join([model[1] if model else platform.machine(), *vectors])


def write_json(target: Path, data: Mapping[str, object]) -> None:
    """Write a record whole or not at all.

    Raises:
        OutputError: the disk refuses.
    """
    write_atomically(target, json.dumps(data, indent=1).encode() + b"\n")
