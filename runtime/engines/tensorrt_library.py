"""The vendor's two libraries of one interface: TensorRT, and TensorRT for RTX.

Both are the user's own installation, under the vendor's licence; nothing of them comes with us.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from cxr_edge.errors import EngineUnavailable


@dataclass(frozen=True)
class Family:
    """One of the two libraries."""

    engine: str
    """Name of the engine in the registry."""
    module: str
    """What Python imports."""
    package: str
    """Distribution that provides it."""
    libraries: str
    """Distribution of the libraries it loads; empty where it requires that itself."""
    extra: str
    """Extra of this project that installs it."""
    targets: tuple[str, ...]
    """Chips its plans are made for, by the library's names; empty: only the chip that builds."""


TENSORRT = Family("tensorrt", "tensorrt", "tensorrt", "", "tensorrt", ())

# Not SM75: the library refuses FP32 products on it, and every network here has one.
RTX_TARGETS = ("SM80", "SM86", "SM89", "SM120", "SM121")
TENSORRT_RTX = Family(
    "tensorrt-rtx",
    "tensorrt_rtx_bindings",
    "tensorrt-rtx-cu13-bindings",
    "tensorrt-rtx-cu13-libs",
    "rtx",
    RTX_TARGETS,
)

FAMILIES = {family.engine: family for family in (TENSORRT, TENSORRT_RTX)}


def library(family: Family) -> ModuleType:
    """Import the library, which needs no GPU.

    Raises:
        EngineUnavailable: it is not installed, does not load, or is older than 10.12.
    """
    try:
        module = import_module(family.module)
    except ModuleNotFoundError as problem:
        if problem.name == family.module:
            raise EngineUnavailable(
                f"{family.package} is not installed; run: pip install 'cxr-edge[{family.extra}]'"
            ) from None
        raise _broken(family, problem) from None
    except Exception as problem:  # half an installation fails in any way
        raise _broken(family, problem) from None
    if not hasattr(module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        raise EngineUnavailable(
            f"{family.package} {module.__version__} knows no strongly typed networks, 10.12 or "
            f"later is needed; run: pip install --upgrade 'cxr-edge[{family.extra}]'"
        )
    return module


def _broken(family: Family, problem: Exception) -> EngineUnavailable:
    said = " ".join(str(problem).split())[:200] or type(problem).__name__
    return EngineUnavailable(
        f"{family.package} does not load ({said}); run: "
        f"pip install --force-reinstall 'cxr-edge[{family.extra}]'"
    )


class Complaints:
    """What a library said since the last call of ``clear``; it says why only to its logger."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def clear(self) -> None:
        """Forget what was said."""
        self.lines.clear()

    def reason(self) -> str:
        """The first complaint, in one line; later ones follow from it."""
        return (self.lines or ["no reason given"])[0][:300]


@cache
def logger(module: ModuleType) -> tuple[Any, Complaints]:
    """The library's logger and what it heard: one per process, because the first one stays."""
    complaints = Complaints()

    class Logger(module.ILogger):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, text: str) -> None:  # noqa: ANN401
            """Keep errors; warnings and progress are of no use to the user."""
            if int(severity) <= int(module.ILogger.ERROR):
                complaints.lines.append(" ".join(text.split()))

    return Logger(), complaints
