"""From a corpus to indexes: read, embed, compress, write. Runs without torch; can be resumed."""

from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from cxr_edge.bundle import Bundle
from cxr_edge.indexes.building.encoding import Encoders, encode_all
from cxr_edge.indexes.building.graphing import Wanted, fingerprint_of, graph_for, take_queries
from cxr_edge.indexes.building.images import encode_all_images, image_columns, read_images
from cxr_edge.indexes.building.placing import level_name, placed, require_free, targets
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.indexes.building.reading import Texts, read
from cxr_edge.indexes.building.rows import columns_of
from cxr_edge.indexes.building.workspace import Workspace
from cxr_edge.indexes.compression.clustering import cluster, rows_that_fit
from cxr_edge.indexes.container import SCHEMA
from cxr_edge.indexes.contents import Clusters, Columns, Graph
from cxr_edge.indexes.corpora import Corpus
from cxr_edge.indexes.corpora.images import ImageReports
from cxr_edge.indexes.engines import BuildEngine, get_engine
from cxr_edge.indexes.graph.build import Refused
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index


@dataclass(frozen=True)
class BuildOptions:
    """What is built, and with what."""

    name: str
    """What reports call the index; with several levels, each adds its own."""
    unit: str = "sentence"
    """``sentence`` or ``report``, as the corpus was opened."""
    levels: tuple[float, ...] = (0.0,)
    """Levels of compression, each 0..1. Several give one index each, ``OUT/0.15`` and so on."""
    minimum_frequency: int = 1
    """Texts that the corpus holds less often are dropped."""
    labeler: str = "rules"
    """Labels the texts that come without labels."""
    labeler_bundle: Path | None = None
    """The network that labels; its embedding, where it has one, is what texts are compressed by."""
    engine: str = "local"
    """Where the work runs: a name of ``cxr_edge.indexes.engines.ENGINES``."""
    network_engine: str = "auto"
    """Runs the networks: a name of ``cxr_edge.engines.ENGINES``, or ``auto``."""
    threads: int | None = None
    """Processors to use; None: all that the process may use."""
    memory: int = 2**30
    """Bytes that the work of the compression may take beside the mapped files."""
    replace: bool = False
    """Put the index in the place of an older one."""
    queries: Path | None = None
    """Sample pictures, or their embeddings, for the graph."""
    graph: Wanted = "auto"
    """``auto``: a graph for indexes that are slow to search exactly; ``always``: for any."""


@dataclass(frozen=True)
class Built:
    """What a build did."""

    indexes: Mapping[float, SentenceIndex]
    """By level of compression."""
    counts: Mapping[str, Any]
    """Texts ``read``, ``repeated``, ``kept``, number of ``reports``, ``by_section``, ``dropped``
    by reason; as the manifests have it under ``corpus``."""
    notes: tuple[str, ...]
    """What else the user should know, a line each."""


def build_index(
    corpus: Corpus,
    bundle: Bundle,
    out: Path,
    options: BuildOptions,
    progress: Progress = silent,
) -> Built:
    """Build the indexes of a corpus in the space of a bundle's encoder.

    A build that was interrupted, at whatever moment, goes on where it was when it is called with
    the same arguments again; engine, threads and memory may be others. What it has so far is in
    ``OUT.building``, which it removes when it is done.

    Args:
        corpus: texts in corpus order; of texts that are equal in lower case the first is kept.
        bundle: gives the text network, the tokenizer and the space.
        out: directory to create.
        options: what is built.
        progress: told how far each stage is.

    Raises:
        CorpusError: the corpus is empty, or cannot be read.
        BundleError: the bundle has no text network.
        EngineUnavailable: an engine cannot run here.
        OutputError: ``out`` exists, is something else than an index, or cannot be written; or an
            unfinished build of it has other options.
    """
    bundle.network("text")
    labels = Bundle.load(options.labeler_bundle) if options.labeler_bundle else None
    key = {
        **_key(corpus.fingerprint(), bundle, labels, options),
        "compression": sorted(options.levels),
        "minimum frequency": options.minimum_frequency,
    }
    if options.queries is not None:
        key |= {"queries": fingerprint_of(options.queries), "graph": options.graph}
    places = targets(out, options.levels)
    require_free(out, list(places.values()), options.replace)
    with Workspace(out, key) as work:
        queries = take_queries(options.queries, bundle, work, options.threads, progress)
        if "counts" not in work.state:
            read(corpus, work, minimum=options.minimum_frequency, progress=progress)
        texts = Texts.open(work)
        with closing(get_engine(options.engine, options.threads)) as engine:
            encode_all(texts, _encoders(bundle, engine, options), work, engine, progress)
            _compress(texts, work, options, engine, progress)
        manifest = _manifest(work, bundle, labels, options)
        embedding = labels.space if labels else bundle.space
        indexes = {}
        for level, place in sorted(places.items()):
            if (index := placed(place, work.digest)) is None:
                columns, clusters, record = _contents(level, texts, work, options, embedding)
                graph = graph_for(
                    columns,
                    queries,
                    bundle,
                    work,
                    wanted=options.graph,
                    threads=options.threads,
                    memory=options.memory,
                    progress=progress,
                )
                index = write_index(
                    place,
                    columns,
                    manifest={**manifest, **record, **_refusal(graph)},
                    graph=graph if isinstance(graph, Graph) else None,
                    clusters=clusters,
                    replace=options.replace,
                )
            indexes[level] = index
    return Built(indexes, work.state["counts"], _notes(work, indexes, labels))


def build_image_index(
    reports: ImageReports,
    bundle: Bundle,
    out: Path,
    options: BuildOptions,
    progress: Progress = silent,
) -> Built:
    """Build an index whose keys are images and whose texts are the reports of these images.

    It is what CXR-RePaiR compares itself with: the report of the nearest training image (Endo et
    al., ML4H 2021, section 5). Nothing is merged or de-duplicated. An interrupted build goes on as
    that of ``build_index`` does.

    Args:
        reports: images and reports in corpus order.
        bundle: gives the image network, the recipe and the space.
        out: directory to create.
        options: what is built; the unit is the report and the only level 0.
        progress: told how far each stage is.

    Raises:
        CorpusError: there is no image, or none can be read.
        BundleError: the bundle has no image network.
        EngineUnavailable: an engine cannot run here.
        OutputError: as ``build_index``.
    """
    bundle.network("image")
    labels = Bundle.load(options.labeler_bundle) if options.labeler_bundle else None
    key = {**_key(reports.fingerprint(), bundle, labels, options), "key": "image"}
    require_free(out, [out], options.replace)
    with Workspace(out, key) as work:
        if "counts" not in work.state:
            read_images(reports, work, progress)
        with closing(get_engine(options.engine, options.threads)) as engine:
            encode_all_images(_encoders(bundle, engine, options), work, engine, progress)
        manifest = {**_manifest(work, bundle, labels, options), "key": "image"}
        record = {**manifest, "name": options.name, "compression": {"level": 0.0}}
        index = placed(out, work.digest) or write_index(
            out, image_columns(work), manifest=record, replace=options.replace
        )
    return Built({0.0: index}, work.state["counts"], _notes(work, {}, labels))


def _key(
    fingerprint: str, bundle: Bundle, labels: Bundle | None, options: BuildOptions
) -> dict[str, object]:
    """What the result of either build depends on."""
    return {
        "software": version("cxr-edge"),
        "schema": SCHEMA,
        "corpus": fingerprint,
        "bundle": bundle.manifest["digest"],
        "labeler": labels.manifest["digest"] if labels else options.labeler,
        "name": options.name,
        "unit": options.unit,
    }


def _encoders(bundle: Bundle, engine: BuildEngine, options: BuildOptions) -> Encoders:
    return Encoders(
        bundle.directory.absolute(),
        bundle.digest,
        options.network_engine,
        engine.threads,
        options.labeler,
        options.labeler_bundle and options.labeler_bundle.absolute(),
    )


def _manifest(
    work: Workspace, bundle: Bundle, labels: Bundle | None, options: BuildOptions
) -> dict[str, Any]:
    """What an index says of itself, whatever its keys are."""
    return {
        "unit": options.unit,
        "metric": bundle.metric,
        "space": bundle.space,
        "row_order": "corpus",
        "labeler": labels.space if labels else options.labeler,
        "corpus": {**work.state["counts"], "fingerprint": work.key["corpus"]},
        "tokenizer": bundle.manifest["tokenizer"],
        "build": work.digest,
        "software": f"cxr-edge {version('cxr-edge')}",
    }


def _compress(
    texts: Texts, work: Workspace, options: BuildOptions, engine: BuildEngine, progress: Progress
) -> None:
    """Find the representatives at every level above 0, all from the same products."""
    levels = tuple(level for level in sorted(options.levels) if level > 0)
    if not levels:
        return
    name = "keys" if work.path("keys").exists() else "vectors"
    owners = work.growing("owners", "uint32", (len(levels), len(texts)))
    block = rows_that_fit(options.memory, work.load(name).shape[1])
    done = int(work.state.get("compressed", 0))
    limit = threadpool_limits(options.threads, "blas") if options.threads else nullcontext()
    progress("compress", done, len(texts))
    with limit:
        for settled in cluster(
            work.path(name), levels, owners, done=done, block=block, engine=engine
        ):
            owners.flush()
            work.record(compressed=settled)
            progress("compress", settled, len(texts))


def _contents(
    level: float, texts: Texts, work: Workspace, options: BuildOptions, embedding: str
) -> tuple[Columns, Clusters | None, dict[str, Any]]:
    """What the index of one level holds, and what its manifest says of the compression."""
    name = options.name if len(options.levels) == 1 else f"{options.name}-{level_name(level)}"
    compression: dict[str, Any] = {"level": level, "texts": len(texts)}
    owners = None
    if level > 0:
        # What "cosine above" is taken of: the labeler's embedding, or the text network's.
        compression |= {"cosine_above": 1.0 - level, "embedding": embedding}
        above = [one for one in sorted(options.levels) if one > 0]
        owners = np.array(work.load("owners")[above.index(level)])
    return *columns_of(texts, work, owners), {"name": name, "compression": compression}


def _refusal(graph: Graph | Refused | None) -> dict[str, Any]:
    return {"graph": dict(graph.about)} if isinstance(graph, Refused) else {}


def _notes(
    work: Workspace, indexes: Mapping[float, SentenceIndex], labels: Bundle | None
) -> tuple[str, ...]:
    notes = []
    if work.resumed:
        notes.append("went on with the unfinished build of an earlier run")
    if labels is None and any(level > 0 for level in indexes):
        notes.append(
            "compressed by the bundle's text network; the paper's levels are for the embedding of "
            "CheXbert: --labeler chexbert --labeler-bundle DIR"
        )
    for reason, number in sorted(work.state.get("queries", {}).items()):
        notes.append(f"{number} of the sample pictures left out: {reason}")
    for index in indexes.values():
        refused = index.manifest.get("graph", {}).get("refused")
        if refused:
            notes.append(f"{index.directory} has no graph: {refused}")
    return tuple(notes)
