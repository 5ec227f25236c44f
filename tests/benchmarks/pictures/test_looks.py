"""Colours in grey and under colour blindness, markers, hatches, and names that keep apart."""

from itertools import combinations, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from cxr_edge.benchmarks.pictures.canvas import spread
from cxr_edge.benchmarks.pictures.looks import PAPER, STAGE_LOOKS, grey_contrast, looks
from cxr_edge.errors import CxrEdgeError

SYSTEMS = ("cxr-edge", "released-code", "torch", "ort-hnswlib", "generative")
STAGE_COLORS = [look.color for look in STAGE_LOOKS.values()]
SYSTEM_COLORS = [look.color for look in looks(SYSTEMS).values()]
OTHER_COLORS = [look.color for look in looks("abcde").values()]

SETS = {"stages": STAGE_COLORS, "systems": SYSTEM_COLORS, "others": OTHER_COLORS}

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def test_contrast_is_that_of_the_guideline() -> None:
    """WCAG's own known pairs: 21 at most, and #767676 the lightest grey of 4.5 on white."""
    assert grey_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert grey_contrast("#767676", "#ffffff") >= 4.5 > grey_contrast("#777777", "#ffffff")


@pytest.mark.parametrize("colors", SETS.values(), ids=SETS)
def test_colors_differ_in_grey(colors: list[str]) -> None:
    too_close = {
        pair: ratio for pair in combinations(colors, 2) if (ratio := grey_contrast(*pair)) < 1.3
    }
    assert too_close == {}


def test_neighbours_in_a_bar_differ_most_in_grey() -> None:
    assert min(grey_contrast(*pair) for pair in pairwise(STAGE_COLORS)) > 2


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("colors", SETS.values(), ids=SETS)
def test_colors_differ_for_the_colour_blind(colors: list[str], blindness: str) -> None:
    """Distance in CIELAB after simulation; 10 is seen at a glance, 2.3 just so."""
    srgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(BLINDNESS[blindness]).T, 0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(encoded[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    distances = [float(np.linalg.norm(one - other)) for one, other in combinations(lab, 2)]
    assert min(distances) > 15


def test_every_series_has_signs_of_its_own() -> None:
    given_looks = looks([*SYSTEMS, *(f"stranger {number}" for number in range(7))])
    markers = [look.marker for look in given_looks.values()]
    assert len({*markers, PAPER.marker}) == len(markers) + 1
    for group in (given_looks, STAGE_LOOKS):
        hatches = [look.hatch for look in group.values()]
        assert len(set(hatches)) == len(hatches)


def test_a_known_system_always_looks_the_same() -> None:
    assert looks(["torch", "x"])["torch"] == looks(["y", "torch"])["torch"]
    assert looks(["x", "x"]) == looks(["x"])


def test_too_many_systems_are_refused() -> None:
    with pytest.raises(CxrEdgeError, match="fewer records"):
        looks([f"stranger {number}" for number in range(8)])


@given(
    st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12),
    st.floats(0.01, 0.3),
)
def test_names_move_apart_as_little_as_possible(wishes: list[float], gap: float) -> None:
    """Least squares under a distance between neighbours is an isotonic regression."""
    found = spread(wishes, gap)
    order = sorted(range(len(wishes)), key=lambda i: (wishes[i], -i))
    steps = gap * np.arange(len(wishes))
    expected = isotonic_regression(np.array([wishes[i] for i in order]) - steps) + steps
    np.testing.assert_allclose([found[i] for i in order], expected, atol=1e-9)
