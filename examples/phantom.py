"""Draws a normal chest radiograph from geometry alone and writes it as ``phantom.dcm``.

    python examples/phantom.py [OUTPUT]

No patient and no picture of anyone went into it. The picture is a frontal (PA) projection of a
trunk of about 35 by 40 cm. For each pixel the program adds up path lengths in centimetres of water:

* trunk: an elliptic cylinder under sloping shoulders, with a neck;
* lungs: two air spaces between rib cage, mediastinum and diaphragm domes (right dome higher), with
  vessels that branch from the hila; heart and aortic arch take their share of the air;
* bone: vertebral column, ten pairs of posterior and six of anterior rib arcs, clavicles, scapulae;
* air: trachea with main bronchi, stomach bubble, background.

Attenuation is exponential, so the picture before display processing is linear in the path length
(PixelIntensityRelationship LOG). Display processing is what a digital system does: contrast of
small structures up, of large ones down. Quantum noise is added last, from a fixed seed.

Identifiers, date and noise are fixed, so every run writes the same file; on another processor a
last digit of the arithmetic may move a pixel by one grey level of 4096.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom_dicom import encode

Image = NDArray[np.float64]

ROWS, COLUMNS = 640, 560
SPACING = 0.0625  # cm a pixel
SEED = 20261122
HIGHEST = 4095  # 12 bits


def grid() -> tuple[Image, Image]:
    """Pixel centres in cm: x from the midline, positive to the patient's left; y from the top."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float64)
    return (x - (COLUMNS - 1) / 2) * SPACING, y * SPACING


def soft(distance: Image, width: float) -> Image:
    """A step from 0 (negative distance) to 1 (positive), blurred over ``width`` cm."""
    return 1 / (1 + np.exp(-np.clip(distance / (width / 4), -60, 60)))


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur, ``sigma`` in cm, edges mirrored; by Fourier transform."""
    rows, columns = image.shape
    mirrored = np.pad(image, ((0, rows), (0, columns)), mode="symmetric")
    v = np.fft.fftfreq(2 * rows, SPACING)[:, None]
    u = np.fft.rfftfreq(2 * columns, SPACING)[None, :]
    response = np.exp(-2 * (np.pi * sigma) ** 2 * (u**2 + v**2))
    return np.fft.irfft2(np.fft.rfft2(mirrored) * response, s=mirrored.shape)[:rows, :columns]


def ellipsoid(x: Image, y: Image, centre: tuple[float, float], half: tuple[float, float]) -> Image:
    """Relative path length (0..1) through an ellipsoid seen from the front."""
    square = ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2
    return np.sqrt(np.clip(1 - square, 0, None))


def dome(x: Image) -> Image:
    """Height (y, cm) of the diaphragm; the right dome, at negative x, is the higher one."""
    right = 26.6 + 0.055 * (x + 5.6) ** 2 + 0.3 * np.clip(-x - 10.9, 0, None) ** 2
    left = 27.8 + 0.055 * (x - 6.4) ** 2 + 0.3 * np.clip(x - 10.9, 0, None) ** 2
    return np.where(x < 0, right, left)


def cage(y: Image) -> Image:
    """Inner half width of the rib cage (cm) at height y."""
    t = np.clip((y - 3.6) / 26, 0, 1)
    return 13.6 * np.sqrt(np.clip(1 - (1 - t) ** 3.4, 0, None)) ** 1.1


def trunk(x: Image, y: Image) -> Image:
    """Path through the soft tissue of trunk, neck and upper arms, in cm."""
    shoulder = 2.2 + 0.16 * np.clip(np.abs(x) - 4.5, 0, None) ** 1.45
    torso = 19.5 * np.sqrt(np.clip(1 - (x / 21.5) ** 2, 0, None)) * soft(y - shoulder, 1.6)
    armpit = soft(np.abs(x) - 15.6 - 0.012 * (y - 24) ** 2, 0.5) * soft(y - 15.0, 4.0)
    neck = 11.5 * ellipsoid(x, 0 * y, (0, 0), (5.6, 1.0)) * soft(4.5 - y, 3.5)
    return np.maximum(torso * (1 - 0.6 * armpit), neck) * (0.84 + 0.16 * soft(y - 26, 6))


def heart(x: Image, y: Image) -> Image:
    """Share of the depth taken by heart, great vessels and mediastinum, 0..1."""
    ventricle = ellipsoid(
        0.82 * (x - 2.2) - 0.57 * (y - 23.4),
        0.82 * (y - 23.4) + 0.57 * (x - 2.2),
        (0, 0),
        (4.7, 7.0),
    )
    atrium = ellipsoid(x, y, (-0.9, 22.4), (3.3, 5.6))
    knob = ellipsoid(x, y, (1.9, 12.6), (1.7, 2.1))
    trunk_of_pulmonary_artery = ellipsoid(x, y, (1.4, 16.6), (2.2, 4.2))
    cava = 0.6 * soft(2.5 - np.abs(x + 0.4), 0.5) * soft(y - 6.5, 5) * soft(24 - y, 4)
    descending = 0.35 * soft(1.2 - np.abs(x - 1.9), 0.5) * soft(y - 12, 1.5)
    middle = soft(1.9 - np.abs(x), 1.3)
    parts = (ventricle, atrium, 0.85 * knob, trunk_of_pulmonary_artery, cava, descending, middle)
    free = np.ones_like(x)
    for part in parts:
        free = free * (1 - np.clip(part, 0, 1) ** 0.8)
    return 1 - free


def lungs(x: Image, y: Image) -> Image:
    """Air-filled depth in cm before heart and vessels take theirs."""
    width = np.maximum(cage(y), 1e-6)
    inside = np.clip(1 - (np.abs(x) / width) ** 2.6, 0, None)
    depth = 14.5 * inside**0.42 * soft(width - np.abs(x), 0.25)
    top = 0.45 + 0.3 * soft(y - 9.5, 7)
    above = soft(dome(x) - y, 0.22)
    behind = 0.13 * soft(dome(x) + 3.6 - y, 3.0) * soft(11.8 - np.abs(x), 1.0)
    return depth * top * np.maximum(above, behind)


def tube(distance: Image, radius: float) -> Image:
    """Path through the cortex of a long bone: bright rims, a fainter middle; 0..1."""
    outer = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, None))
    inner = np.sqrt(np.clip(1 - (distance / (0.74 * radius)) ** 2, 0, None))
    return outer - 0.62 * inner


def ribs(x: Image, y: Image) -> Image:
    """Bone of posterior (firm, falling outwards) and anterior (faint, rising outwards) ribs."""
    bone = np.zeros_like(x)
    side = np.abs(x)
    for number in range(10):
        root = 5.2 + 2.28 * number
        reach = float(cage(np.array(root + 2.2))) + 0.3
        u = np.clip(side / reach, 0, 1)
        slope = 1.0 + 0.30 * number
        middle = root - 1.15 * np.sin(np.pi * np.clip(u * 1.25, 0, 1)) + slope * u**2.2
        steep = np.sqrt(1 + (2.2 * slope * u**1.2 / reach) ** 2)
        shade = soft(side - 2.0, 0.8) * soft(reach - side, 0.35)
        bone += 1.15 * tube((y - middle) / steep, 0.52) * shade * (1 + 0.5 * u**6)
    for number in range(6):
        lateral = 9.4 + 2.6 * number
        reach = float(cage(np.array(lateral))) + 0.25
        u = np.clip(side / reach, 0, 1)
        middle = lateral + (3.4 + 0.2 * number) * np.sqrt(np.clip(1 - u**2, 0, 1))
        shade = soft(side - 5.2 - 0.25 * number, 2.2) * soft(reach - side, 0.35)
        bone += 0.5 * tube((y - middle) / np.sqrt(1 + 1.2 * u**4), 0.62) * shade
    return bone


def skeleton(x: Image, y: Image) -> Image:
    """All bone, as centimetres of water beyond the soft tissue it replaces."""
    side = np.abs(x)
    beat = 0.5 + 0.5 * np.cos(2 * np.pi * y / 2.35)
    column = soft(1.75 - side, 0.5) * (1.2 - 0.6 * beat**4)
    pedicles = 0.8 * np.exp(-(((side - 1.15) / 0.28) ** 2)) * beat**2
    process = 0.9 * np.exp(-((x / 0.28) ** 2)) * (1 - beat) ** 2
    line = 8.7 - 0.20 * side + 0.3 * np.sin((side - 1.6) / 3.1)
    clavicle = 1.7 * tube((y - line) / 1.03, 0.62) * soft(side - 1.7, 0.6) * soft(15.5 - side, 1)
    edge = 12.3 - 0.05 * (y - 12) + 0.02 * (y - 12) ** 2
    blade = (
        0.7
        * soft(side - edge, 0.35)
        * soft(16.2 - side, 0.8)
        * soft(y - 6.8, 1)
        * soft(17.5 - 0.6 * (15.2 - side) - y, 1.4)
    )
    head = 2.2 * ellipsoid(side, y, (17.0, 8.4), (2.3, 2.5))
    return column + pedicles + process + clavicle + blade + head + ribs(x, y)


def vessels(x: Image, y: Image, rng: np.random.Generator) -> Image:
    """Pulmonary vessels: trees that leave the hila, thin out and fade towards the pleura; cm."""
    drawn = np.zeros_like(x)

    def branch(at: NDArray[np.float64], angle: float, radius: float, depth: int) -> None:
        nonlocal drawn
        length = rng.uniform(1.5, 2.6) * (0.75 + 2.0 * radius)
        to = at + length * np.array([np.cos(angle), np.sin(angle)])
        low = np.minimum(at, to) - 3 * radius
        high = np.maximum(at, to) + 3 * radius
        box = (
            slice(*np.clip((np.array([low[1], high[1]]) / SPACING).astype(int), 0, ROWS)),
            slice(
                *np.clip(
                    (np.array([low[0], high[0]]) / SPACING + COLUMNS / 2).astype(int), 0, COLUMNS
                )
            ),
        )
        dx, dy = x[box] - at[0], y[box] - at[1]
        along = np.clip((dx * (to - at)[0] + dy * (to - at)[1]) / length**2, 0, 1)
        apart = np.hypot(dx - along * (to - at)[0], dy - along * (to - at)[1])
        path = 2 * np.sqrt(np.clip(radius**2 - apart**2, 0, None))
        drawn[box] = np.maximum(drawn[box], path)
        if depth > 0:
            spread = rng.uniform(0.22, 0.5)
            branch(to, angle + spread, radius * rng.uniform(0.68, 0.82), depth - 1)
            branch(to, angle - spread, radius * rng.uniform(0.68, 0.82), depth - 1)

    for sign, hilum in ((-1, (-3.4, 17.2)), (1, (3.7, 16.4))):
        for angle in np.linspace(-1.35, 1.35, 8):
            start = np.array(hilum) + rng.normal(0, 0.35, 2)
            branch(start, angle if sign > 0 else np.pi - angle, rng.uniform(0.3, 0.42), 5)
    return drawn


def airways(x: Image, y: Image) -> Image:
    """Air of trachea and main bronchi, cm."""
    trachea = 1.1 * ellipsoid(x + 0.25, 0 * y, (0, 0), (0.95, 1)) * soft(14.6 - y, 0.8)
    right = np.abs((x + 0.5) * 0.86 + (y - 14.6) * 0.52)
    left = np.abs((x - 0.2) * 0.72 - (y - 14.6) * 0.69)
    reach = soft(3.0 - np.hypot(x, y - 14.6), 1.2) * soft(y - 14.2, 0.5)
    bronchi = 0.7 * np.maximum(
        np.sqrt(np.clip(1 - (right / 0.7) ** 2, 0, None)) * (x < 0.2),
        np.sqrt(np.clip(1 - (left / 0.6) ** 2, 0, None)) * (x > -0.2),
    )
    both: Image = np.maximum(trachea * soft(y - 0.2, 0.5), bronchi * reach)
    return both


def path_length(x: Image, y: Image, rng: np.random.Generator) -> Image:
    """Centimetres of water between tube and detector."""
    air = lungs(x, y) * (1 - heart(x, y))
    filled = np.minimum(vessels(x, y, rng), air)
    hila = 1.5 * ellipsoid(x, y, (-3.6, 17.3), (1.5, 2.6)) + 1.4 * ellipsoid(
        x, y, (3.9, 16.4), (1.3, 2.1)
    )
    bubble = 3.2 * ellipsoid(x, y, (6.8, 31.2), (2.7, 1.5)) * soft(y - dome(x) - 0.7, 0.5)
    tissue = trunk(x, y)
    inside = np.minimum(0.56 * air, 0.8 * tissue)
    liver = 1.2 * soft(y - dome(x), 1.0)
    texture = 0.5 * blur(rng.normal(0, 1, x.shape), 0.12) * (air > 0.5)
    return np.clip(
        tissue
        - inside
        + 1.15 * filled
        + np.minimum(hila, 0.3 * air)
        + liver
        + 0.85 * skeleton(x, y) * (tissue > 2)
        + texture
        - airways(x, y)
        - bubble,
        0,
        None,
    )


def display(path: Image, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Display processing, noise and the 12-bit scale."""
    path = blur(path, 0.05)
    broad = blur(path, 2.2)
    value = 0.72 * broad + 1.5 * (path - broad)
    grey = 0.16 + 0.84 * np.clip(value / 15.6, 0, None) ** 1.15
    grey = 0.99 * grey / (1 + grey**8) ** (1 / 8)
    grain = blur(rng.normal(0, 1, path.shape), 0.045)
    noisy = grey + 0.012 * grain * (0.35 + 0.65 * grey)
    return np.round(np.clip(noisy, 0, 1) * HIGHEST).astype(np.uint16)


def draw() -> NDArray[np.uint16]:
    """The phantom: uint16 (640, 560), 0..4095, MONOCHROME2 sense."""
    rng = np.random.default_rng(SEED)
    x, y = grid()
    return display(path_length(x, y, rng), rng)


def main() -> None:
    """Write the file."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("phantom.dcm")
    output.write_bytes(encode(draw(), spacing_mm=10 * SPACING))


if __name__ == "__main__":
    main()
