"""Second stage: labels, attributes and embeddings of a block of texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.engines import Engine, load_network
from cxr_edge.errors import BundleError
from cxr_edge.indexes.building.progress import Progress
from cxr_edge.indexes.building.reading import NOT_GIVEN, Texts
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.compression.pairs import normalised
from cxr_edge.indexes.engines import BuildEngine
from cxr_edge.labelers import EmbeddingLabeler, Labeler, get_labeler
from cxr_edge.labelers.attributes import attributes as find_attributes
from cxr_edge.tokenizers import Tokenizer, get_tokenizer

BLOCK = 4096
"""Texts of a block. Fixed: which texts run together may change the last digits of a vector."""
_BATCH = 256
_IDS = 2**14
"""Most token ids in one run: a language model takes some hundred kilobytes for each."""


@dataclass(frozen=True)
class Encoders:
    """Which networks turn texts into what the index holds; opened where they are needed."""

    bundle: Path
    digest: str
    """Of the bundle: it must not change while the build runs."""
    network_engine: str = "auto"
    threads: int | None = None
    labeler: str = "rules"
    labeler_bundle: Path | None = None


@dataclass(frozen=True)
class Encoded:
    """One block."""

    vectors: NDArray[np.float32]
    """float32 (B, D), in the space of the bundle."""
    keys: NDArray[np.float32] | None
    """float32 (B, K), unit rows: what the texts are compressed by; None: the vectors are that."""
    labels: NDArray[np.int8]
    """int8 (B, 14)."""
    attributes: NDArray[np.uint8]
    """uint8 (B,)."""


def encode(
    encoders: Encoders,
    texts: list[str],
    given_labels: NDArray[np.int8],
    given_attributes: NDArray[np.int16],
) -> Encoded:
    """Encode one block; what the corpus brings along is not asked for again.

    Raises:
        BundleError: the bundle has no text network or is damaged, or a vector is not finite.
        EngineUnavailable: an engine cannot run here.
    """
    opened = _open(encoders)
    labels = given_labels.copy()
    blank = np.flatnonzero((given_labels == NOT_GIVEN).any(axis=1))
    vectors = opened.embed(texts)
    keys: NDArray[np.float32] | None = None
    if isinstance(opened.labeler, EmbeddingLabeler):
        every, embedding = opened.labeler.label_and_embed(texts)
        labels[blank] = every[blank]
        keys = normalised(embedding)
    else:
        if blank.size:
            labels[blank] = opened.labeler.label_all([texts[row] for row in blank])
        if opened.metric != "cosine":
            keys = normalised(vectors)
    found = [
        int(find_attributes(text)) if given == NOT_GIVEN else int(given)
        for text, given in zip(texts, given_attributes, strict=True)
    ]
    return Encoded(vectors, keys, labels, np.array(found, np.uint8))


def encode_all(
    texts: Texts, encoders: Encoders, work: Workspace, engine: BuildEngine, progress: Progress
) -> None:
    """Encode every block that the journal does not have yet; each is recorded when it is on disk.

    Raises:
        CxrEdgeError: as ``encode``.
    """
    rows, done = len(texts), int(work.state.get("encoded", 0))
    blocks = range(done, rows, BLOCK)

    def wanted() -> Iterator[tuple[list[str], NDArray[np.int8], NDArray[np.int16]]]:
        for start in blocks:
            part = slice(start, min(start + BLOCK, rows))
            strings = [texts.strings[row] for row in range(part.start, part.stop)]
            yield strings, np.array(texts.labels[part]), np.array(texts.attributes[part])

    progress("embed", done, rows)
    try:
        for start, block in zip(blocks, engine.map(encode, (encoders,), wanted()), strict=True):
            part = slice(start, min(start + BLOCK, rows))
            work.keep(part, rows, vars(block), encoded=part.stop)
            progress("embed", part.stop, rows)
    finally:
        _open.cache_clear()


def embed(
    texts: list[str], bundle: Bundle, *, engine: str = "auto", threads: int | None = None
) -> NDArray[np.float32]:
    """Text embeddings float32 (N, D): unit length where the bundle's metric is cosine."""
    network = load_network(bundle, "text", engine, threads)
    try:
        tokenizer = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory)
        return _vectors(texts, network, tokenizer, bundle.metric)
    finally:
        network.close()


def _vectors(
    texts: list[str], network: Engine, tokenizer: Tokenizer, metric: str
) -> NDArray[np.float32]:
    blocks = []
    for start in range(0, len(texts), _BATCH):
        inputs = tokenizer.encode(texts[start : start + _BATCH])
        ids = [array.shape[1] for array in inputs.values() if array.dtype.kind == "i"]
        step = max(1, _IDS // max(ids, default=1))
        for row in range(0, min(_BATCH, len(texts) - start), step):
            part = {name: array[row : row + step] for name, array in inputs.items()}
            blocks.append(network.run(part)["embedding"])
    vectors: NDArray[np.float32] = np.concatenate(blocks).astype(np.float32, copy=False)
    if metric == "cosine":
        with np.errstate(invalid="ignore", divide="ignore"):  # found out in the next line
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if bad := np.flatnonzero(~np.isfinite(vectors).all(axis=1)).tolist():
        raise BundleError(
            f"the text network gives no finite vector for {texts[bad[0]][:80]!r}; export it again "
            "in a wider precision"
        )
    return vectors


@dataclass(frozen=True)
class _Opened:
    network: Engine
    tokenizer: Tokenizer
    metric: str
    labeler: Labeler

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        return _vectors(texts, self.network, self.tokenizer, self.metric)


@lru_cache(maxsize=1)
def _open(encoders: Encoders) -> _Opened:
    """The networks, once a process."""
    bundle = Bundle.load(encoders.bundle)
    if bundle.manifest["digest"] != encoders.digest:
        raise BundleError(f"{bundle.directory} has changed since the build began; build again")
    return _Opened(
        load_network(bundle, "text", encoders.network_engine, encoders.threads),
        get_tokenizer(bundle.manifest["tokenizer"], bundle.directory),
        bundle.metric,
        get_labeler(
            encoders.labeler,
            bundle=encoders.labeler_bundle,
            engine=encoders.network_engine,
            threads=encoders.threads,
        ),
    )
