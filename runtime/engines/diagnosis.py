"""What an engine needs, what of it is here, and whether it really loads a network."""

from dataclasses import asdict, dataclass
from typing import Any

from cxr_edge.bundle import Bundle
from cxr_edge.engines import ENGINES, ONLY_BY_NAME, engine_module, load_network
from cxr_edge.engines.packages import Need
from cxr_edge.errors import CxrEdgeError


@dataclass(frozen=True)
class Diagnosis:
    """One engine on this machine."""

    name: str
    available: bool
    detail: str
    """Version and provider, or why not and what to do."""
    automatic: bool
    """Whether ``auto`` may choose it."""
    needs: tuple[Need, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the name."""
        return {
            "available": self.available,
            "detail": self.detail,
            "automatic": self.automatic,
            "needs": [asdict(need) for need in self.needs],
        }


def diagnose(bundle: Bundle | None) -> list[Diagnosis]:
    """Every engine, in the order of ``auto``.

    Args:
        bundle: a sound one, whose image network each available engine has to load; None where there
            is none.
    """
    return [_one(name, bundle) for name in ENGINES]


def _one(name: str, bundle: Bundle | None) -> Diagnosis:
    module = engine_module(name)
    answer = module.probe()
    available, detail = answer.available, answer.detail
    if available and bundle is not None:
        try:
            load_network(bundle, "image", name, 1).close()
        except CxrEdgeError as problem:
            available, detail = False, str(problem)
    return Diagnosis(name, available, detail, name not in ONLY_BY_NAME, tuple(module.needs()))
