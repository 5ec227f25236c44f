"""The image network as a pipeline runs it: alone, or on a GPU with the index beside it."""

from dataclasses import dataclass

from cxr_edge.engines import ON_DEVICE, Engine
from cxr_edge.engines.cuda_device import Device
from cxr_edge.engines.resident import MOST, Beside, Resident
from cxr_edge.errors import CxrEdgeError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.networks import Networks

_BATCH = 64
_SHARE = 0.8
"""Of the free memory, which others may take as well."""


@dataclass(frozen=True)
class ImageNetwork:
    """The image network, loaded.

    Attributes:
        engine: which runs it.
        beside: the index that it searches as well; None where it does not.
        search: how the index is searched, and why, for the provenance of a report.
    """

    engine: Engine
    beside: Beside | None
    search: str


def open_image_network(networks: Networks, index: SentenceIndex | None, k: int) -> ImageNetwork:
    """Load the image network of a bundle, with an index beside it where a GPU has room for it.

    A network that the engine takes only without the search is run without; ``search`` says why.

    Args:
        networks: of the bundle.
        index: what the report method searches; None where it searches none, or wants all scores.
        k: how many rows it wants.

    Raises:
        EngineUnavailable, BundleError: see ``Networks.open``.
    """
    name = networks.engine_of("image")
    if index is None or name not in ON_DEVICE:
        return ImageNetwork(networks.open("image"), None, index.plan if index else "")
    why = f"{len(index)} rows are too few" if not len(index) else ""
    if k > MOST:
        why = f"at most {MOST} rows are found there, {k} are wanted"
    # The rows, and the scores of a batch about three times over.
    need = len(index) * 2 * (index.vectors.shape[1] + 3 * _BATCH)
    if not why and need > (room := _SHARE * free_memory()):
        why = f"it takes {need >> 20} MiB, {int(room) >> 20} are free"
    if not why:
        try:
            resident = Resident.of(index.vectors, k)
            engine = networks.open("image", resident)
        except CxrEdgeError as problem:
            why = str(problem)
        else:
            rounded = ", rows rounded to half precision" if resident.rounded else ""
            says = f"exact on device: {len(index)} rows beside the encoder{rounded}"
            return ImageNetwork(engine, Beside(index.digest, resident), says)
    return ImageNetwork(networks.open("image"), None, f"{index.plan}; not on device: {why}")


def free_memory() -> int:
    """Bytes of the first GPU's memory that nobody holds."""
    device = Device()
    try:
        return device.free_memory()
    finally:
        device.close()
