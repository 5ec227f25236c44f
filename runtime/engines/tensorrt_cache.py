"""Plans that were built before, as plain files: checked before any library sees them.

A plan is code that runs with the user's rights. One is taken only from a folder that nobody else
may write to, when its side-car names the very key that is asked for and its bytes have the SHA-256
that the side-car gives. Everything else is built again.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cxr_edge.atomic import replace_file
from cxr_edge.engines.base import Weights
from cxr_edge.errors import OutputError

SCHEMA = "cxr-edge/plan/1"
VARIABLE = "CXR_EDGE_ENGINES"

State = Literal["hit", "missing", "stale", "corrupt", "unsafe"]


@dataclass(frozen=True)
class PlanKey:
    """All that a plan depends on."""

    backend: str
    """Module of the library: ``tensorrt`` or ``tensorrt_rtx_bindings``."""
    version: str
    """Its exact version."""
    model: str
    """SHA-256 (hex) of the ONNX graph, which holds the precision of every layer."""
    weights: dict[str, str]
    """SHA-256 of each file of weights outside of it, by name."""
    profiles: dict[str, list[int]]
    """Fewest, best and most of each open axis."""
    flags: list[str]
    """How the builder was set."""
    device: str
    """Name and compute capability of the GPU, or the targets of a plan that is made for several."""
    driver: int | None
    """Major version of its driver; None where a plan is not bound to one."""
    system: str
    """Operating system and processor, such as ``Linux x86_64``."""

    @property
    def stem(self) -> str:
        """File name of the plan without its ending: the same for every version of the library."""
        parts = [self.backend, self.model, self.device, *self.flags]
        return f"{self.backend}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}"


@dataclass(frozen=True)
class Found:
    """What the cache holds for a key."""

    state: State
    plan: bytes | None
    """Only with ``hit``."""
    why: str
    """What differs or is damaged, in a few words; empty with ``hit``."""


def hashes(model: bytes, weights: Weights) -> tuple[str, dict[str, str]]:
    """SHA-256 (hex) of a graph, and of each file of weights by name."""
    outside = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(weights.items())}
    return hashlib.sha256(model).hexdigest(), outside


def default_folder() -> Path:
    """``$CXR_EDGE_ENGINES``, otherwise ``cxr-edge/engines`` in the user's cache folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cxr-edge" / "engines"


def look_up(folder: Path, key: PlanKey) -> Found:
    """The plan of a key, if it is there, whole, ours and of that very key. Never raises."""
    plan, side = folder / f"{key.stem}.plan", folder / f"{key.stem}.json"
    try:
        if complaint := _open_to_others(folder):
            return Found("unsafe", None, complaint)
        if not (side.exists() and plan.exists()):
            return Found("missing", None, f"no plan of this network in {folder}")
        record = json.loads(side.read_bytes())
        if record["schema"] != SCHEMA:
            return Found("stale", None, f"{side.name} is of schema {record['schema']!r}")
        wanted, had = asdict(key), dict(record["key"])
        if differing := sorted(k for k in wanted | had if wanted.get(k) != had.get(k)):
            return Found("stale", None, _difference(wanted, had, differing))
        content = plan.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return Found("corrupt", None, f"{side.name} cannot be read ({type(problem).__name__})")
    if hashlib.sha256(content).hexdigest() != record.get("sha256"):
        return Found("corrupt", None, f"{plan.name} has not the SHA-256 of its side-car")
    return Found("hit", content, "")


def _difference(wanted: dict[str, Any], had: dict[str, Any], names: list[str]) -> str:
    return "; ".join(f"{name} was {had.get(name)!r}, now {wanted.get(name)!r}" for name in names)


def _open_to_others(folder: Path) -> str:
    """Why plans of a folder cannot be trusted; empty where they can, or where there is none."""
    if os.name != "posix" or not folder.exists():
        return ""  # elsewhere the user's own folder is closed to others by default
    status = folder.stat()
    if status.st_uid not in (os.getuid(), 0):
        return f"{folder} belongs to another user"
    if status.st_mode & 0o022:
        return f"others may write to {folder}; run: chmod go-w {folder}"
    return ""


def store(
    folder: Path, key: PlanKey, plan: bytes, types: dict[str, dict[str, int]]
) -> tuple[Path, Path]:
    """Put a plan and its side-car into the cache, each whole or not at all.

    Args:
        folder: is created, closed to others, where it does not exist.
        key: what the plan depends on.
        plan: the serialised engine.
        types: of its layers, for whoever looks at the side-car.

    Returns:
        Where plan and side-car are.

    Raises:
        OutputError: the folder cannot be written, or others may write to it.
    """
    path, side = folder / f"{key.stem}.plan", folder / f"{key.stem}.json"
    record = {
        "schema": SCHEMA,
        "key": asdict(key),
        "sha256": hashlib.sha256(plan).hexdigest(),
        "bytes": len(plan),
        "layers": types,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if complaint := _open_to_others(folder):
            raise OutputError(f"no engine is kept there: {complaint}")
        # The side-car last: a plan without its own is built again, never taken for another.
        replace_file(path, plan)
        replace_file(side, json.dumps(record, indent=2, sort_keys=True).encode() + b"\n")
    except OSError as problem:
        raise OutputError(
            f"cannot write {folder}: {problem.strerror or problem}; choose another folder"
        ) from None
    return path, side
