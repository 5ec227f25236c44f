"""A small picture of the image for a human reader."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.preprocess.fused import tone_and_resize
from cxr_edge.preprocess.resample import Kernel
from cxr_edge.preprocess.tone import make_tone
from cxr_edge.types import SourceImage


def render(image: SourceImage, size: int = 512) -> NDArray[np.uint8]:
    """Render with the VOI tone, aspect ratio kept, area-averaged, never enlarged.

    Args:
        image: The image.
        size: Longest side of the result in pixels.

    Returns:
        uint8 (h, w), longest side ``min(size, longest side of the image)``.

    Raises:
        StudyError: The image is constant.
    """
    rows, columns = image.stored.shape
    factor = min(size / max(rows, columns), 1.0)
    height, width = max(round(rows * factor), 1), max(round(columns * factor), 1)
    grey = tone_and_resize(image.stored, make_tone("voi", image), height, width, Kernel("area"))
    return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), np.uint8)
