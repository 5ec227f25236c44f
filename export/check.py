"""``cxr-export --check FILE``: what a checkpoint is and which model it fits, without torch."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_edge.export.archive import Listing, read_listing
from cxr_edge.export.fingerprints import FINGERPRINTS
from cxr_edge.export.layouts import Shape
from cxr_edge.export.pickles import shown

_SHOWN = 3
"""Names given of each kind of trouble, and nearest models given where none fits."""


@dataclass(frozen=True)
class Match:
    """How far a file is the checkpoint of one architecture.

    Attributes:
        architecture: the registry name.
        matched: tensors that are there in the expected shape.
        missing: names of tensors that are not there.
        misshaped: name, shape found and shape expected of those in another shape.
        extra: number of tensors that are neither expected nor known to be left unused.
    """

    architecture: str
    matched: int
    missing: tuple[str, ...]
    misshaped: tuple[tuple[str, Shape, Shape], ...]
    extra: int

    @property
    def expected(self) -> int:
        """Number of tensors the architecture needs."""
        return self.matched + len(self.missing) + len(self.misshaped)

    @property
    def fits(self) -> bool:
        """Everything that the architecture needs is there."""
        return self.matched == self.expected

    def to_json(self) -> dict[str, Any]:
        """Counts, and the first names of each kind of trouble."""
        return {
            "architecture": self.architecture,
            "fits": self.fits,
            "expected": self.expected,
            "matched": self.matched,
            "missing": len(self.missing),
            "misshaped": len(self.misshaped),
            "extra": self.extra,
            "first_missing": list(self.missing[:_SHOWN]),
            "first_misshaped": [
                {"name": name, "found": list(found), "expected": list(expected)}
                for name, found, expected in self.misshaped[:_SHOWN]
            ],
        }


def identify(listing: Listing) -> list[Match]:
    """Every architecture that has anything in common with a file, best fit first."""
    shapes = {name: tensor.shape for name, tensor in listing.tensors.items()}
    matches = [_match(architecture, shapes) for architecture in FINGERPRINTS]
    return sorted(
        (match for match in matches if match.matched or match.misshaped),
        key=lambda match: (
            -match.matched / match.expected,
            len(match.missing) / match.expected,
            match.extra,
        ),
    )


def _match(architecture: str, shapes: Mapping[str, Shape]) -> Match:
    fingerprint = FINGERPRINTS[architecture]
    found = fingerprint.bare(shapes)
    expected = fingerprint.expected(found)
    missing = tuple(name for name in expected if name not in found)
    misshaped = tuple(
        (name, found[name], shape)
        for name, shape in expected.items()
        if name in found and found[name] != shape
    )
    extra = sum(name not in expected for name in found)
    matched = len(expected) - len(missing) - len(misshaped)
    return Match(architecture, matched, missing, misshaped, extra)


def describe(path: Path) -> dict[str, Any]:
    """What a file is, which models it fits and what is missing, as plain JSON values.

    Raises:
        CheckpointError: the file cannot be read as a checkpoint.
    """
    listing = read_listing(path)
    matches = identify(listing)
    numbers = Counter[str]()
    for tensor in listing.tensors.values():
        count = 1
        for size in tensor.shape:
            count *= size
        numbers[tensor.dtype] += count
    return {
        "file": str(path),
        "bytes": listing.size,
        "form": listing.form,
        "gzip": listing.gzipped,
        "wrapper": listing.wrapper,
        "tensors": len(listing.tensors),
        "numbers": dict(sorted(numbers.items())),
        "scalars": dict(listing.scalars),
        "others": list(listing.others),
        "fits": [match.architecture for match in matches if match.fits],
        "matches": [match.to_json() for match in matches if match.fits or not matches[0].fits][
            :_SHOWN
        ],
    }


def render(description: Mapping[str, Any]) -> str:
    """The text that ``--check`` prints for what :func:`describe` found."""
    kind = f"{description['form']}{', gzip' if description['gzip'] else ''}"
    place = f" under {description['wrapper']}" if description["wrapper"] else ""
    numbers = ", ".join(f"{count:,} {dtype}" for dtype, count in description["numbers"].items())
    tensors = f"{description['tensors']} tensors{place}"
    lines = [
        description["file"],
        f"  {kind}, {description['bytes']:,} bytes, {tensors}: {numbers}",
    ]
    beside = [f"{name} {value}" for name, value in description["scalars"].items()]
    beside += description["others"]
    if beside:
        shortened = [*beside[:8], *([f"{len(beside) - 8} more"] if len(beside) > 8 else [])]
        lines.append(f"  beside them, not used: {', '.join(map(shown, shortened))}")
    matches = description["matches"]
    if description["fits"]:
        sizes: dict[int, list[str]] = {}
        for match in matches:
            sizes.setdefault(match["expected"], []).append(match["architecture"])
        for size, models in sizes.items():  # another size is another part of the same file
            same = " (one network; choose by who trained it)" if len(models) > 1 else ""
            lines.append(f"  fits {' and '.join(models)}{same}: all {size} tensors")
    elif not matches:
        lines.append("  fits none of the models of cxr-export --list: no tensor in common")
    else:
        lines.append("  fits none of the models of cxr-export --list; nearest:")
        lines += [line for match in matches for line in _trouble(match)]
    return "\n".join(lines)


def _trouble(match: Mapping[str, Any]) -> list[str]:
    lines = [f"    {match['architecture']}: {match['matched']} of {match['expected']} tensors"]
    if match["missing"]:
        lines.append(f"      missing {match['missing']}: {_some(match, 'missing')}")
    if match["misshaped"]:
        lines.append(f"      another shape {match['misshaped']}: {_some(match, 'misshaped')}")
    if match["extra"]:
        lines.append(f"      not known {match['extra']}")
    return lines


def _some(match: Mapping[str, Any], kind: str) -> str:
    first = match[f"first_{kind}"]
    if kind == "misshaped":
        first = [f"{e['name']} is {e['found']}, expected {e['expected']}" for e in first]
    return ", ".join([*first, *(["..."] if match[kind] > len(first) else [])])
