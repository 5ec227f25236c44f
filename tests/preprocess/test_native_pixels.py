"""The extension: against numpy, Pillow and torch, for every kernel, and hostile calls."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxr_edge.preprocess import Recipe, apply, fused, statistics
from cxr_edge.preprocess.fused import levels_and_resize, tone_and_resize
from cxr_edge.preprocess.native import kernels, numpy_only, threads_for
from cxr_edge.preprocess.recipe import Pad, Quantise, Repeat, Resize
from cxr_edge.preprocess.resample import Kernel, taps, weights
from cxr_edge.preprocess.statistics import count_codes, value_range
from cxr_edge.preprocess.tone import Tone
from cxr_edge.types import SourceImage, Window

native = kernels()
if native is None:
    pytest.skip("the compiled pixel path is not installed", allow_module_level=True)

WEIGHED = [
    *(Kernel(name) for name in ("area", "bilinear", "bicubic", "lanczos", "nearest")),
    *(Kernel(name, antialias=False) for name in ("bilinear", "bicubic")),
    Kernel("bilinear", antialias=False, align_corners=True),
]
LEVELS = [Kernel(name) for name in ("area", "bilinear", "bicubic", "lanczos")]
SIDES = st.integers(1, 90)
DTYPES = st.sampled_from([np.uint8, np.int8, np.uint16, np.int16])


@pytest.fixture(params=native.kernels(), autouse=True)
def kernel_set(request):
    native.use(request.param)
    yield request.param
    native.use(native.kernels()[0])


@pytest.fixture
def threads(monkeypatch):
    """Sets how many threads every picture is worth."""

    def set_to(count):
        for module in (fused, statistics):
            monkeypatch.setattr(module, "threads_for", lambda _pixels: count)

    return set_to


def stored(shape, dtype, seed):
    limits = np.iinfo(dtype)
    generator = np.random.default_rng(seed)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def tones(dtype):
    limits = np.iinfo(dtype)
    ends = st.floats(limits.min - 300, limits.max + 300, width=32)
    line = st.builds(
        lambda a, b, inverted: Tone(min(a, b), max(a, b) + 1, inverted), ends, ends, st.booleans()
    )
    whole = st.just(Tone(float(limits.min), float(limits.max), clips=False))
    table = st.integers(0, 99).map(
        lambda seed: Tone(
            table=np.random.default_rng(seed).random(1 << 8 * np.dtype(dtype).itemsize, np.float32)
        )
    )
    return st.one_of(line, whole, table)


@settings(max_examples=150, deadline=None)
@given(st.data(), DTYPES, st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_tone_and_resize_is_numpys(data, dtype, source, target):
    """Both against double precision: n float32 additions err by at most n units in the last place
    of the sum of absolute products; the line that follows stretches that by 1 / (high - low).
    """
    tone = data.draw(tones(dtype))
    kernel = data.draw(st.sampled_from(WEIGHED))
    pixels = stored(source, dtype, data.draw(st.integers(0, 9)))
    rows, columns = (
        weights(s, t, kernel).astype(np.float64) for s, t in zip(source, target, strict=True)
    )
    clipped = tone.clip(pixels).astype(np.float64)
    exact = rows @ clipped @ columns.T
    if tone.table is None:
        ends = (tone.high, -1) if tone.inverted else (-tone.low, 1)
        exact = (ends[0] + ends[1] * exact) / (tone.high - tone.low)
        largest = max(abs(tone.low), abs(tone.high), np.abs(clipped).max())
        stretch = 1 / (tone.high - tone.low)
    else:
        largest = stretch = 1.0
    spread = np.abs(rows).sum(axis=1).max() * np.abs(columns).sum(axis=1).max()
    products = sum(int(taps(s, t, kernel).size.max()) for s, t in zip(source, target, strict=True))
    tolerance = (products + 4) * 2.0**-23 * spread * largest * stretch
    got = tone_and_resize(pixels, tone, *target, kernel)
    with numpy_only():
        reference = tone_and_resize(pixels, tone, *target, kernel)
    assert got.dtype == reference.dtype == np.float32
    assert np.abs(got - exact).max() <= tolerance
    assert np.abs(reference - exact).max() <= tolerance


@settings(max_examples=150, deadline=None)
@given(
    DTYPES,
    st.tuples(SIDES, SIDES),
    st.tuples(SIDES, SIDES),
    st.sampled_from(LEVELS),
    st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, -3.0])),
    st.integers(0, 9),
)
def test_levels_are_numpys(dtype, source, target, kernel, fill, seed):
    pixels = stored(source, dtype, seed)
    limits = np.iinfo(dtype)
    tone = Tone(limits.min / 2, limits.max / 2).quantised("floor", np.dtype(dtype))
    got = levels_and_resize(pixels, tone, fill, *target, kernel)
    with numpy_only():
        reference = levels_and_resize(pixels, tone, fill, *target, kernel)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, reference)


@pytest.mark.parametrize("tone", ["minmax+equalise", "max+equalise", "minmax", "voi"])
@pytest.mark.parametrize("kernel", ["bicubic", "area"])
@pytest.mark.parametrize("quantised", [True, False])
def test_recipes_of_eight_bits_are_numpys(tone, kernel, quantised):
    """Whole recipes, of an image with padding and borders: every value the same."""
    pixels = np.clip(stored((701, 523), np.uint16, 2) % 4096, 30, 4000).astype(np.uint16)
    pixels[:, :40] = 0
    image = SourceImage(
        pixels, 12, window=Window(2000, 1501), padding=(0, 0), region=(9, 690, 20, 500)
    )
    resize = Resize(height=224, width=200, kernel=kernel, eight_bit=True)
    steps = (*((Quantise("floor"),) if quantised else ()), Pad(0.0), resize, Repeat(3))
    got = apply(Recipe(tone, steps, fast=False), image)
    with numpy_only():
        reference = apply(Recipe(tone, steps, fast=False), image)
    assert np.unique(got).size > 20
    np.testing.assert_array_equal(got, reference)


@pytest.mark.parametrize("name", ["BILINEAR", "BICUBIC", "LANCZOS"])
@pytest.mark.parametrize("source", [(701, 523), (400, 611)])
def test_padded_levels_are_pillows(name, source):
    pixels = stored(source, np.uint8, 3)
    side = max(source)
    square = Image.new("L", (side, side), 128)
    square.paste(Image.fromarray(pixels), ((side - source[1]) // 2, (side - source[0]) // 2))
    wanted = np.asarray(square.resize((224, 224), Image.Resampling[name]))
    same = Tone(0, 255)
    got = levels_and_resize(pixels, same, 128 / 255, 224, 224, Kernel(name.lower()))
    np.testing.assert_array_equal(np.rint(got * 255).astype(np.uint8), wanted)


def test_area_is_torchs():
    pixels = stored((900, 640), np.uint16, 4)
    grey = torch.from_numpy(pixels.astype(np.float64))[None, None]
    wanted = torch.nn.functional.interpolate(grey, (90, 64), mode="area")[0, 0] / 65535
    got = tone_and_resize(pixels, Tone(0, 65535), 90, 64, Kernel("area"))
    np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["BILINEAR", "BICUBIC", "LANCZOS"])
def test_smooth_kernels_are_pillows(name):
    pixels = stored((611, 502), np.int16, 5)
    grey = Image.fromarray(pixels.astype(np.float32))
    wanted = np.asarray(grey.resize((97, 130), Image.Resampling[name])) / 65535 + 32768 / 65535
    got = tone_and_resize(pixels, Tone(-32768, 32767), 130, 97, Kernel(name.lower()))
    np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize("kernel", WEIGHED, ids=str)
def test_neither_threads_nor_processors_change_a_bit(threads, kernel_set, kernel):
    pixels = stored((310, 203), np.uint16, 6)
    made = []
    for count in (1, 2, 3, 7, 500):
        threads(count)
        made.append(tone_and_resize(pixels, Tone(900.5, 60000.25), 71, 59, kernel))
    native.use(native.kernels()[-1])
    made.append(tone_and_resize(pixels, Tone(900.5, 60000.25), 71, 59, kernel))
    assert all(np.array_equal(made[0].view(np.uint32), other.view(np.uint32)) for other in made)


@pytest.mark.parametrize("kernel", LEVELS, ids=str)
@pytest.mark.parametrize("fill", [None, 0.25])
def test_threads_do_not_change_levels(threads, kernel, fill):
    pixels, tone = stored((310, 203), np.int16, 7), Tone(-9000, 9000)
    made = []
    for count in (1, 2, 7):
        threads(count)
        made.append(levels_and_resize(pixels, tone, fill, 71, 59, kernel))
    assert all(np.array_equal(made[0], other) for other in made)


@settings(max_examples=60, deadline=None)
@given(st.data(), DTYPES, st.tuples(SIDES, SIDES), st.integers(1, 5))
def test_counts_and_range_are_numpys(data, dtype, shape, count):
    pixels = stored(shape, dtype, data.draw(st.integers(0, 9)))
    top, left = (data.draw(st.integers(0, side - 1)) for side in shape)
    bottom, right = (
        data.draw(st.integers(begin + 1, side))
        for begin, side in zip((top, left), shape, strict=True)
    )
    for region in (None, (top, bottom, left, right)):
        with numpy_only():
            wanted = count_codes(pixels, region), value_range(pixels, region)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(statistics, "threads_for", lambda _pixels: count)
            np.testing.assert_array_equal(count_codes(pixels, region), wanted[0])
            assert value_range(pixels, region) == wanted[1]


def test_a_view_is_read_as_what_it_shows():
    pixels = stored((200, 300), np.uint16, 8)
    part = pixels[10:150:2, 5:290:3]
    whole = tone_and_resize(np.ascontiguousarray(part), Tone(0, 65535), 20, 30, Kernel())
    np.testing.assert_array_equal(tone_and_resize(part, Tone(0, 65535), 20, 30, Kernel()), whole)
    swapped = part.astype(">u2")
    got = tone_and_resize(swapped, Tone(0, 65535), 20, 30, Kernel())
    np.testing.assert_allclose(got, whole, atol=1e-5)


def test_small_pictures_are_worth_one_thread():
    assert threads_for(200 * 200) == 1
    assert threads_for(0) == 1
    assert 1 <= threads_for(1 << 30) <= 4


def axis(first=0, size=4, width=8):
    return (
        np.array([first], np.int32),
        np.array([size], np.int32),
        np.ones((1, width), np.float32),
    )


def level_axis(first=0, size=4, width=16, high=0):
    return (
        np.array([first], np.int32),
        np.array([size], np.int32),
        np.full((1, width), high, np.int16),
        np.ones((1, width), np.int16),
    )


PIXELS = np.zeros((4, 4), np.uint8)
OUT = np.zeros((1, 1), np.float32)
TABLE = np.zeros(256, np.uint8)
PLACE = (0, 0, 4, 4, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: native.resize(PIXELS, 0, 1, None, axis(first=1), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(first=-1), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(size=0), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(), axis(size=9), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(first=2**31 - 1), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(width=5), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(), axis(), np.zeros((1, 2), "f4"), 1),
        lambda: native.resize(PIXELS, 0, 1, None, axis(), axis(), np.zeros((1, 1)), 1),
        lambda: native.resize(PIXELS, 0, 1, TABLE, axis(), axis(), OUT, 1),
        lambda: native.resize(PIXELS, 0, 1, np.zeros(255, "f4"), axis(), axis(), OUT, 1),
        lambda: native.resize(PIXELS.astype(">u2"), 0, 1, None, axis(), axis(), OUT, 1),
        lambda: native.resize(PIXELS.astype("u4"), 0, 1, None, axis(), axis(), OUT, 1),
        lambda: native.resize(PIXELS[:0], 0, 1, None, axis(), axis(), OUT, 1),
        lambda: native.resize(PIXELS[0], 0, 1, None, axis(), axis(), OUT, 1),
        lambda: native.resize_levels(
            PIXELS, TABLE, (1, 0, 4, 4, 0), level_axis(), level_axis(), TABLE[None, :1].copy(), 1
        ),
        lambda: native.resize_levels(
            PIXELS, TABLE, (-1, 0, 4, 4, 0), level_axis(), level_axis(), TABLE[None, :1].copy(), 1
        ),
        lambda: native.resize_levels(
            PIXELS, TABLE, (0, 0, 4, 2**62, 0), level_axis(), None, TABLE[None, :1].copy(), 1
        ),
        lambda: native.resize_levels(
            PIXELS, TABLE, (0, 0, 4, 4, 256), level_axis(), level_axis(), TABLE[None, :1].copy(), 1
        ),
        lambda: native.resize_levels(
            PIXELS, TABLE, PLACE, level_axis(high=2**14), level_axis(), TABLE[None, :1].copy(), 1
        ),
        lambda: native.resize_levels(PIXELS, TABLE, PLACE, None, None, TABLE[None, :1].copy(), 1),
        lambda: native.resize_levels(PIXELS, TABLE, PLACE, 3, None, TABLE[None, :1].copy(), 1),
        lambda: native.sum_levels(PIXELS, TABLE, PLACE, None, None, np.zeros((4, 4), "i8"), 1),
        lambda: native.sum_levels(PIXELS, TABLE, PLACE, level_axis(), level_axis(), OUT, 1),
        lambda: native.histogram(PIXELS, (0, 5, 0, 4), np.zeros(256, "i8"), 1),
        lambda: native.histogram(PIXELS, (2, 2, 0, 4), np.zeros(256, "i8"), 1),
        lambda: native.histogram(PIXELS, (0, 4, 0, 4), np.zeros(255, "i8"), 1),
        lambda: native.extent(PIXELS, (0, 4, -1, 4), 1),
        lambda: native.read(0, 0, PIXELS.view("i1"), (0, 0, 8), 1),
        lambda: native.read(0, 0, PIXELS.copy(), (0, 1, 8), 1),
        lambda: native.read(0, 0, PIXELS.copy(), (0, 0, 0), 1),
        lambda: native.read(0, 0, PIXELS.copy(), (1, 0, 8), 1),
        lambda: native.read(0, -1, PIXELS.copy(), (0, 0, 8), 1),
        lambda: native.use("nothing"),
    ],
)
def test_calls_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError, match=r"expected|taps|no kernel"):
        call()


def test_what_may_not_be_written_is_not():
    frozen = np.zeros((1, 1), np.float32)
    frozen.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match="read-only"):
        native.resize(PIXELS, 0, 1, None, axis(), axis(), frozen, 1)


def test_a_closed_file_is_an_error_of_the_system():
    with pytest.raises(OSError, match="descriptor"):
        native.read(10**6, 0, PIXELS.copy(), (0, 0, 8), 2)
