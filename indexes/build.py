"""From a corpus to an index: de-duplicate, label, embed, write. Runs without torch."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.container import SECTION_NAMES
from cxr_edge.indexes.contents import Columns, Sources, Strings
from cxr_edge.indexes.corpora import CorpusSentence
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index
from cxr_edge.labelers import get_labeler
from cxr_edge.labelers.attributes import attributes as find_attributes
from cxr_edge.tokenizers import get_tokenizer

_BATCH = 256


@dataclass(frozen=True)
class Built:
    """What a build did."""

    index: SentenceIndex
    read: int
    """Texts the corpus gave."""
    repeated: int
    """Texts left out because an earlier one is the same in lower case."""


def build_index(
    corpus: Iterable[CorpusSentence],
    bundle: Bundle,
    out: Path,
    *,
    name: str,
    unit: str = "sentence",
    labeler: str = "rules",
    engine: str = "auto",
    threads: int | None = None,
    replace: bool = False,
) -> Built:
    """Build an index of a corpus in the space of a bundle's encoder.

    Args:
        corpus: texts in corpus order; of texts that are equal in lower case the first is kept.
        bundle: gives the text network, the tokenizer and the space.
        out: directory to create.
        name: what reports call this index.
        unit: ``sentence`` or ``report``.
        labeler: labels the texts that come without labels.
        engine: runs the text network.
        threads: processors for the text network.
        replace: put it in the place of an older index.

    Raises:
        CorpusError: the corpus is empty.
        BundleError: the bundle has no text network.
        OutputError: ``out`` exists, is something else than an index, or cannot be written.
    """
    kept: list[CorpusSentence] = []
    seen: set[str] = set()
    read = 0
    for sentence in corpus:
        read += 1
        key = sentence.text.lower()
        if key not in seen:
            seen.add(key)
            kept.append(sentence)
    if not kept:
        raise CorpusError(
            "the corpus gave no sentence: it is empty, or all of it was dropped (see above)"
        )
    vectors = embed([s.text for s in kept], bundle, engine=engine, threads=threads)
    columns = _columns(kept, vectors, labeler)
    sizes = Counter(str(SECTION_NAMES[code]) or "unknown" for code in columns.section)
    manifest = {
        "name": name,
        "unit": unit,
        "metric": bundle.metric,
        "space": bundle.space,
        "row_order": "corpus",
        "labeler": labeler,
        "corpus": {"read": read, "repeated": read - len(kept), "by_section": dict(sizes)},
        "tokenizer": bundle.manifest["tokenizer"],
        "software": f"cxr-edge {version('cxr-edge')}",
    }
    index = write_index(out, columns, manifest=manifest, replace=replace)
    return Built(index, read, read - len(kept))


def embed(
    texts: list[str], bundle: Bundle, *, engine: str = "auto", threads: int | None = None
) -> NDArray[np.float32]:
    """Text embeddings float32 (N, D): unit length where the bundle's metric is cosine."""
    network = bundle.network("text")
    tokenizer = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory)
    loaded = load_engine(engine, bundle.read(network.file), threads)
    try:
        blocks = [
            loaded.run(tokenizer.encode(texts[start : start + _BATCH]))["embedding"]
            for start in range(0, len(texts), _BATCH)
        ]
    finally:
        loaded.close()
    vectors = np.concatenate(blocks).astype(np.float32, copy=False)
    if bundle.metric == "cosine":
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _columns(kept: list[CorpusSentence], vectors: NDArray[np.float32], labeler: str) -> Columns:
    label = get_labeler(labeler).label
    labels = [label(s.text) if s.labels is None else s.labels for s in kept]
    attributes = [find_attributes(s.text) if s.attributes is None else s.attributes for s in kept]
    return Columns(
        vectors=vectors,
        texts=Strings.of(s.text for s in kept),
        sources=Sources.of([s.source] for s in kept),
        labels=np.array(labels, np.int8).reshape(len(kept), -1),
        attributes=np.array([int(a) for a in attributes], np.uint8),
        section=np.array([SECTION_NAMES.index(s.section) for s in kept], np.uint8),
        frequency=np.ones(len(kept), np.uint32),
        cluster_size=np.ones(len(kept), np.uint32),
    )
