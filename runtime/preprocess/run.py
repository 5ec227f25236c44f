"""Runs a recipe on one image."""

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import StudyError
from cxr_edge.preprocess.eight_bit import resize_eight_bit
from cxr_edge.preprocess.fused import levels_and_resize, pad, tone_and_resize
from cxr_edge.preprocess.mask import resized_mask, valid_mask
from cxr_edge.preprocess.recipe import (
    Crop,
    Normalise,
    Pad,
    Quantise,
    Recipe,
    Repeat,
    Resize,
    Scale,
    Standardise,
    Step,
)
from cxr_edge.preprocess.resample import Kernel, resize
from cxr_edge.preprocess.tone import make_tone
from cxr_edge.types import SourceImage

Float32 = NDArray[np.float32]
_HALF_VALID = 0.5 - 2.0**-12
"""A resized pixel counts where half of it is valid; exact halves are common along straight borders,
and the order of a sum must not decide them."""


def apply(recipe: Recipe, image: SourceImage) -> Float32:
    """Turn an image into a network's input.

    Args:
        recipe: What to do.
        image: Stored values and what they mean.

    Returns:
        float32 (1, C, H, W).

    Raises:
        StudyError: The image is constant, or smaller than a crop of the recipe.
    """
    tone = make_tone(recipe.tone, image)
    steps = list(recipe.steps)
    if isinstance(steps[0], Quantise):
        tone = tone.quantised(steps[0].rounding, image.stored.dtype)
        steps = steps[1:]
    masked = any(isinstance(step, Standardise) for step in steps)
    first = steps[0] if steps else None
    fill = first.fill if isinstance(first, Pad) else None
    second = first if fill is None or len(steps) < 2 else steps[1]
    if recipe.fast and isinstance(first, Resize) and not first.eight_bit:
        steps = steps[1:]
        height, width = target_size(first, *image.stored.shape)
        picture = tone_and_resize(image.stored, tone, height, width, _kernel(first))
        mask = resized_mask(image, height, width, _kernel(first)) if masked else None
    elif isinstance(second, Resize) and second.eight_bit and not masked:
        steps = steps[1:] if fill is None else steps[2:]
        rows, columns = image.stored.shape
        if fill is not None:
            rows = columns = max(rows, columns)
        height, width = target_size(second, rows, columns)
        picture = levels_and_resize(image.stored, tone, fill, height, width, _kernel(second))
        mask = None
    else:
        picture = tone.apply(image.stored)
        mask = valid_mask(image) if masked else None
    for step in steps:
        if isinstance(step, Pad) and masked and mask is None:
            mask = np.ones(picture.shape[-2:], np.float32)
        picture = apply_step(step, picture, mask)
        if mask is not None and isinstance(step, Resize | Crop):
            mask = apply_step(step, mask, None)
        elif mask is not None and isinstance(step, Pad):
            mask = apply_step(Pad(0.0), mask, None)
    channels = picture if picture.ndim == 3 else picture[None]
    return np.ascontiguousarray(channels[None], np.float32)


def target_size(step: Resize, height: int, width: int) -> tuple[int, int]:
    """Return rows and columns after a resize of a picture of ``height`` x ``width``."""
    if step.height is not None and step.width is not None:
        return step.height, step.width
    side = step.longest or step.shortest or 1
    reference = max(height, width) if step.longest is not None else min(height, width)
    whole = int if step.rounding == "floor" else round
    return max(whole(height * side / reference), 1), max(whole(width * side / reference), 1)


def _kernel(step: Resize) -> Kernel:
    return Kernel(step.kernel, step.antialias, step.align_corners)


def apply_step(step: Step, picture: Float32, mask: Float32 | None) -> Float32:
    """Apply one step to float32 (H, W) or (C, H, W)."""
    match step:
        case Resize():
            size = target_size(step, *picture.shape[-2:])
            change = resize_eight_bit if step.eight_bit else resize
            if picture.ndim == 2:
                return change(picture, *size, _kernel(step))
            return np.stack([change(plane, *size, _kernel(step)) for plane in picture])
        case Pad(fill):
            return pad(picture, fill)
        case Crop():
            return _crop(picture, step)
        case Quantise(rounding):
            rounded = np.rint if rounding == "nearest" else np.floor
            return np.asarray(rounded(np.clip(picture, 0, 1) * np.float32(255)) / 255, np.float32)
        case Scale(factor):
            return picture * np.float32(factor)
        case Normalise(mean, std):
            channels = picture if picture.ndim == 3 else picture[None]
            offset = np.asarray(mean, np.float32)[:, None, None]
            divisor = np.asarray(std, np.float32)[:, None, None]
            return np.asarray((channels - offset) / divisor, np.float32)
        case Standardise(epsilon):
            return _standardise(picture, mask, epsilon)
        case Repeat(channels):
            return np.repeat(picture if picture.ndim == 3 else picture[None], channels, axis=0)


def _crop(picture: Float32, step: Crop) -> Float32:
    rows, columns = picture.shape[-2:]
    height, width = step.height, step.width
    if rows < height or columns < width:
        raise StudyError(
            f"the resized picture of {rows} x {columns} is smaller than the recipe's crop of "
            f"{height} x {width}"
        )
    whole = int if step.rounding == "floor" else round
    top, left = whole((rows - height) / 2), whole((columns - width) / 2)
    return picture[..., top : top + height, left : left + width]


def _standardise(picture: Float32, mask: Float32 | None, epsilon: float) -> Float32:
    valid = picture if mask is None else picture[..., mask >= _HALF_VALID]
    mean, deviation = valid.mean(dtype=np.float64), valid.std(dtype=np.float64)
    return np.asarray((picture - np.float32(mean)) / np.float32(deviation + epsilon), np.float32)
