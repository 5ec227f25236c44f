"""Sample pictures as queries: a folder of images, or their embeddings in a file."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.atomic import write_atomically
from cxr_edge.blas import one_blas_thread
from cxr_edge.bundle import Bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.errors import CorpusError, SpaceMismatch, StudyError
from cxr_edge.indexes.building.progress import Progress, silent
from cxr_edge.networks import Networks
from cxr_edge.preprocess import apply
from cxr_edge.types import Study, StudyFailure

_RUNS = 50
_BATCH = 16


@dataclass(frozen=True)
class Queries:
    """Embeddings of sample pictures."""

    vectors: NDArray[np.float32]
    """float32 (Q, D), finite; unit length where the metric is cosine."""
    space: str
    """The encoder they come from; empty where a ``.npy`` file does not say."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Studies that gave no embedding, by reason."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the vectors."""
        return hashlib.sha256(np.ascontiguousarray(self.vectors, "<f4").tobytes()).hexdigest()

    def split(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Four fifths to shape a graph with, and one fifth to judge it by.

        Whole runs of the given order are held out, not single pictures: pictures of one patient
        come one after the other in most folders, and a graph must not be judged by a second
        picture of a patient whose first has shaped it.
        """
        run = np.arange(len(self.vectors)) * _RUNS // max(1, len(self.vectors))
        held = run % 5 == 4
        return self.vectors[~held], self.vectors[held]

    def save(self, path: Path) -> None:
        """Write them as ``.npz``, so that pictures need to be encoded only once.

        Raises:
            OutputError: the disk refuses.
        """
        stream = io.BytesIO()
        np.savez(stream, vectors=self.vectors, space=np.array(self.space))
        write_atomically(path, stream.getvalue())


def read_queries(
    path: Path, bundle: Bundle, *, threads: int | None = None, progress: Progress = silent
) -> Queries:
    """Read embeddings, or make them from the pictures of a folder.

    Args:
        path: a folder (or zip) of DICOM, PNG or JPEG files; an ``.npz`` file of ``Queries.save``;
            or an ``.npy`` file, float32 (Q, D), whose encoder is taken on trust.
        bundle: encodes the pictures, and says what embeddings must fit.
        threads: processors for the network.
        progress: told how many pictures are encoded.

    Raises:
        CorpusError: nothing there, or nothing usable in it.
        SpaceMismatch: the embeddings are of another encoder.
        CxrEdgeError: the image network cannot run.
    """
    if path.suffix.lower() in (".npy", ".npz") and not path.is_dir():
        return _checked(_from_file(path), path, bundle)
    if not path.exists():
        raise CorpusError(f"{path} is not there; name a folder of images or a file of embeddings")
    return encode_pictures([path], bundle, threads=threads, progress=progress)


def _from_file(path: Path) -> Queries:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return Queries(loaded, "")
        with loaded:
            return Queries(loaded["vectors"], str(loaded["space"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise CorpusError(
            f"{path} holds no embeddings: expected a numpy array (Q, D), or an .npz with 'vectors' "
            f"and 'space' ({problem})"
        ) from None


def _checked(queries: Queries, path: Path | str, bundle: Bundle) -> Queries:
    vectors = queries.vectors
    if queries.space not in ("", bundle.space):
        raise SpaceMismatch(
            f"the queries of {path} are of {queries.space}, the bundle is {bundle.space}; "
            "encode the pictures with this bundle"
        )
    if vectors.dtype.kind != "f" or vectors.ndim != 2 or vectors.shape[1] != bundle.dimension:
        raise SpaceMismatch(
            f"the queries of {path} are {vectors.dtype} {vectors.shape}; expected floats "
            f"(Q, {bundle.dimension}), embeddings of {bundle.space}"
        )
    with np.errstate(over="ignore"):  # infinities are found out in the next lines
        vectors = vectors.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise CorpusError(
            f"the queries of {path} hold numbers that are not finite, or zeros only; encode the "
            "pictures again"
        )
    if bundle.metric == "cosine":
        vectors = vectors / lengths[:, None]
    return Queries(vectors, queries.space, queries.left_out)


def encode_pictures(
    paths: Iterable[Path],
    bundle: Bundle,
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> Queries:
    """Encode the frontal picture of every study under some paths.

    Args:
        paths: files, folders or zips, in an order that keeps a patient's pictures together.
        bundle: its image network.
        threads: processors for the network.
        progress: told how many pictures are encoded.

    Raises:
        CorpusError: nothing usable among them.
        CxrEdgeError: the image network cannot run.
    """
    left_out: Counter[str] = Counter()
    blocks: list[NDArray[np.float32]] = []
    waiting: list[NDArray[np.float32]] = []
    name = bundle.network("image").inputs[0]
    with StudyReader() as reader, closing(Networks(bundle, threads=threads)) as networks:
        network = networks.open("image")

        def encode() -> None:
            if waiting:
                blocks.append(network.run({name: np.concatenate(waiting)})["embedding"])
                waiting.clear()
                progress("encode pictures", sum(map(len, blocks)), 0)

        for path in paths:
            for study in _studies(reader, path):
                if isinstance(study, Study):
                    with one_blas_thread():
                        waiting.append(apply(bundle.recipe, study.image))
                    if len(waiting) == _BATCH:
                        encode()
                else:
                    left_out[study.error.removeprefix(f"{study.path}: ")] += 1
        encode()
    if not blocks:
        raise CorpusError(
            "no sample picture could be read; give frontal chest X-rays"
            + "".join(f" ({number}: {reason})" for reason, number in left_out.most_common(1))
        )
    queries = Queries(np.concatenate(blocks), bundle.space, left_out)
    return _checked(queries, "the pictures", bundle)


def _studies(reader: StudyReader, path: Path) -> Iterator[Study | StudyFailure]:
    """The studies of a path; a path that holds none is a failure like any other."""
    try:
        yield from reader.studies(path)
    except StudyError as problem:
        yield StudyFailure(str(path), str(problem))
