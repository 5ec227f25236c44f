"""Colours, markers and hatches of every series.

Colours are those of Okabe and Ito (2008), told apart with any common colour blindness; of their
eight, each set below holds those that also differ in grey. Colour is never the only sign: every
series has a marker or a hatch of its own and its name beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle

from cxr_edge.errors import CxrEdgeError

BLACK, BLUE, GREEN, SKY = "#000000", "#0072B2", "#009E73", "#56B4E9"
ORANGE, YELLOW, VERMILLION, PURPLE, WHITE = "#E69F00", "#F0E442", "#D55E00", "#CC79A7", "#FFFFFF"


@dataclass(frozen=True)
class Look:
    """The signs of one series."""

    color: str
    marker: str
    hatch: str

    @property
    def ink(self) -> str:
        """Black or white, whichever shows on ``color``."""
        return BLACK if luminance(self.color) > 0.35 else WHITE


STAGE_LOOKS: Mapping[str, Look] = {
    "read": Look(BLUE, "o", ""),
    "preprocess": Look(YELLOW, "s", "//"),
    "encode": Look(GREEN, "D", "\\\\"),
    "search": Look(WHITE, "^", ".."),
    "compose": Look(BLACK, "v", "||"),
    "write": Look(SKY, "P", "xx"),
}
"""Neighbours in a bar differ most in grey."""
NOT_SPLIT = Look(PURPLE, "X", "--")
"""The part of a total that a system does not tell apart."""
PAPER = Look(WHITE, "*", "")
"""What a paper reports: hollow, so that it is never taken for a measurement made here."""

_KNOWN = {
    "cxr-edge": Look(BLUE, "o", ""),
    "released-code": Look(ORANGE, "s", "//"),
    "torch": Look(BLACK, "^", "xx"),
    "ort-hnswlib": Look(YELLOW, "D", ".."),
    "generative": Look(PURPLE, "v", "\\\\"),
}
_COLORS = (BLUE, ORANGE, BLACK, YELLOW, PURPLE, GREEN, SKY, VERMILLION)
"""The first five differ most in grey."""
_MORE_MARKERS = ("P", "X", "<", ">", "h", "p", "8")
_MORE_HATCHES = ("--", "||", "++", "oo", "///", "...", "**")


def looks(systems: Iterable[str]) -> dict[str, Look]:
    """A look for every system: always the same for those we know, the next free one for others."""
    names = list(dict.fromkeys(systems))
    strangers = [name for name in names if name not in _KNOWN]
    if len(strangers) > len(_MORE_MARKERS):
        raise CxrEdgeError(
            f"{len(strangers)} series that have no look of their own are too many for one picture, "
            f"{len(_MORE_MARKERS)} at most; give fewer records"
        )
    taken = {_KNOWN[name].color for name in names if name in _KNOWN}
    free = [color for color in _COLORS if color not in taken]
    signs = zip(strangers, cycle(free), _MORE_MARKERS, _MORE_HATCHES, strict=False)
    found = {name: Look(color, marker, hatch) for name, color, marker, hatch in signs}
    return {name: _KNOWN.get(name) or found[name] for name in names}


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, IEC 61966-2-1)."""
    linear = []
    for start in (1, 3, 5):
        value = int(color[start : start + 2], 16) / 255
        linear.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def grey_contrast(one: str, other: str) -> float:
    """Contrast of two colours once printed in grey, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
