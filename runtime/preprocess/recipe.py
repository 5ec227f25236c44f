"""A preprocessing recipe: data that travels with a network and names every step, in order.

Its digest is in the bundle and in the index, so two parts made for different pictures never meet.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from cxr_edge.errors import BundleError
from cxr_edge.preprocess.resample import KERNELS
from cxr_edge.preprocess.tone import STAGES


@dataclass(frozen=True)
class Resize:
    """Resize to ``height`` x ``width``, or one side to a length with the aspect ratio kept."""

    height: int | None = None
    width: int | None = None
    longest: int | None = None
    shortest: int | None = None
    kernel: str = "area"
    """``area``, ``bilinear``, ``bicubic``, ``lanczos`` or ``nearest``."""
    antialias: bool = True
    """Pillow's kernels where true, torch's interpolation where false."""
    align_corners: bool = False
    """Bilinear without antialias only."""
    rounding: str = "nearest"
    """Of the side that follows the aspect ratio: ``nearest``, or ``floor`` as torchvision does."""
    eight_bit: bool = False
    """The picture has 256 grey levels and keeps them, exactly as in Pillow (area: OpenCV)."""

    def __post_init__(self) -> None:
        """Check that the fields make sense together."""
        both = self.height is not None and self.width is not None
        one = (self.height is None) == (self.width is None)
        given = [both, self.longest is not None, self.shortest is not None]
        _require(one and sum(given) == 1, "resize needs height and width, or longest, or shortest")
        for side in (self.height, self.width, self.longest, self.shortest):
            _require(side is None or 1 <= side <= 8192, "resize sides must be 1 to 8192")
        _require(self.kernel in KERNELS, f"resize kernel must be one of {sorted(KERNELS)}")
        plain = self.kernel == "bilinear" and not self.antialias
        _require(not self.align_corners or plain, "align_corners needs bilinear, antialias false")
        _require(self.kernel != "lanczos" or self.antialias, "lanczos needs antialias")
        _require(self.rounding in ("nearest", "floor"), "resize rounding is nearest or floor")
        levels = self.antialias and self.kernel != "nearest"
        _require(
            not self.eight_bit or levels, "eight_bit needs antialias, and a kernel that weighs"
        )


@dataclass(frozen=True)
class Pad:
    """Pad to a square, the picture in the middle."""

    fill: float = 0.0


@dataclass(frozen=True)
class Crop:
    """Cut out the middle."""

    height: int
    width: int
    rounding: str = "floor"
    """Of an odd margin's half: ``floor``, or ``nearest`` (ties to even) as torchvision does."""

    def __post_init__(self) -> None:
        """Check the size."""
        _require(min(self.height, self.width) >= 1, "crop sides must be at least 1")
        _require(self.rounding in ("nearest", "floor"), "crop rounding is nearest or floor")


@dataclass(frozen=True)
class Quantise:
    """Clip to 0..1 and keep 256 grey levels, still as 0..1."""

    rounding: str = "nearest"
    """``nearest`` (ties to even) or ``floor``."""

    def __post_init__(self) -> None:
        """Check the rounding."""
        _require(self.rounding in ("nearest", "floor"), "quantise rounding is nearest or floor")


@dataclass(frozen=True)
class Scale:
    """Multiply, as by 255."""

    factor: float


@dataclass(frozen=True)
class Normalise:
    """Subtract ``mean`` and divide by ``std``, one value a channel or one for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the lengths."""
        same = len(self.mean) == len(self.std) >= 1
        _require(same and all(value > 0 for value in self.std), "normalise needs mean and std > 0")


@dataclass(frozen=True)
class Standardise:
    """Subtract the picture's own mean and divide by its deviation.

    Both are taken over pixels that are not padding, of the image or of a ``pad`` step.
    """

    epsilon: float = 1e-6
    """Added to the deviation."""


@dataclass(frozen=True)
class Repeat:
    """Repeat the one channel."""

    channels: int = 3

    def __post_init__(self) -> None:
        """Check the count."""
        _require(1 <= self.channels <= 16, "repeat channels must be 1 to 16")


Step = Resize | Pad | Crop | Quantise | Scale | Normalise | Standardise | Repeat
_STEPS: dict[str, type[Step]] = {
    "resize": Resize,
    "pad": Pad,
    "crop": Crop,
    "quantise": Quantise,
    "scale": Scale,
    "normalise": Normalise,
    "standardise": Standardise,
    "repeat": Repeat,
}
_NAMES = {kind: name for name, kind in _STEPS.items()}


@dataclass(frozen=True)
class Recipe:
    """From stored values to the network's input."""

    tone: str
    """``voi``, ``minmax``, ``minmax+equalise`` or ``max+equalise``."""
    steps: tuple[Step, ...]
    fast: bool = True
    """The tone may be fused with a first ``resize``; never where 8 bits come before the resize."""

    def __post_init__(self) -> None:
        """Check the tone and what ``fast`` needs."""
        _require(self.tone in STAGES, f"tone must be one of {list(STAGES)}")
        _require(len(self.steps) >= 1, "a recipe needs at least one step")
        first = self.steps[0]
        levels = isinstance(first, Resize) and first.eight_bit
        _require(not (self.fast and levels), "an eight_bit resize that comes first forbids fast")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recipe":
        """Read a recipe from parsed JSON; fields left out take their defaults.

        Raises:
            BundleError: An operation or a field is unknown, missing or of the wrong type.
        """
        _require(isinstance(data, Mapping), "a recipe is a JSON object")
        unknown = set(data) - {"tone", "fast", "steps"}
        _require(not unknown, f"unknown fields {sorted(map(str, unknown))}")
        _require("tone" in data and isinstance(data.get("steps"), list), "needs tone and steps")
        fast = data.get("fast", True)
        _require(isinstance(fast, bool), "fast is true or false")
        return cls(data["tone"], tuple(_step_from_json(item) for item in data["steps"]), fast)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON values, every field written out."""
        steps = [{"op": _NAMES[type(step)], **_plain(step)} for step in self.steps]
        return {"tone": self.tone, "fast": self.fast, "steps": steps}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hexadecimal."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(step: Step) -> dict[str, Any]:
    values = asdict(step)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value is not None
    }


def _step_from_json(item: object) -> Step:
    _require(isinstance(item, Mapping), "a step is a JSON object")
    assert isinstance(item, Mapping)
    values = dict(item)
    kind = _STEPS.get(str(values.pop("op", "")))
    _require(kind is not None, f"unknown op {item.get('op')!r}; known: {sorted(_STEPS)}")
    assert kind is not None
    known = {field.name: field for field in fields(kind)}
    unknown = set(values) - set(known)
    _require(not unknown, f"op {item['op']} has no field {sorted(map(str, unknown))}")
    missing = [n for n, f in known.items() if f.default is MISSING and n not in values]
    _require(not missing, f"op {item['op']} needs {missing}")
    return kind(**{name: _typed(name, known[name].type, value) for name, value in values.items()})


def _typed(name: str, kind: object, value: Any) -> Any:  # noqa: ANN401
    """Return ``value`` if it fits a field's type; integers stand for floats, lists for tuples."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if kind is bool or kind is str:
        _require(isinstance(value, kind), f"{name} is of the wrong type")
        return value
    if kind == tuple[float, ...]:
        fits = isinstance(value, list | tuple) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in value
        )
        _require(fits, f"{name} is a list of numbers")
        return tuple(float(v) for v in value)
    _require(isinstance(value, int) and number and kind is not float, f"{name} is a whole number")
    return value


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(f"the preprocessing recipe is not valid: {message}")
