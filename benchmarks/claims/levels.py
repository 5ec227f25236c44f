"""The indexes of one corpus at the asked levels of compression, from wherever it comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.benchmarks.parts.vectors import Cones, plain_columns
from cxr_edge.bundle import Bundle
from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.building.placing import level_name
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.indexes.container import MANIFEST
from cxr_edge.indexes.contents import Columns, Graph
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.writing import write_index

PAPER_COUNTS = {0.0: 331_007, 0.01: 167_272, 0.05: 61_496, 0.15: 7_510, 0.25: 1_546, 0.40: 265}
"""Sentences by level in the authors' notebook; sizes of synthetic corpora are in proportion."""
PICTURES = 50_000
"""Synthetic pictures, for the search and for a graph."""


@dataclass(frozen=True)
class Levels:
    """Indexes by level, and what they are of."""

    places: dict[float, Path]
    """Directories, from level 0 on."""
    about: str
    """What the sentences are and how they were compressed, in words."""
    synthetic: bool = False

    @cached_property
    def contents(self) -> dict[float, tuple[int, str]]:
        """Number of sentences and digest of each index, from one opening: that reads every byte."""
        opened = ((level, SentenceIndex.open(at, exact=True)) for level, at in self.places.items())
        return {level: (len(index), index.digest) for level, index in opened}


def wanted(levels: Sequence[float]) -> tuple[float, ...]:
    """The asked levels in order, level 0 always among them: ratios are to it."""
    return tuple(sorted({0.0, *levels}))


def of_corpus(
    corpus: Path,
    split: str | None,
    bundle: Bundle,
    levels: Sequence[float],
    folder: Path,
    *,
    chexbert: Path | None = None,
    progress: Progress = silent,
) -> Levels:
    """Build all levels of a corpus of reports in one pass.

    Where there is a bundle of CheXbert, it labels the sentences and they are compressed by its
    embedding, as in the paper; else by the embedding of the bundle's text tower.

    Raises:
        CorpusError: it cannot be read.
        BundleError: the bundle has no text network.
    """
    from cxr_edge.indexes.build import BuildOptions, build_index
    from cxr_edge.indexes.corpora import CorpusOptions, open_corpus

    asked = wanted(levels)
    reports = open_corpus(corpus, CorpusOptions(split=split))
    options = BuildOptions(
        corpus.stem,
        levels=asked,
        graph="never",
        labeler="chexbert" if chexbert else "rules",
        labeler_bundle=chexbert,
    )
    built = build_index(reports, bundle, folder / "levels", options, progress)
    counts, part = built.counts, f", split {split}" if split else ""
    return Levels(
        {level: index.directory for level, index in built.indexes.items()},
        f"{counts['kept']:,} sentences of {counts['reports']:,} reports of {corpus.name}{part}; "
        f"{'compressed by CheXbert' if chexbert else _by_text_tower(bundle)}",
    )


def of_index(index: Path, bundle: Bundle, levels: Sequence[float], folder: Path) -> Levels:
    """The levels of an index: a directory of levels as it stands, else its own vectors compressed.

    Raises:
        SentenceIndexError: nothing there, damaged, or a level is missing.
        SpaceMismatch: it was built with another encoder.
    """
    asked = wanted(levels)
    if (index / "0" / MANIFEST).is_file():
        places = {level: index / level_name(level) for level in asked}
        lacking = [path.name for path in places.values() if not (path / MANIFEST).is_file()]
        if lacking:
            there = sorted(path.parent.name for path in index.glob(f"*/{MANIFEST}"))
            raise SentenceIndexError(
                f"{index} holds the levels {', '.join(there)}, asked was {', '.join(lacking)} too; "
                "leave it out, or build it: cxr-index build --compression all"
            )
        opened = {level: SentenceIndex.open(path) for level, path in places.items()}
        for one in opened.values():
            one.require_space(bundle.space, bundle.metric)
        made_up = bool(opened[0.0].manifest.get("synthetic"))
        compressed = opened[asked[-1]].manifest.get("compression", {})
        how = (
            "sizes in proportion to the paper's counts"
            if made_up
            else f"compressed by the embedding of {compressed.get('embedding', 'another program')}"
        )
        kind = "synthetic sentences" if made_up else "sentences"
        return Levels(places, f"{len(opened[0.0]):,} {kind} of {index.name}; {how}", made_up)
    whole = SentenceIndex.open(index)
    whole.require_space(bundle.space, bundle.metric)
    places = {0.0: whole.directory} | compressed_levels(whole, asked, folder)
    before = float(whole.manifest.get("compression", {}).get("level", 0.0))
    already = f", which is compressed by {before:.0%} already" if before else ""
    name = whole.manifest.get("name", index.name)
    return Levels(
        places, f"{len(whole):,} sentences of the index {name}{already}; {_by_text_tower(bundle)}"
    )


def compressed_levels(
    whole: SentenceIndex, levels: Sequence[float], folder: Path
) -> dict[float, Path]:
    """Cluster the stored vectors of an index and write one index for each level above 0."""
    from cxr_edge.indexes.compression.clustering import cluster
    from cxr_edge.indexes.compression.pairs import normalised

    above = tuple(level for level in levels if level > 0)
    if not above:
        return {}
    owners = np.zeros((len(above), len(whole)), np.uint32)
    for _ in cluster(normalised(whole.vectors), above, owners):
        pass
    places = {}
    for level, owner in zip(above, owners, strict=True):
        rows = np.flatnonzero(owner == np.arange(len(owner)))
        stood_for = np.bincount(owner, weights=whole.cluster_size, minlength=len(owner))[rows]
        columns = Columns(
            vectors=whole.vectors[rows],
            texts=whole.texts.take(rows),
            sources=whole.sources.take(rows),
            labels=whole.labels[rows],
            attributes=whole.attributes[rows],
            section=whole.section[rows],
            frequency=whole.frequency[rows],
            cluster_size=stood_for.astype(np.uint32),
        )
        kept = ("unit", "metric", "space", "labeler")
        manifest = {name: whole.manifest[name] for name in kept if name in whole.manifest}
        manifest["name"] = f"{whole.manifest.get('name', 'index')}-{level_name(level)}"
        manifest["compression"] = {"level": level, "texts": len(whole), "embedding": whole.space}
        places[level] = folder / "levels" / level_name(level)
        write_index(places[level], columns, manifest=manifest, dtype=str(whole.manifest["dtype"]))
    return places


def made_up(
    bundle: Bundle,
    count: int,
    levels: Sequence[float],
    folder: Path,
    *,
    graph: bool = False,
    threads: int = 1,
    progress: Progress = silent,
    said: Callable[[str], object] = lambda line: None,
) -> Levels:
    """Synthetic sentences in the space of a bundle, for speed alone.

    A level holds as many of them as the authors' corpus had left, in proportion to ``count``.

    Args:
        bundle: gives dimension, metric and space.
        count: sentences at level 0.
        levels: as asked.
        folder: for the indexes.
        graph: build graphs for the levels that are slow to search exactly; takes minutes to hours.
        threads: processors for a graph.
        progress: told how far a graph is.
        said: told why a level has no graph.
    """
    cones = Cones(dimension=bundle.dimension, meanings=min(32, (bundle.dimension - 2) // 2))
    vectors = cones.sentences(count, 0)
    places = {}
    for level in wanted(levels):
        rows = max(1, round(count * size_at(level) / PAPER_COUNTS[0.0]))
        part = vectors[:rows]
        links = _graph(part, cones, bundle, threads, progress) if graph else None
        if isinstance(links, str):
            said(f"{rows:,} synthetic sentences are searched exactly: {links}")
        places[level] = folder / "levels" / level_name(level)
        write_index(
            places[level],
            plain_columns(part),
            manifest={
                "name": f"synthetic-{level_name(level)}",
                "unit": "sentence",
                "metric": bundle.metric,
                "space": bundle.space,
                "synthetic": True,
                "compression": {"level": level, "texts": count},
            },
            graph=links if isinstance(links, Graph) else None,
        )
    return Levels(
        places,
        f"{count:,} synthetic sentences, sizes of the levels in proportion to the paper's counts",
        synthetic=True,
    )


def pictures_for(dimension: int, count: int) -> NDArray[np.float32]:
    """Vectors of synthetic pictures that no graph was shaped with, float32 (count, D)."""
    return Cones(dimension=dimension, meanings=min(32, (dimension - 2) // 2)).pictures(count, 2)


def size_at(level: float) -> float:
    """Sentences the authors' corpus had at a level; between theirs, on the line of logarithms."""
    at = sorted(PAPER_COUNTS)
    logs = [np.log(PAPER_COUNTS[one]) for one in at]
    return float(np.exp(np.interp(level, at, logs)))


def _graph(
    vectors: NDArray[np.float32],
    cones: Cones,
    bundle: Bundle,
    threads: int,
    progress: Progress,
) -> Graph | str:
    from cxr_edge.indexes.building.graphing import EXACT_UP_TO
    from cxr_edge.indexes.graph.build import Refused, build_graph
    from cxr_edge.indexes.graph.queries import Queries
    from cxr_edge.indexes.writing import stored_dtype

    if len(vectors) <= EXACT_UP_TO:
        return f"no graph is built up to {EXACT_UP_TO:,}"
    built = build_graph(
        vectors,
        Queries(cones.pictures(PICTURES, 1), bundle.space),
        space=bundle.space,
        metric=bundle.metric,
        stored=stored_dtype(vectors),
        threads=threads,
        progress=progress,
    )
    return built.reason if isinstance(built, Refused) else built


def _by_text_tower(bundle: Bundle) -> str:
    return f"compressed by the embedding of {bundle.name}'s text tower, not by CheXbert's"
