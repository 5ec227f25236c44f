"""DCCLIP step 1: observation-level pre-training with prompts, pictures first, then texts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.export.models.dcclip import Dcclip, PromptedHead
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.training.augment import jittered, standardise
from cxr_edge.training.auroc import auroc
from cxr_edge.training.loop import chunks, shuffled
from cxr_edge.training.losses import balanced_weights, masked_cross_entropy
from cxr_edge.training.pictures import intensities
from cxr_edge.training.recipe import Recipe, Stage
from cxr_edge.training.targets import Targets

OBSERVED = len(OBSERVATIONS)


@dataclass(frozen=True)
class Pictures:
    """Pictures and the studies they belong to.

    Attributes:
        grey: uint16 (N, S, S), from ``load_pictures``.
        study: int64 (N,), row of the study in the targets.
        frontal: bool (N,).
        train: bool (N,), split of the study.
    """

    grey: NDArray[np.uint16]
    study: NDArray[np.int64]
    frontal: NDArray[np.bool_]
    train: NDArray[np.bool_]


class ObservationNetwork(nn.Module):
    """The image tower with the heads that only training needs.

    Lateral pictures share the trunk but not the head: what an effusion looks like differs by view.
    The coded terms (MeSH) have plain linear heads, one set per view.
    """

    def __init__(self, model: Dcclip, coded: int, dropout: float) -> None:
        """Share a model's image tower; ``coded`` terms; ``dropout`` on the feature."""
        super().__init__()
        self.tower = model.image
        features = self.tower.trunk.features
        self.lateral = PromptedHead(features, model.config.dimension)
        self.coded = nn.ModuleList([nn.Linear(features, coded) for _ in range(2)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, pixels: Tensor, frontal: Tensor) -> Tensor:
        """Log-odds float32 (N, 14 + coded) of pixels float32 (N, C, S, S), frontal bool (N,)."""
        feature = self.dropout(self.tower.trunk(pixels))
        views = []
        for head, coded in zip((self.tower.head, self.lateral), self.coded, strict=True):
            views.append(torch.cat([head.logits(head.unprompted(feature)), coded(feature)], 1))
        return torch.where(frontal[:, None], views[0], views[1])


class ImageObservation:
    """Step 1 on pictures, a ``loop.Task``."""

    def __init__(
        self,
        model: Dcclip,
        pictures: Pictures,
        targets: Targets,
        recipe: Recipe,
        *,
        opinion: NDArray[np.float32] | None = None,
        held_out: NDArray[np.bool_] | None = None,
    ) -> None:
        """Prepare.

        Args:
            model: whose image tower learns.
            pictures: of all splits; only ``train`` is learnt from.
            targets: of all studies.
            recipe: the numbers.
            opinion: float32 (studies, K), what teachers think, for stages that trust them.
            held_out: bool (N,) pictures left out of training, those of a teacher's fold.
        """
        self.recipe = recipe
        self.pictures = pictures
        self.targets = targets
        self.opinion = opinion
        coded = targets.values.shape[1] - OBSERVED
        self.model: ObservationNetwork = ObservationNetwork(model, coded, recipe.dropout)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.learnt = pictures.train if held_out is None else pictures.train & ~held_out
        self.mixing = np.random.default_rng(0)
        self.values = self.mask = torch.zeros(0)

    def batches(self, stage: Stage, chance: torch.Generator) -> list[Tensor]:
        """Pictures drawn so that rare observations are seen more often."""
        targets = self.targets
        if self.opinion is not None and stage.trust > 0:
            targets = targets.softened(self.opinion, stage.trust)
        smoothing = self.recipe.smoothing
        self.values = torch.from_numpy(targets.values) * (1 - smoothing) + smoothing / 2
        self.mask = torch.from_numpy(targets.mask)
        rows = np.flatnonzero(self.learnt & (self.pictures.frontal | stage.laterals))
        positive = torch.from_numpy(targets.positive[self.pictures.study[rows]])
        drawn = shuffled(len(rows), stage.batch, chance, balanced_weights(positive))
        self.mixing = np.random.default_rng(int(torch.randint(2**31, (1,), generator=chance)))
        return [torch.from_numpy(rows)[batch] for batch in drawn]

    def loss(self, rows: Tensor, stage: Stage, chance: torch.Generator) -> Tensor:
        """Masked cross-entropy of observations and coded terms, mixed pictures included."""
        index = rows.numpy()
        grey = torch.from_numpy(intensities(self.pictures.grey[index]))
        pixels = jittered(grey, stage.size, self.recipe.jitter, chance)
        share = float(self.mixing.beta(stage.mixup, stage.mixup)) if stage.mixup else 1.0
        partner = torch.randperm(len(rows), generator=chance)
        if share < 1.0:
            pixels = share * pixels + (1 - share) * pixels[partner]
        pixels = pixels.expand(-1, self.recipe.channels, -1, -1)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        study = torch.from_numpy(self.pictures.study[index])
        frontal = torch.from_numpy(self.pictures.frontal[index])
        # A mixed picture keeps the view of its larger part.
        other = partner if share < 0.5 else torch.arange(len(rows))
        logits = self.model(pixels, frontal[other])
        loss = share * self._against(logits, study)
        if share < 1.0:
            loss = loss + (1 - share) * self._against(logits, study[partner])
        return loss

    def _against(self, logits: Tensor, study: Tensor) -> Tensor:
        values, mask = self.values[study], self.mask[study]
        seen = slice(None, OBSERVED)
        loss = masked_cross_entropy(logits[:, seen], values[:, seen], mask[:, seen])
        if logits.shape[1] > OBSERVED:
            coded = slice(OBSERVED, None)
            loss = loss + self.recipe.coded * masked_cross_entropy(
                logits[:, coded], values[:, coded], mask[:, coded]
            )
        return loss

    def predict(self, rows: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Log-odds float32 (len(rows), K) of unchanged pictures, in evaluation mode."""
        self.model.eval()
        answers = []
        with torch.inference_mode():
            for part in chunks(len(rows)):
                index = rows[part]
                pixels = prepared(self.pictures.grey[index], size, self.recipe.channels)
                frontal = torch.from_numpy(self.pictures.frontal[index])
                answers.append(self.model(pixels, frontal).numpy())
        return np.concatenate(answers) if answers else np.zeros((0, 0), np.float32)

    def measure(self, stage: Stage) -> dict[str, Any]:
        """AUROC on the first frontal picture of each ``valid`` study."""
        rows = first_frontals(self.pictures, self.pictures.study[~self.pictures.train])
        return {
            "auroc": observation_aurocs(
                self.predict(rows, stage.size)[:, :OBSERVED],
                self.targets.mentions[self.pictures.study[rows]],
            )
        }


def prepared(grey: NDArray[np.uint16], size: int, channels: int) -> Tensor:
    """Stored pictures as the network sees them at run time: float32 (N, C, size, size)."""
    pixels = torch.from_numpy(intensities(grey))
    if size != pixels.shape[-1]:
        pixels = F.interpolate(pixels, size=(size, size), mode="area")
    pixels = standardise(pixels).expand(-1, channels, -1, -1)
    return pixels.contiguous(memory_format=torch.channels_last)


def first_frontals(pictures: Pictures, studies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the first frontal picture of each of these studies that has one, in study order."""
    rows = np.flatnonzero(pictures.frontal & np.isin(pictures.study, studies))
    _, first = np.unique(pictures.study[rows], return_index=True)
    return rows[first]


def observation_aurocs(scores: NDArray[np.float32], mentions: NDArray[np.int8]) -> dict[str, float]:
    """AUROC by name where both classes occur; an uncertain mention counts as not positive."""
    figures = {}
    for column, name in enumerate(OBSERVATIONS):
        value = auroc(mentions[:, column] == Mention.POSITIVE, scores[:, column])
        if value is not None:
            figures[name] = round(value, 4)
    return figures


class TextObservation:
    """Step 1 on texts, a ``loop.Task``: the same prompts and loss, over reports and sentences."""

    def __init__(
        self,
        model: Dcclip,
        bags: NDArray[np.float32],
        mentions: NDArray[np.int8],
        train: NDArray[np.bool_],
        smoothing: float,
    ) -> None:
        """Prepare.

        Args:
            model: whose text tower learns.
            bags: float32 (N, V), tokenised texts.
            mentions: int8 (N, 14), their labels.
            train: bool (N,), what may be learnt from; the others measure.
            smoothing: of the labels.
        """
        self.model = model.text
        self.bags = torch.from_numpy(bags)
        self.mentions = mentions
        positive = torch.from_numpy((mentions == Mention.POSITIVE).astype(np.float32))
        self.values = positive * (1 - smoothing) + smoothing / 2
        self.mask = torch.from_numpy((mentions != Mention.UNCERTAIN).astype(np.float32))
        self.rows = torch.from_numpy(np.flatnonzero(train))
        self.held = np.flatnonzero(~train)
        self.weights = balanced_weights(positive[self.rows])

    def _logits(self, rows: Tensor) -> Tensor:
        head = self.model.head
        return head.logits(head.unprompted(self.model.body(self.bags[rows])))

    def batches(self, stage: Stage, chance: torch.Generator) -> list[Tensor]:
        """Texts drawn so that rare observations are read more often."""
        return [self.rows[b] for b in shuffled(len(self.rows), stage.batch, chance, self.weights)]

    def loss(self, rows: Tensor, stage: Stage, chance: torch.Generator) -> Tensor:
        """Masked cross-entropy."""
        return masked_cross_entropy(self._logits(rows), self.values[rows], self.mask[rows])

    def measure(self, stage: Stage) -> dict[str, Any]:
        """AUROC over the texts not learnt from."""
        self.model.eval()
        with torch.inference_mode():
            scores = self._logits(torch.from_numpy(self.held)).numpy()
        return {"auroc": observation_aurocs(scores, self.mentions[self.held])}
