"""What an architecture tells the exporter about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Samples = Callable[[int, np.random.Generator], tuple[NDArray[np.generic], ...]]

Written = list[list[tuple[int, ...]]]
"""For each picture the tokens of its texts, without start and end."""

Writer = Callable[[Mapping[str, NDArray[np.float32]], Mapping[str, Any]], Written]
"""Outputs of the image network by name, (N, ...), and the ``decoding`` entry -> N reports."""


@dataclass(frozen=True)
class GraphSpec:
    """One network of a bundle.

    Attributes:
        role: ``image`` or ``text``; also the stem of the file name.
        module: the torch reference in evaluation mode.
        inputs: names of the inputs, in the order of ``module.forward``; the batch comes first in
            every one of them.
        outputs: names of the outputs, in the order in which ``forward`` returns them.
        samples: draws one batch of inputs that look like real ones, for tracing and for parity.
        axes: by input, further axes of any length and what each is called, as ``{1: "length"}``;
            axes of one name have one length. ``samples`` gives them a length above 1.
    """

    role: str
    module: "nn.Module"
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    samples: Samples
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Tolerance:
    """What the parity gate accepts of an FP32 graph.

    Attributes:
        absolute: largest difference of any output value; of outputs whose root mean square is above
            one, in units of it.
        relative: largest length of a row's difference, by the mean length of a row.
        cosine: smallest cosine between a row of the reference's output and of the graph's.
        spread: largest standard deviation over the rows, in units as ``absolute``, of an output
            that counts as the same for every input. A graph that answers every input alike agrees
            with a reference that does, and both are wrong.
    """

    absolute: float = 1e-4
    relative: float = 1e-3
    cosine: float = 0.99999
    spread: float = 1e-7


@dataclass(frozen=True)
class ExportSpec:
    """Everything a bundle of one architecture holds, before the graphs are traced.

    Attributes:
        name: of the bundle, such as ``dcclip-small``.
        architecture: the registry name.
        space: names the encoder and its weights; an index is bound to it.
        metric: ``cosine`` or ``inner_product``.
        dimension: size of the embedding.
        recipe: the preprocessing, as ``Recipe.to_json`` gives it.
        graphs: the networks.
        observations: by name, what is known of each: ``auroc``, ``gate``, ``muted``, ...
        tokenizer: manifest entry of the tokenizer; empty where there is neither a text network nor
            a decoder, or no words for it.
        decoding: manifest entry of the decoder's loop (docs/bundle.md); empty where there is none.
        writer: the torch reference of that loop, by other means than the runtime's.
        files: further files of the bundle, by name.
        provenance: where the weights come from.
        tolerance: of the parity gate.
    """

    name: str
    architecture: str
    space: str
    metric: str
    dimension: int
    recipe: Mapping[str, Any]
    graphs: tuple[GraphSpec, ...]
    observations: Mapping[str, Mapping[str, Any]]
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    writer: Writer | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)
