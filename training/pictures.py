"""Training pictures, through the very preprocessing the runtime will use, kept in one array."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError
from cxr_edge.preprocess import Recipe, apply
from cxr_edge.preprocess.recipe import Repeat, Resize, Standardise
from cxr_edge.training.progress import bar
from cxr_edge.types import SourceImage

_LEVELS = 65535


def runtime_recipe(size: int, channels: int) -> Recipe:
    """The recipe of the finished bundle: area resize to a square, then standardise.

    The picture is squashed, not cropped: the collection's own pictures come squashed, and a drawn
    heart-to-chest ratio survives a stretch that is the same for heart and chest.
    """
    steps = (Resize(size, size), Standardise(), *((Repeat(channels),) if channels > 1 else ()))
    return Recipe("voi", steps)


def load_picture(path: Path) -> SourceImage:
    """An 8-bit grey picture (PNG or JPEG) as the runtime would hold it.

    Raises:
        CorpusError: The file is missing or is not a picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            stored = np.asarray(picture.convert("L"))
    except (OSError, UnidentifiedImageError) as problem:
        raise CorpusError(
            f"{path} is not a picture that can be read ({problem}); restore it or drop its line"
        ) from None
    return SourceImage(stored=stored, bits_stored=8, kind=path.suffix.lstrip(".").lower())


def load_pictures(paths: Sequence[Path], size: int, cache: Path) -> NDArray[np.uint16]:
    """Resized pictures, not yet standardised, because the tone is jittered first.

    Args:
        paths: the files.
        size: pixels a side.
        cache: folder in which the array is kept for the next run; its name depends on the files'
            names, sizes and times.

    Returns:
        uint16 (N, size, size), 0..65535 for intensities 0..1.
    """
    recipe = Recipe("voi", (Resize(size, size),))
    key = hashlib.sha256(recipe.digest.encode())
    for path in paths:
        try:
            known = path.stat()
        except OSError as problem:
            raise CorpusError(f"{path}: {problem.strerror}; restore it or drop its line") from None
        key.update(f"{path.name} {known.st_size} {known.st_mtime_ns}\n".encode())
    stored = cache / f"pictures-{size}-{key.hexdigest()[:16]}.npy"
    if stored.is_file():
        return np.asarray(np.load(stored))
    pictures = np.empty((len(paths), size, size), np.uint16)
    with bar(paths, "reading pictures") as files:
        for row, path in enumerate(files):
            grey = apply(recipe, load_picture(path))[0, 0]
            pictures[row] = np.rint(np.clip(grey, 0.0, 1.0) * _LEVELS)
    cache.mkdir(parents=True, exist_ok=True)
    part = stored.with_suffix(".tmp.npy")
    np.save(part, pictures)
    part.replace(stored)
    return pictures


def intensities(pictures: NDArray[np.uint16]) -> NDArray[np.float32]:
    """uint16 (N, H, W) -> float32 (N, 1, H, W), 0..1."""
    return np.asarray(pictures.astype(np.float32) / _LEVELS, np.float32)[:, None]
