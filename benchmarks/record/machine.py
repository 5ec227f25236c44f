"""The machine and what runs on it: processor, memory, GPU, versions, and how busy it is."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cxr_edge.benchmarks.record.stolen import share, ticks
from cxr_edge.engines import default_threads

_PACKAGES = (
    "cxr-edge",
    "numpy",
    "pydicom",
    "threadpoolctl",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
    "tensorrt-rtx-cu13-bindings",
    "imagecodecs",
    "torch",
    "onnx",
    "hnswlib",
    "usearch",
    "faiss-cpu",
    "scikit-learn",
    "matplotlib",
)
_FLAGS = re.compile(r"avx\w*|fma|f16c|amx_\w+|asimd\w*|i8mm|bf16|sve\w*")
"""Of a processor's flags those that choose between the inner loops of what is measured here."""
_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "ONEDNN_MAX_CPU_ISA",
    "CUDA_VISIBLE_DEVICES",
)
"""Environment variables that change what a library runs on."""
_PATIENCE = 20
"""Seconds that nvidia-smi may take; on a machine that just started its driver it takes a few."""


def load_average() -> list[float] | None:
    """Runnable processes over the last 1, 5 and 15 minutes; None where the system keeps none."""
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except (OSError, AttributeError):
        return None


_BEFORE = load_average()
"""Taken when the command's modules are imported, so before it does any work."""
_TICKS = ticks()
"""Likewise."""


def today() -> str:
    """The day in UTC, as 2026-11-22."""
    return datetime.now(UTC).date().isoformat()


def machine() -> dict[str, object]:
    """The machine and what runs on it now; None stands for what the system does not tell.

    ``cores`` is what the machine has, ``threads`` what this process may use; ``memory_mib`` and
    each GPU's are in MiB; ``load_average`` is that when the program began and that of now;
    ``stolen`` the share of the processor time wanted since then that other guests of the machine
    got.
    """
    return {
        "date": today(),
        "processor": _processor(),
        "flags": _flags(),
        "cores": os.cpu_count(),
        "threads": default_threads(),
        "memory_mib": _memory(),
        "gpus": _gpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "settings": {name: os.environ[name] for name in _SETTINGS if name in os.environ},
        "load_average": {"before": _BEFORE, "after": load_average()},
        "stolen": share(_TICKS, ticks()),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cpuinfo(*names: str) -> str:
    """The first line of /proc/cpuinfo that has one of these names; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(rf"^(?:{'|'.join(names)})\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _flags() -> list[str] | None:
    # x86 says "flags", ARM says "Features".
    told = _cpuinfo("flags", "Features")
    return sorted(flag for flag in told.split() if _FLAGS.fullmatch(flag)) if told else None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (AttributeError, OSError, ValueError):
        return None


def _gpus() -> list[dict[str, object]]:
    """NVIDIA GPUs with their driver, as nvidia-smi or, without it, as the driver tells."""
    asked = "--query-gpu=name,driver_version,memory.total"
    try:
        done = subprocess.run(
            ["nvidia-smi", asked, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return _driver_files(Path("/proc/driver/nvidia"))
    rows = [line.split(", ") for line in done.stdout.splitlines() if line.count(", ") == 2]
    return [
        {"name": name, "driver": driver, "memory_mib": int(size) if size.isdigit() else None}
        for name, driver, size in rows
    ]


def _driver_files(folder: Path) -> list[dict[str, object]]:
    """What the NVIDIA driver shows as files."""
    try:
        loaded = re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", (folder / "version").read_text())
        cards = sorted(folder.glob("gpus/*/information"))
        texts = [card.read_text() for card in cards]
    except OSError:
        return []
    names = [re.search(r"^Model:\s*(.+)$", text, re.MULTILINE) for text in texts]
    return [
        {
            "name": name[1].strip() if name else "NVIDIA GPU",
            "driver": loaded[1] if loaded else None,
            "memory_mib": None,
        }
        for name in names
    ]
