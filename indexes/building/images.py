"""Keys that are images: each row has the vector of an image and the report that goes with it.

The rows are the images in corpus order, so a report comes once for each of its images. The vector
is made exactly as a draft's is, one picture at a time: an image of the index is its own nearest.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.blas import one_blas_thread
from cxr_edge.bundle import Bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.encoder import ImageEncoder
from cxr_edge.engines import load_network
from cxr_edge.errors import BundleError, CorpusError, StudyError
from cxr_edge.indexes.building.encoding import Encoders
from cxr_edge.indexes.building.progress import Progress
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.container import SECTION_NAMES
from cxr_edge.indexes.contents import Columns, Sources, Strings
from cxr_edge.indexes.corpora.images import ImageReports
from cxr_edge.indexes.engines import BuildEngine
from cxr_edge.labelers import Labeler, get_labeler
from cxr_edge.labelers.attributes import attributes as find_attributes

UNREADABLE = "image that cannot be read"
BLOCK = 64
"""Images between two records of the journal; so many are lost at most when a build is killed."""
_TELL_EVERY = 1000


@dataclass(frozen=True)
class EncodedImages:
    """One block."""

    vectors: NDArray[np.float32]
    """float32 (B, D); zeros where the image cannot be read."""
    readable: NDArray[np.bool_]
    """bool (B,)."""
    labels: NDArray[np.int8]
    """int8 (B, 14), of the reports."""
    attributes: NDArray[np.uint8]
    """uint8 (B,), of the reports."""


def read_images(reports: ImageReports, work: Workspace, progress: Progress) -> None:
    """Read which images there are, and their reports, into the working folder.

    Raises:
        CorpusError: the corpus cannot be read, or no image of it is left.
    """
    paths: list[str] = []
    texts: list[str] = []
    sources: list[tuple[str, str]] = []
    sections = bytearray()
    for one in reports:
        paths.append(os.fspath(one.image_path.absolute()))
        texts.append(one.report_text)
        sources.append((one.source, one.image_path.name))
        sections.append(SECTION_NAMES.index(one.section))
        if len(paths) % _TELL_EVERY == 0:
            progress("read", len(paths), 0)
    if not paths:
        raise CorpusError("the corpus gave no image with a report (see above for the reasons)")
    held, names, places = Sources.of(sources), Strings.of(texts), Strings.of(paths)
    arrays: dict[str, NDArray[Any]] = {
        "text": names.data,
        "text_offsets": names.offsets,
        "image": places.data,
        "image_offsets": places.offsets,
        "report_ids": held.ids.data,
        "report_ids_offsets": held.ids.offsets,
        "sources": held.numbers,
        "sources_offsets": held.offsets,
        "section": np.frombuffer(bytes(sections), np.uint8),
    }
    for name, values in arrays.items():
        work.save(name, values)
    work.record(counts=_counts([source for source, _ in sources], reports))


def count_images(reports: ImageReports, progress: Progress) -> dict[str, Any]:
    """What ``read_images`` would record, without opening an image or writing anything.

    Raises:
        CorpusError: the corpus cannot be read.
    """
    sources: list[str] = []
    for one in reports:
        sources.append(one.source)
        if len(sources) % _TELL_EVERY == 0:
            progress("read", len(sources), 0)
    return _counts(sources, reports)


def _counts(sources: list[str], reports: ImageReports) -> dict[str, Any]:
    return {
        "read": len(sources),
        "repeated": 0,
        "kept": len(sources),
        "reports": len(set(sources)),
        "dropped": dict(sorted(reports.dropped.items())),
    }


def encode_images(encoders: Encoders, paths: list[str], texts: list[str]) -> EncodedImages:
    """Encode one block.

    Raises:
        BundleError: the bundle has no image network or is damaged.
        EngineUnavailable: an engine cannot run here.
    """
    opened = _open(encoders)
    vectors = np.zeros((len(paths), opened.dimension), np.float32)
    readable = np.zeros(len(paths), np.bool_)
    with StudyReader() as reader, one_blas_thread():
        for place, path in enumerate(paths):
            try:
                study = reader.read(path)
            except StudyError:
                continue
            vectors[place] = opened.encoder.encode(study.image).vector
            readable[place] = True
    labels = opened.labeler.label_all(texts)
    attributes = np.array([int(find_attributes(text)) for text in texts], np.uint8)
    return EncodedImages(vectors, readable, labels, attributes)


def encode_all_images(
    encoders: Encoders, work: Workspace, engine: BuildEngine, progress: Progress
) -> None:
    """Encode every block that the journal does not have yet.

    Raises:
        CorpusError: not one of the images can be read.
        CxrEdgeError: as ``encode_images``.
    """
    texts, paths = _strings(work, "text"), _strings(work, "image")
    rows, done = len(texts), int(work.state.get("encoded", 0))
    parts = [slice(start, min(start + BLOCK, rows)) for start in range(done, rows, BLOCK)]
    blocks = (
        ([paths[row] for row in _range(part)], [texts[row] for row in _range(part)])
        for part in parts
    )
    progress("embed", done, rows)
    try:
        for part, block in zip(parts, engine.map(encode_images, (encoders,), blocks), strict=True):
            work.keep(part, rows, vars(block), encoded=part.stop)
            progress("embed", part.stop, rows)
    finally:
        _open.cache_clear()
    kept = int(work.load("readable").sum())
    if not kept:
        raise CorpusError(f"none of the {rows} images can be read; cxr-run on one of them says why")
    counts = dict(work.state["counts"])
    counts["kept"] = kept
    if kept < rows:
        counts["dropped"] = {**counts["dropped"], UNREADABLE: rows - kept}
    work.record(counts=counts)


def image_columns(work: Workspace) -> Columns:
    """The rows of the index: the images that could be read."""
    kept = np.flatnonzero(work.load("readable"))
    ids = _strings(work, "report_ids")
    sources = Sources(ids, work.load("sources"), work.load("sources_offsets"))
    vectors = work.growing("kept", "float32", (len(kept), work.load("vectors").shape[1]))
    for start in range(0, len(kept), BLOCK):
        part = slice(start, start + BLOCK)
        vectors[part] = work.load("vectors")[kept[part]]
    return Columns(
        vectors=vectors,
        texts=_strings(work, "text").take(kept),
        sources=sources.take(kept),
        labels=work.load("labels")[kept],
        attributes=work.load("attributes")[kept],
        section=work.load("section")[kept],
        frequency=np.ones(len(kept), np.uint32),
        cluster_size=np.ones(len(kept), np.uint32),
    )


@dataclass(frozen=True)
class _Opened:
    encoder: ImageEncoder
    labeler: Labeler
    dimension: int


@lru_cache(maxsize=1)
def _open(encoders: Encoders) -> _Opened:
    """The networks, once a process."""
    bundle = Bundle.load(encoders.bundle)
    if bundle.digest != encoders.digest:
        raise BundleError(f"{bundle.directory} has changed since the build began; build again")
    network = load_network(bundle, "image", encoders.network_engine, encoders.threads)
    labeler = get_labeler(
        encoders.labeler,
        bundle=encoders.labeler_bundle,
        engine=encoders.network_engine,
        threads=encoders.threads,
    )
    return _Opened(ImageEncoder(bundle, network), labeler, bundle.dimension)


def _strings(work: Workspace, name: str) -> Strings:
    return Strings(work.load(name), work.load(f"{name}_offsets"))


def _range(part: slice) -> range:
    return range(part.start, part.stop)
