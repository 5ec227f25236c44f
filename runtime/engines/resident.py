"""Exact search over rows that stay where the network runs, as a part of that network.

What a network says of a picture is compared with all rows by one matrix product in half precision;
the best ``CANDIDATES`` are compared again in single precision; only the best k leave the device. As
nodes behind those of the encoder this is one network: nothing is copied in between, one CUDA graph
holds all of it, and every engine runs it with the code it has.

Half precision can misplace a row, by no more than ``ERROR`` of the lengths of both vectors. A row
that is no candidate scored at most the least of them did. So where the k-th best still lies above
that by ``ERROR``, the k are those of an exact search, and otherwise ``read`` says that it does not
know, and the rows are searched on the processor. A library may add up in half precision as well,
whose error has no such bound; the candidates' own errors would show it, and then nothing is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.engines.onnx_bytes import addition, constant, input_, model, node, output

CANDIDATES = 128
"""Rows that are compared again in single precision; more than twice the largest k."""
MOST = CANDIDATES // 2
"""Largest k."""
ERROR = 2.0**-9
"""Of a product of two unit vectors in half precision: the roundings of the query and of the score
are at most 2**-11 each, and sums are kept in single precision; twice that."""
SEEN = 2.0**-10
"""Largest error of a candidate with which the bound is believed."""
PREFIX = "resident_"
"""Begins every name in the graph that is of the search."""
OUTPUTS = (f"{PREFIX}rows", f"{PREFIX}scores", f"{PREFIX}floor", f"{PREFIX}drift")

_GROUP = 2048
_LOWEST = -65504.0
_OPSET = 18


@dataclass(frozen=True)
class Resident:
    """Rows, ready to be searched by the network that makes the queries.

    Attributes:
        inputs: what the engine keeps on its device: ``resident_corpus`` float16 (M, D) and
            ``resident_mask`` float16 (1, M), M at least the number of rows.
        rows: how many there are.
        k: how many are found.
        rounded: whether rows were rounded to half precision, and scores are those of the rounded.
        scale: by which the rows are smaller here than they were, a power of two.
    """

    inputs: Mapping[str, NDArray[np.float16]]
    rows: int
    k: int
    rounded: bool
    scale: float

    @classmethod
    def of(cls, vectors: NDArray[Any], k: int) -> "Resident":
        """Make rows ready.

        Args:
            vectors: float16 or float32 (N, D), finite, N at least 1.
            k: how many to find, 1 to ``MOST``; at most N are found.

        Raises:
            ValueError: k is not of that range, or there are no rows.
        """
        if not 1 <= k <= MOST or not len(vectors):
            raise ValueError(f"k is {k} of {len(vectors)} rows, expected 1 to {MOST} of at least 1")
        count, width = vectors.shape
        group = min(_GROUP, -(-count // 8) * 8)
        padded = -(-count // group) * group
        lengths = [float(np.linalg.norm(block, axis=1).max()) for block in _blocks(vectors)]
        longest = max(lengths)
        # A length a rounding above one is one; a power of two changes no fraction.
        scale = 2.0 ** np.ceil(np.log2(longest / 1.001)) if longest > 0 else 1.0
        corpus = np.zeros((padded, width), np.float16)
        start = 0
        for block in _blocks(vectors):
            corpus[start : start + len(block)] = block / np.float32(scale)
            start += len(block)
        mask = np.zeros((1, padded), np.float16)
        mask[0, count:] = _LOWEST
        inputs = {f"{PREFIX}corpus": corpus, f"{PREFIX}mask": mask}
        return cls(inputs, count, min(k, count), vectors.dtype != np.float16, float(scale))

    def addition(self, query: str = "embedding") -> bytes:
        """The search as what is to stand behind the bytes of a network (``onnx_bytes.addition``).

        Args:
            query: output of the network, float32 (B, D).
        """
        return addition(self._parts(query))

    def graph(self) -> bytes:
        """The search as a network of its own, with the input ``queries`` float32 (B, D)."""
        width = self.inputs[f"{PREFIX}corpus"].shape[1]
        parts = [input_("queries", "float32", ["batch", width]), *self._parts("queries")]
        return model(parts, _OPSET)

    def _parts(self, query: str) -> list[bytes]:
        """Nodes, constants, inputs and outputs; all of opset 13 to 21."""
        padded, width = self.inputs[f"{PREFIX}corpus"].shape
        group = min(_GROUP, padded)
        kept = min(CANDIDATES, self.rows)
        each = min(kept, group)

        def step(kind: str, *given: str, made: str | tuple[str, str], **attributes: int) -> bytes:
            names = [PREFIX + name for name in ([made] if isinstance(made, str) else made)]
            return node(kind, given, names, names[0], **attributes)

        def at(name: str) -> str:
            return PREFIX + name

        groups = padded // group
        starts = np.arange(groups, dtype=np.int64)[:, None] * group
        return [
            input_(at("corpus"), "float16", [padded, width]),
            input_(at("mask"), "float16", [1, padded]),
            constant(at("last"), np.array([1], np.int64)),
            constant(at("tiny"), np.array(1e-12, np.float32)),
            constant(at("split"), np.array([0, groups, group], np.int64)),
            constant(at("joined"), np.array([0, groups * each], np.int64)),
            constant(at("starts"), starts),
            constant(at("each"), np.array([each], np.int64)),
            constant(at("kept"), np.array([kept], np.int64)),
            constant(at("end"), np.array([kept - 1], np.int64)),
            constant(at("deep"), np.array([2], np.int64)),
            constant(at("k"), np.array([self.k], np.int64)),
            # The query at length one, so that halves neither overflow nor lose what is small.
            step("Mul", query, query, made="squares"),
            step("ReduceSum", at("squares"), at("last"), made="square", keepdims=1),
            step("Sqrt", at("square"), made="length"),
            step("Max", at("length"), at("tiny"), made="divisor"),
            step("Div", query, at("divisor"), made="unit"),
            step("Cast", at("unit"), made="half", to=10),
            step("Gemm", at("half"), at("corpus"), at("mask"), made="products", transB=1),
            # The best of every group side by side, then the best of those: one row of the scores
            # alone would leave most of a GPU idle.
            step("Reshape", at("products"), at("split"), made="groups"),
            step("TopK", at("groups"), at("each"), made=("bests", "places"), axis=2),
            step("Add", at("places"), at("starts"), made="numbers"),
            step("Reshape", at("bests"), at("joined"), made="flat"),
            step("Reshape", at("numbers"), at("joined"), made="flat_numbers"),
            step("TopK", at("flat"), at("kept"), made=("near", "which"), axis=1),
            step("GatherElements", at("flat_numbers"), at("which"), made="candidates", axis=1),
            step("Gather", at("near"), at("end"), made="least", axis=1),
            step("Cast", at("least"), made="floor", to=1),
            # The candidates again, by single precision; no matrix product, which tensor cores
            # would round.
            step("Gather", at("corpus"), at("candidates"), made="halves", axis=0),
            step("Cast", at("halves"), made="floats", to=1),
            step("Unsqueeze", query, at("last"), made="query"),
            step("Mul", at("floats"), at("query"), made="terms"),
            step("ReduceSum", at("terms"), at("deep"), made="exact", keepdims=0),
            step("TopK", at("exact"), at("k"), made=("scores", "order"), axis=1),
            # By how much half precision was wrong at worst, among the candidates.
            step("Div", at("exact"), at("divisor"), made="wanted"),
            step("Cast", at("near"), made="had", to=1),
            step("Sub", at("had"), at("wanted"), made="error"),
            step("Abs", at("error"), made="errors"),
            step("TopK", at("errors"), at("last"), made=("drift", "worst"), axis=1),
            step("GatherElements", at("candidates"), at("order"), made="rows", axis=1),
            output(at("rows"), "int64", ["", self.k]),
            output(at("scores"), "float32", ["", self.k]),
            output(at("floor"), "float32", ["", 1]),
            output(at("drift"), "float32", ["", 1]),
        ]

    def read(
        self, outputs: Mapping[str, NDArray[Any]], queries: NDArray[np.float32]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.float32]] | None]:
        """Rows and scores for each query, best first, of equal ones the lower row first.

        Args:
            outputs: of the network, ``OUTPUTS`` among them.
            queries: float32 (B, D), what the network compared.

        Returns:
            For each query row numbers and scores (k,), or None where another row might belong
            among them.
        """
        rows, scores, floors, drifts = (np.asarray(outputs[name]) for name in OUTPUTS)
        lengths = np.linalg.norm(queries, axis=1)
        found: list[tuple[NDArray[np.intp], NDArray[np.float32]] | None] = []
        for number, length in enumerate(lengths):
            beyond = scores[number, -1] < (floors[number, 0] + ERROR) * length
            if self.rows > CANDIDATES and (beyond or not drifts[number, 0] <= SEEN):
                found.append(None)
                continue
            order = np.lexsort((rows[number], -scores[number]))
            best = scores[number][order] * np.float32(self.scale)
            found.append((rows[number][order].astype(np.intp), best))
        return found


@dataclass(frozen=True)
class Beside:
    """An index whose rows a network searches."""

    index: str
    """Its digest."""
    resident: Resident


def _blocks(vectors: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Parts of the rows as float32, so that no second copy of all is made at that size."""
    step = 1 << 16
    return [
        np.asarray(vectors[start : start + step], np.float32)
        for start in range(0, len(vectors), step)
    ]
