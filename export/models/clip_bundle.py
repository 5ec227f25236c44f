"""What the three radiology CLIPs have in common when they are exported."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CheckpointError
from cxr_edge.export.checkpoints import hash_tensors
from cxr_edge.export.models.clip import ClipConfig, load, read
from cxr_edge.export.models.defaults import muted_observations, smooth_pictures, state_of
from cxr_edge.export.spec import ExportSpec, GraphSpec, Samples
from cxr_edge.preprocess.recipe import Normalise, Pad, Recipe, Repeat, Resize, Scale, Step
from cxr_edge.tokenizers.clip_bpe import ClipBpeTokenizer, parse_merges

_STORED = 320
"""Pixels a side at which the authors kept their pictures."""

_RESIZED: tuple[Step, ...] = (Resize(224, 224, kernel="bicubic", antialias=False),)


def mimic_recipe(image_size: int) -> Recipe:
    """The preprocessing of the released CXR-RePaiR and CheXzero code for MIMIC-CXR.

    The 8-bit release is shrunk to a longest side of 320 with Pillow's Lanczos kernel, put in the
    middle of a black square, and kept. When it is used, grey levels 0..255 are standardised with
    constants of the training set, and for the 224-pixel network then resized by torch's bicubic
    interpolation, which takes four pixels a side and does not average.

    The three channels are equal; they are made last, so that one is resized and not three. The
    released code computes the other side as ``int(side * (320 / longest))``, which for a few sizes
    is one pixel less, the longest side's 319 included; here it is ``int(side * 320 / longest)``.
    """
    steps: tuple[Step, ...] = (
        Resize(longest=_STORED, kernel="lanczos", rounding="floor", eight_bit=True),
        Pad(0.0),
        Scale(255.0),
        Normalise((101.48761,), (83.43944,)),
        *(() if image_size == _STORED else _RESIZED),
        Repeat(3),
    )
    return Recipe("minmax+equalise", steps, fast=False)


def clip_spec(
    architecture: str,
    image_size: int,
    recipe: Recipe,
    checkpoint: Path | None,
    tokenizer: Path | None,
) -> ExportSpec:
    """What the exporter needs of one of these networks.

    Args:
        architecture: the registry name.
        image_size: pixels a side that ``recipe`` makes.
        recipe: the preprocessing.
        checkpoint: the weights.
        tokenizer: CLIP's merges, ``bpe_simple_vocab_16e6.txt.gz`` or ``merges.txt``, which no
            checkpoint carries. Without it the bundle has no text network: enough to draft with an
            index that exists, not to build one.

    Raises:
        CheckpointError: either file is missing or is something else.
    """
    state = state_of(architecture, checkpoint)
    network = load(architecture, image_size, state)
    config = read(architecture, state)
    pictures = smooth_pictures(3, image_size)
    graphs = [GraphSpec("image", network.visual, ("pixels",), ("embedding",), pictures)]
    entry: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    if tokenizer is not None:
        file, files = _checked_merges(architecture, tokenizer, config)
        entry = {"kind": "clip-bpe", "file": file, "context": config.context}
        graphs.append(GraphSpec("text", network, ("ids",), ("embedding",), _texts(config)))
    return ExportSpec(
        name=architecture,
        architecture=architecture,
        space=f"{architecture}/{hash_tensors(network.state_dict())[:16]}",
        metric="cosine",
        dimension=config.dimension,
        recipe=recipe.to_json(),
        graphs=tuple(graphs),
        observations=muted_observations(),
        tokenizer=entry,
        files=files,
    )


def _texts(config: ClipConfig) -> Samples:
    """A source of texts of random tokens, each of another length."""

    def draw(count: int, chance: np.random.Generator) -> tuple[NDArray[np.generic], ...]:
        start, end = config.vocabulary - 2, config.vocabulary - 1
        ids = chance.integers(start, size=(count, config.context))
        ids[:, 0] = start
        for row, length in zip(ids, chance.integers(2, config.context, size=count), strict=True):
            row[length] = end
            row[length + 1 :] = 0
        return (ids,)

    return draw


def _checked_merges(
    architecture: str, path: Path, config: ClipConfig
) -> tuple[str, dict[str, bytes]]:
    expected = f"{architecture} needs CLIP's bpe_simple_vocab_16e6.txt.gz or merges.txt"
    try:
        data = path.read_bytes()
        found = ClipBpeTokenizer(parse_merges(data)).vocabulary
    except OSError as problem:
        raise CheckpointError(f"{path}: {problem.strerror}; {expected}") from None
    except ValueError as problem:
        raise CheckpointError(f"{path} is not a list of merges ({problem}); {expected}") from None
    if found != config.vocabulary:
        raise CheckpointError(
            f"{path} makes {found} ids and the checkpoint has {config.vocabulary}; {expected}"
        )
    file = "merges.txt.gz" if data[:2] == b"\x1f\x8b" else "merges.txt"
    return file, {file: data}
