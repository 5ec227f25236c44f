"""What a run reads, gathered once: studies, pictures, targets, texts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.tokenizers.ngrams import NgramTokenizer
from cxr_edge.training.observation import Pictures
from cxr_edge.training.pictures import load_pictures
from cxr_edge.training.recipe import Recipe
from cxr_edge.training.studies import PairedStudy, read_studies
from cxr_edge.training.targets import Targets, targets_of
from cxr_edge.training.texts import Texts, gather_texts, learn_vocabulary


@dataclass(frozen=True)
class Material:
    """All a run reads, in memory.

    Attributes:
        studies: of both splits.
        pictures: all views.
        targets: of all studies.
        texts: reports, sentences, grammar.
        tokenizer: learnt from ``train`` and the grammar.
        bags: float32 (texts, V).
    """

    studies: list[PairedStudy]
    pictures: Pictures
    targets: Targets
    texts: Texts
    tokenizer: NgramTokenizer
    bags: NDArray[np.float32]

    def fingerprint(self, *, read: bool) -> str:
        """SHA-256 (hex) of the studies and their targets, and of the texts where they are read."""
        digest = hashlib.sha256(self.targets.values.tobytes() + self.targets.mask.tobytes())
        for study in self.studies:
            digest.update(f"{study.uid} {study.split}\n".encode())
        if read:
            digest.update("\n".join((*self.texts.text, *self.tokenizer.ngrams)).encode())
        return digest.hexdigest()

    @property
    def text_train(self) -> NDArray[np.bool_]:
        """bool (texts,): everything but the texts of ``valid`` studies."""
        return _learnable(self.studies, self.texts)


def gather(data: Path, recipe: Recipe, out: Path) -> Material:
    """Read studies, pictures and texts; the resized pictures are kept in ``out/cache``.

    Raises:
        CorpusError: the data cannot be used; the message says where.
    """
    studies = read_studies(data)
    rows = [
        (path, row, frontal)
        for row, study in enumerate(studies)
        for frontal, paths in ((True, study.frontals), (False, study.laterals))
        for path in paths
    ]
    pictures = Pictures(
        load_pictures([path for path, _, _ in rows], recipe.image_size, out / "cache"),
        np.array([row for _, row, _ in rows], np.int64),
        np.array([frontal for _, _, frontal in rows], bool),
        np.array([studies[row].split == "train" for _, row, _ in rows], bool),
    )
    targets = targets_of(studies)
    texts = gather_texts(studies)
    tokenizer = learn_vocabulary(texts, _learnable(studies, texts), recipe.ngrams)
    bags = np.asarray(tokenizer.encode(list(texts.text))["bag"], np.float32)
    return Material(studies, pictures, targets, texts, tokenizer, bags)


def _learnable(studies: list[PairedStudy], texts: Texts) -> NDArray[np.bool_]:
    splits = np.array([study.split == "train" for study in studies])
    return np.where(texts.study >= 0, splits[texts.study], True)
