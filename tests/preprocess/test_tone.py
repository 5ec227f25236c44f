"""The tone stage against pydicom's transformations and OpenCV's equalisation."""

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxr_edge.errors import StudyError
from cxr_edge.preprocess import Recipe, apply, render
from cxr_edge.preprocess.resample import Kernel, resize
from cxr_edge.preprocess.tone import equalisation, make_tone
from cxr_edge.types import LookupTable, SourceImage, Window


def stored(bits=12, signed=False, shape=(240, 210)):
    """Return a smooth picture with noise that spans the whole range."""
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]]
    smooth = 0.5 + 0.5 * np.sin(down / 31.0) * np.cos(across / 17.0)
    noise = np.random.default_rng(3).normal(0, 0.03, shape)
    values = np.clip(smooth + noise, 0, 1) * ((1 << bits) - 1)
    offset = 1 << bits - 1 if signed else 0
    kind = np.int16 if signed else np.uint8 if bits == 8 else np.uint16
    return (np.rint(values) - offset).astype(kind)


def table(count, first, bits, seed=5):
    """Return a rising lookup table that is not a line."""
    steps = np.cumsum(np.random.default_rng(seed).random(count))
    return LookupTable(first, np.rint(steps / steps[-1] * ((1 << bits) - 1)).astype("u2"), bits)


def lut_item(lut, representation):
    item = Dataset()
    item.add_new(
        "LUTDescriptor",
        "SS" if lut.first < 0 or representation else "US",
        [
            len(lut.values),
            lut.first,
            lut.bits,
        ],
    )
    item.add_new("LUTData", "US", lut.values.tolist())
    return item


def standard(image):
    """Return what pydicom makes of the image, scaled to 0..1 by the output range of its VOI."""
    ds = Dataset()
    ds.PixelRepresentation = int(image.stored.dtype.kind == "i")
    ds.BitsStored = image.bits_stored
    ds.PhotometricInterpretation = "MONOCHROME2"
    if image.modality_lut is not None:
        ds.ModalityLUTSequence = [lut_item(image.modality_lut, ds.PixelRepresentation)]
    else:
        ds.RescaleSlope, ds.RescaleIntercept = image.slope, image.intercept
    values = apply_modality_lut(image.stored, ds)
    if image.voi_lut is not None:
        ds.VOILUTSequence = [lut_item(image.voi_lut, 0)]
        grey = apply_voi_lut(values.astype(np.int64), ds) / ((1 << image.voi_lut.bits) - 1)
    elif image.window is not None:
        ds.WindowCenter, ds.WindowWidth = image.window.center, image.window.width
        ds.VOILUTFunction = image.window.function
        output = apply_voi_lut(values, ds)
        # pydicom's output spans the range of the modality stage's output (PS3.3 C.11.2.1.2).
        if image.modality_lut is not None:
            low, high = 0.0, float((1 << image.modality_lut.bits) - 1)
        else:
            signed = ds.PixelRepresentation == 1
            ends = np.array([-(1 << image.bits_stored - 1), (1 << image.bits_stored - 1) - 1])
            ends = ends if signed else np.array([0, (1 << image.bits_stored) - 1])
            low, high = ends * image.slope + image.intercept
        grey = (output - low) / (high - low)
    else:
        grey = (values - values.min()) / (values.max() - values.min())
    return 1 - grey if image.inverted else grey


IMAGES = {
    "linear": {"window": Window(2000, 1500)},
    "linear, odd width": {"window": Window(2000.25, 1501.5)},
    "narrow": {"window": Window(2048, 60)},
    "width one": {"window": Window(2048, 1)},
    "wider than the data": {"window": Window(2048, 9000)},
    "linear exact": {"window": Window(2000, 1500, "LINEAR_EXACT")},
    "sigmoid": {"window": Window(2000, 1500, "SIGMOID")},
    "rescaled": {"window": Window(900, 1500), "slope": 0.5, "intercept": -100.0},
    "negative slope": {"window": Window(-900, 1500), "slope": -0.5, "intercept": 10.0},
    "inverted": {"window": Window(2000, 1500), "inverted": True},
    "inverted, negative slope": {"window": Window(-900, 1500), "slope": -0.5, "inverted": True},
    "inverted sigmoid": {"window": Window(2000, 1500, "SIGMOID"), "inverted": True},
    "no window": {},
    "no window, inverted": {"inverted": True},
    "VOI LUT": {"voi_lut": table(4096, 0, 10)},
    "VOI LUT, inner part": {"voi_lut": table(1000, 1500, 16), "inverted": True},
    "VOI LUT before window": {"voi_lut": table(4096, 0, 10), "window": Window(1, 2)},
    "modality LUT": {"modality_lut": table(4096, 0, 16), "window": Window(30000, 40000)},
    "modality LUT alone": {"modality_lut": table(4096, 0, 16)},
}


LINES_AND_CURVES = [name for name in IMAGES if "LUT" not in name]


@pytest.mark.parametrize(
    ("name", "signed"),
    [*((name, False) for name in IMAGES), *((name, True) for name in LINES_AND_CURVES)],
)
def test_equals_pydicom(name, signed):
    fields = dict(IMAGES[name])
    if signed:
        window = fields.get("window")
        if window and not fields.get("slope"):
            fields["window"] = Window(window.center - 2048, window.width, window.function)
    image = SourceImage(stored=stored(signed=signed), bits_stored=12, **fields)
    toned = make_tone("voi", image).apply(image.stored)
    assert toned.dtype == np.float32
    np.testing.assert_allclose(np.clip(toned, 0, 1), standard(image), atol=1e-5)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("kernel", ["area", "bicubic"])
def test_fast_path_equals_the_standard_path(name, kernel):
    """Tone fused with the resize against pydicom's tone at full size, then a resize."""
    image = SourceImage(stored=stored(), bits_stored=12, **IMAGES[name])
    steps = [{"op": "resize", "height": 48, "width": 40, "kernel": kernel}]
    fast = apply(Recipe.from_json({"tone": "voi", "fast": True, "steps": steps}), image)
    slow = apply(Recipe.from_json({"tone": "voi", "fast": False, "steps": steps}), image)
    expected = resize(standard(image).astype(np.float32), 48, 40, Kernel(kernel))
    assert np.abs(fast[0, 0] - expected).max() <= 1 / 255
    np.testing.assert_allclose(fast[0, 0], expected, atol=1e-4)
    np.testing.assert_allclose(slow, fast, atol=1e-4)


def test_padding_and_borders_are_left_out_of_the_range():
    pixels = stored()
    pixels = np.clip(pixels, 1000, 3000)
    pixels[:20], pixels[:, :15], pixels[-5:] = 0, 4095, 65
    image = SourceImage(stored=pixels, bits_stored=12, region=(20, 235, 15, 210))
    tone = make_tone("voi", image)
    assert (tone.low, tone.high) == (1000, 3000)
    assert tone.apply(pixels).min() == 0
    assert tone.apply(pixels).max() == 1
    padded = SourceImage(stored=pixels[20:235, 15:], bits_stored=12, padding=(1000, 1200))
    assert make_tone("minmax", padded).low > 1200


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("padding", [(0, 50), (4000, 4095)])
@pytest.mark.parametrize("window", [None, Window(2000, 3000), Window(2000, 900, "SIGMOID")])
def test_padding_is_black(inverted, padding, window):
    image = SourceImage(
        stored=stored(), bits_stored=12, padding=padding, inverted=inverted, window=window
    )
    grey = np.clip(make_tone("voi", image).apply(image.stored), 0, 1)
    outside = (image.stored >= padding[0]) & (image.stored <= padding[1])
    assert outside.any()
    assert grey[outside].max() == 0
    assert grey[~outside].max() > 0.9


@pytest.mark.parametrize("stage", ["voi", "minmax"])
def test_constant_images_are_refused(stage):
    image = SourceImage(stored=np.full((200, 200), 7, np.uint16), bits_stored=12)
    with pytest.raises(StudyError):
        make_tone(stage, image)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("inverted", [False, True])
def test_minmax_equalise_equals_the_release(bits, inverted):
    """The steps that MIMIC-CXR's maintainers state, with OpenCV."""
    pixels = stored(bits)
    low, high = int(pixels.min()), int(pixels.max())
    eight = ((pixels.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)
    expected = cv2.equalizeHist(np.bitwise_not(eight) if inverted else eight)
    image = SourceImage(stored=pixels, bits_stored=bits, inverted=inverted, window=Window(1, 2))
    grey = make_tone("minmax+equalise", image).apply(pixels) * 255
    # One grey level of difference where the two divide in another order.
    assert np.abs(np.rint(grey) - expected).max() <= 1
    assert (np.rint(grey) != expected).mean() < 0.01


@pytest.mark.parametrize("inverted", [False, True])
def test_max_equalise_equals_the_release(inverted):
    """The steps that CheXpert's author states, with OpenCV."""
    pixels = np.maximum(stored(), 300)
    eight = cv2.convertScaleAbs(pixels, alpha=255.0 / float(pixels.max()))
    expected = cv2.equalizeHist(255 - eight if inverted else eight)
    image = SourceImage(stored=pixels, bits_stored=12, inverted=inverted)
    grey = np.rint(make_tone("max+equalise", image).apply(pixels) * 255)
    assert (grey != expected).mean() < 0.01


@pytest.mark.parametrize("seed", range(8))
def test_equalisation_equals_opencv(seed):
    generator = np.random.default_rng(seed)
    spread = generator.integers(0, 120)
    picture = np.clip(generator.normal(120, spread, (113, 97)), 0, 255).astype(np.uint8)
    table = equalisation(np.bincount(picture.ravel(), minlength=256))
    np.testing.assert_array_equal(table[picture], cv2.equalizeHist(picture))


def test_render_keeps_the_aspect_ratio_and_never_enlarges():
    image = SourceImage(stored=stored(shape=(600, 300)), bits_stored=12, window=Window(2048, 4096))
    small = render(image, 100)
    assert small.dtype == np.uint8
    assert small.shape == (100, 50)
    assert render(image, 2000).shape == (600, 300)
    expected = cv2.resize(
        standard(image).astype(np.float32), (50, 100), interpolation=cv2.INTER_AREA
    )
    assert np.abs(small / 255.0 - expected).max() <= 1 / 255


@pytest.mark.parametrize("width", [1e30, 6e38, 1e39, 1e300])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
def test_a_boundless_window_is_grey_and_finite(function, width):
    """Its ends are beyond single precision, but every value lies in its middle."""
    picture = stored()
    source = SourceImage(picture, 12, window=Window(0.0, width, function))
    np.testing.assert_allclose(make_tone("voi", source).apply(picture), 0.5, atol=1e-6)
