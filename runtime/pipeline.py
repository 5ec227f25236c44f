"""The whole path: a study in, a draft report out.

with Pipeline.load() as pipeline:
    report = pipeline.run("study.dcm")
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import TracebackType

import numpy as np

from cxr_edge import __version__
from cxr_edge.blas import one_blas_thread
from cxr_edge.bundle import Bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.encoder import ImageEncoder
from cxr_edge.errors import CxrEdgeError, MethodError
from cxr_edge.image_network import open_image_network
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.methods import Parts, get_method
from cxr_edge.networks import Networks
from cxr_edge.preprocess import render
from cxr_edge.processors import at_most
from cxr_edge.types import Encoding, Hit, Report, SourceImage, Study, StudyFailure

DEFAULT_DATA = Path(__file__).parent / "data"
DEFAULT_K = 6  # CXR-RePaiR-Select's k

SourcePath = str | os.PathLike[str]


def locate(kind: str, path: SourcePath | None) -> Path:
    """Where a bundle or an index is: the path given, else the environment, else the embedded one.

    Args:
        kind: ``bundle`` or ``index``; the variables are ``CXR_EDGE_BUNDLE`` and ``CXR_EDGE_INDEX``.
        path: what the caller named, or None.
    """
    return Path(path or os.environ.get(f"CXR_EDGE_{kind.upper()}") or DEFAULT_DATA / kind)


class Pipeline:
    """A loaded encoder with its method, ready to draft. Use as a context manager, or ``close()``.

    Attributes:
        bundle: the encoder.
        engine: the image network, loaded.
        method_name: a name of ``cxr_edge.methods.METHODS``.
    """

    def __init__(self, parts: Parts, reader: StudyReader, method: str) -> None:
        """Bind the parts; ``load`` is the usual way.

        Raises:
            SpaceMismatch: the index was built with another encoder.
            MethodError: no such method, or it needs another kind of index.
        """
        self.bundle, self._index, self._networks = parts.bundle, parts.index, parts.networks
        if self._index is not None:
            self._index.require_space(self.bundle.space, self.bundle.metric)
        wanted = get_method(method)
        searched = None if wanted.scores_every_row else self._index
        self._image = open_image_network(self._networks, searched, parts.k)
        self.engine = self._image.engine
        self.method_name, self._method = method, wanted(parts)
        self._encoder = ImageEncoder(self.bundle, self.engine, self._image.beside)
        self._reader = reader
        self._provenance = self._trace()
        self.warm_up()

    @classmethod
    def load(
        cls,
        bundle: SourcePath | None = None,
        index: SourcePath | None = None,
        *,
        engine: str = "auto",
        method: str | None = None,
        k: int = DEFAULT_K,
        threads: int | None = None,
        public_key: SourcePath | None = None,
        exact: bool = False,
    ) -> "Pipeline":
        """Open, verify and warm up everything once.

        Args:
            bundle: directory of a bundle; default ``$CXR_EDGE_BUNDLE``, else the embedded one.
            index: directory of an index; default ``$CXR_EDGE_INDEX``, else the embedded one. Not
                opened where the method needs none.
            engine: ``auto`` or a name of ``cxr_edge.engines.ENGINES``.
            method: a name of ``cxr_edge.methods.METHODS``; default what the bundle recommends.
            k: sentences taken by ``select`` and ``top-k``.
            threads: processors for the encoder, large pictures and exact search in a large index;
                default those this process may use.
            public_key: PEM file; only a bundle signed by its owner is accepted.
            exact: score every row of the index, also where it has a graph.

        Raises:
            CxrEdgeError: in one line, what is missing or does not fit, and what to do.
        """
        opened = Bundle.load(locate("bundle", bundle), public_key=public_key)
        image = opened.network("image")
        opened.verify(but=(image.file, image.data))  # which the engine's loading checks
        method = method or opened.default_method
        wanted = get_method(method).needs_index
        sentences = SentenceIndex.open(locate("index", index), exact=exact) if wanted else None
        networks = Networks(opened, engine, threads)
        reader = StudyReader()
        reader.start()  # the decode worker loads while the engine does
        try:
            return cls(Parts(opened, sentences, networks, k), reader, method)
        except BaseException:
            reader.close()
            networks.close()
            raise

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder of pictures and give the engine's memory back."""
        self._reader.close()
        self._networks.close()

    @contextmanager
    def _threads(self) -> Iterator[None]:
        with one_blas_thread(), at_most(self._networks.threads):
            yield

    def warm_up(self) -> None:
        """Run the encoder once, so that the first study is as fast as the next."""
        ramp = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
        self._encoder.encode(SourceImage(ramp, bits_stored=16))

    def run(self, path: SourcePath, *, picture: bool = False) -> Report:
        """Draft the report of one study: a file, a folder or zip that holds one study, or ``-``.

        Args:
            path: what to read.
            picture: keep a small rendering in the report, for writers that show it.

        Raises:
            CxrEdgeError: in one line, why there is no report.
        """
        started = perf_counter()
        study = self.read(path)
        return self.draft(study, read_ms=_since(started), picture=picture)

    def run_all(
        self, path: SourcePath, *, picture: bool = False
    ) -> Iterator[Report | StudyFailure]:
        """Draft one report per study under a path; a study that fails is returned as such."""
        studies = self._reader.studies(path)
        while True:
            started = perf_counter()
            with self._threads():
                study = next(studies, None)
            if study is None:
                return
            if isinstance(study, Study):
                try:
                    yield self.draft(study, read_ms=_since(started), picture=picture)
                except CxrEdgeError as problem:
                    yield StudyFailure(study.path, str(problem))
            else:
                yield study

    @property
    def index(self) -> SentenceIndex:
        """What the method retrieves from.

        Raises:
            MethodError: it writes its own sentences, so that no index was opened.
        """
        if self._index is None:
            raise MethodError(f"method {self.method_name} uses no index; choose another --method")
        return self._index

    @property
    def skipped(self) -> int:
        """Files passed over so far because they are no images this program can read."""
        return self._reader.skipped

    def read(self, path: SourcePath) -> Study:
        """Read one study without drafting; see ``run`` for what a path may be."""
        with self._threads():
            return self._reader.read(path)

    def encode(self, study: Study) -> Encoding:
        """The embedding and the observation probabilities of one study's picture."""
        with self._threads():
            return self._encoder.encode(study.image)

    def draft(self, study: Study, *, read_ms: float = 0.0, picture: bool = False) -> Report:
        """Draft the report of a study that was read already; ``read_ms`` goes into the timings."""
        marks = [perf_counter()]
        with self._threads():
            tensor = self._encoder.preprocess(study.image)
            marks.append(perf_counter())
            encoding = self._encoder.run(tensor)
            marks.append(perf_counter())
            found = self._method.search(encoding)
            marks.append(perf_counter())
            draft = self._method.compose(encoding, found)
            marks.append(perf_counter())
        spans = {"read": read_ms}
        for stage, begin, end in zip(
            ("preprocess", "encode", "search", "compose"), marks[:-1], marks[1:], strict=True
        ):
            spans[stage] = (end - begin) * 1e3
        spans["total"] = sum(spans.values())
        return Report(
            study=study,
            findings=_prose(draft.findings),
            impression=_prose(draft.impression),
            sentences=tuple(dict.fromkeys(draft.findings + draft.impression)),
            probabilities=encoding.probabilities,
            muted=self.bundle.muted,
            notes=draft.notes,
            warnings=study.warnings + self.bundle.warnings,
            provenance=self.provenance,
            timings_ms=spans,
            picture=render(study.image) if picture else None,
        )

    @property
    def provenance(self) -> Mapping[str, object]:
        """What a reader needs to trace a draft to the exact parts that made it."""
        return dict(self._provenance)

    def _trace(self) -> Mapping[str, object]:
        """The provenance of every draft: the parts are bound for the life of the pipeline."""
        index = self._index
        searched: dict[str, object] = {"index": None, "index_sha256": None}
        if index is not None:
            searched = {
                "index": str(index.manifest.get("name", index.directory.name)),
                "index_sha256": index.digest,
                "index_rows": len(index),
                "search": self._image.search
                if not self._method.scores_every_row
                else f"exact: {self.method_name} scores every row",
            }
        return {
            "software": f"cxr-edge {__version__}",
            "bundle": self.bundle.name,
            "bundle_sha256": self.bundle.digest,
            "space": self.bundle.space,
            "precision": self.bundle.precision,
            "recipe_sha256": self.bundle.recipe.digest,
            **searched,
            "method": self.method_name,
            "engine": self.engine.info.name,
            "engine_version": self.engine.info.version,
            "provider": self.engine.info.provider,
            "threads": self.engine.info.threads,
        }


def _prose(hits: tuple[Hit, ...]) -> str:
    return " ".join(hit.text for hit in hits)


def _since(started: float) -> float:
    return (perf_counter() - started) * 1e3
