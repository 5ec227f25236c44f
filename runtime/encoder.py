"""From a picture to what the encoder says of it: the recipe, the image network, the checks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.engines import Engine
from cxr_edge.engines.resident import OUTPUTS, Beside
from cxr_edge.errors import BundleError
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.preprocess import apply
from cxr_edge.types import Encoding, Nearest, SourceImage

_ENCODING = ("embedding", "probabilities")
"""Outputs of every image network; all others are the method's own."""


class ImageEncoder:
    """The image network of a bundle behind its preprocessing recipe."""

    def __init__(self, bundle: Bundle, engine: Engine, beside: Beside | None = None) -> None:
        """Bind a loaded network.

        Args:
            bundle: gives recipe, space and shapes.
            engine: its image network; it stays the caller's to close.
            beside: the index that the network searches as well.
        """
        self._bundle, self._engine, self._beside = bundle, engine, beside
        self._input = bundle.network("image").inputs[0]

    def encode(self, image: SourceImage) -> Encoding:
        """Preprocess one picture and run the network on it; see ``run``."""
        return self.run(self.preprocess(image))

    def preprocess(self, image: SourceImage) -> NDArray[np.float32]:
        """One picture as the network takes it, float32 (1, C, H, W)."""
        return apply(self._bundle.recipe, image)

    def run(self, tensor: NDArray[np.float32]) -> Encoding:
        """What the network says of one preprocessed picture.

        Raises:
            BundleError: the network does not return what the bundle says, or no finite numbers.
        """
        bundle = self._bundle
        outputs = self._engine.run({self._input: tensor})
        nearest = self._nearest(outputs) if self._beside is not None else None
        if not all(np.isfinite(output).all() for output in outputs.values()):
            raise BundleError(f"the image network of {bundle.name} returned NaN or infinity")
        if not bundle.observes:
            # An encoder such as CLIP has no opinion. Reports always give fourteen finite numbers,
            # so it is one half, which leans neither way; zero would say that nothing is there.
            outputs["probabilities"] = np.full((1, len(OBSERVATIONS)), 0.5, np.float32)
        try:
            vector, probabilities = outputs["embedding"][0], outputs["probabilities"][0]
        except (KeyError, IndexError):
            raise BundleError(
                f"the image network of {bundle.name} does not return 'embedding' and "
                f"'probabilities' for {len(OBSERVATIONS)} observations; export the bundle again"
            ) from None
        if vector.shape != (bundle.dimension,) or probabilities.shape != (len(OBSERVATIONS),):
            raise BundleError(
                f"the image network of {bundle.name} returns {vector.shape} and "
                f"{probabilities.shape}, the bundle says ({bundle.dimension},) and "
                f"({len(OBSERVATIONS)},); export the bundle again"
            )
        extras = {name: rows[0] for name, rows in outputs.items() if name not in _ENCODING}
        return Encoding(vector, bundle.space, probabilities, extras, nearest)

    def _nearest(self, outputs: dict[str, NDArray[Any]]) -> Nearest | None:
        """Take out of the outputs what the search made, and read it."""
        assert self._beside is not None
        made = {name: outputs.pop(name) for name in OUTPUTS}
        (found,) = self._beside.resident.read(made, outputs["embedding"])
        return None if found is None else Nearest(self._beside.index, *found)
