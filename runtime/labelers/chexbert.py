"""CheXbert (Smit et al., EMNLP 2020) as a labeler: a bundle of ``cxr-export --model chexbert``.

The network reads a text's first 511 tokens and a separator. Its first token is what CXR-RePaiR
(Endo et al., ML4H 2021, section 7) compares texts with when it compresses a corpus.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.bundle import Bundle
from cxr_edge.engines import Engine, load_engine
from cxr_edge.errors import BundleError, CorpusError
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.tokenizers import Tokenizer, get_tokenizer

_ROLE = "labels"
_CLASSES = (Mention.BLANK, Mention.POSITIVE, Mention.NEGATIVE, Mention.UNCERTAIN)
"""What the logits of one head stand for, in their order; No Finding has only the first two."""

_SORTED = 1024
"""Texts that are sorted by length together; bounds what their ids take, 8 MiB at 512 each."""
_TOKENS = 4096
"""Ids of one run, padding included: bounds the memory of a run."""
_MOST = 64
"""Texts of one run."""

Rows = NDArray[np.intp]
Ids = dict[str, NDArray[np.generic]]


class CheXbertLabeler:
    """Labels and embeds texts by CheXbert. Opening reads the whole network: hold it open."""

    name = "chexbert"

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        spans: Sequence[tuple[int, int]],
        dimension: int,
        source: str,
    ) -> None:
        """Parts of an opened bundle.

        Args:
            engine: runs the network.
            tokenizer: gives ``ids`` and ``mask``.
            spans: columns of the logits, half open, of each observation in ``OBSERVATIONS`` order.
            dimension: size of the embedding.
            source: the bundle's space: architecture and hash of the weights.
        """
        self._engine = engine
        self._tokenizer = tokenizer
        self._spans = tuple(spans)
        self.dimension = dimension
        self.source = source

    @classmethod
    def open(
        cls, bundle: str | Path | None, engine: str = "auto", threads: int | None = None
    ) -> "CheXbertLabeler":
        """Open a bundle.

        Raises:
            CorpusError: no bundle was named.
            BundleError: it is missing, damaged, or of another architecture.
            EngineUnavailable: the engine cannot run here.
        """
        if bundle is None:
            raise CorpusError(
                "the labeler 'chexbert' needs its bundle; make one with cxr-export --model "
                "chexbert --checkpoint chexbert.pth --tokenizer vocab.txt --out DIR and name DIR"
            )
        opened = Bundle.load(bundle)
        spans = _spans(opened)
        network = opened.network(_ROLE)
        tokenizer = get_tokenizer(opened.manifest["tokenizer"], opened.directory)
        loaded = load_engine(engine, opened.read(network.file), threads)
        return cls(loaded, tokenizer, spans, opened.dimension, opened.space)

    def label(self, text: str) -> NDArray[np.int8]:
        """Label one text: int8 (14,), values of ``Mention``, ``OBSERVATIONS`` order."""
        row: NDArray[np.int8] = self.label_all([text])[0]
        return row

    def label_all(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Label texts: int8 (N, 14), in the order given."""
        return self.label_and_embed(texts)[0]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The first token's last layer of each text: float32 (N, D), not normalised."""
        return self.label_and_embed(texts)[1]

    def label_and_embed(self, texts: Sequence[str]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Both from one pass: int8 (N, 14) and float32 (N, D), in the order given.

        Texts run together with others of about their length, so that little is spent on padding.
        Which ones may change the last digits of an embedding, never the order of rows.
        """
        labels = np.zeros((len(texts), len(OBSERVATIONS)), np.int8)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _SORTED):
            encoded = self._tokenizer.encode(list(texts[start : start + _SORTED]))
            for rows, inputs in _batches(encoded):
                answer = self._engine.run(inputs)
                labels[start + rows] = self._decided(answer["logits"])
                vectors[start + rows] = answer["embedding"]
        return labels, vectors

    def close(self) -> None:
        """Give the network's memory back."""
        self._engine.close()

    def _decided(self, logits: NDArray[Any]) -> NDArray[np.int8]:
        best = [logits[:, first:last].argmax(axis=1) for first, last in self._spans]
        mentions: NDArray[np.int8] = np.array(_CLASSES, np.int8)[np.stack(best, axis=1)]
        return mentions


def _batches(encoded: Mapping[str, NDArray[np.generic]]) -> Iterator[tuple[Rows, Ids]]:
    """Cut padded texts into runs of about one length, longest first: a lack of memory shows early.

    Yields:
        intp (B,), the texts of a run, and its inputs (B, L), cut to the longest of them.
    """
    lengths = np.asarray(encoded["mask"]).sum(axis=1)
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        longest = int(lengths[order[0]])
        count = min(_MOST, max(1, _TOKENS // longest))
        rows, order = order[:count], order[count:]
        yield rows, {name: array[rows, :longest] for name, array in encoded.items()}


def _spans(bundle: Bundle) -> tuple[tuple[int, int], ...]:
    """Columns of each observation's logits, by name from the manifest.

    Raises:
        BundleError: the bundle is none of CheXbert.
    """
    try:
        if bundle.manifest["architecture"] != CheXbertLabeler.name:
            raise ValueError(f"its architecture is {bundle.manifest['architecture']}")
        classes = bundle.manifest["provenance"]["classes"]
        spans = tuple((int(classes[name][0]), int(classes[name][1])) for name in OBSERVATIONS)
        if not all(0 <= first < last <= first + len(_CLASSES) for first, last in spans):
            raise ValueError(f"its heads span {spans}")
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise BundleError(
            f"{bundle.directory} is no bundle of CheXbert ({problem}); expected one made by "
            "cxr-export --model chexbert"
        ) from None
    return spans
