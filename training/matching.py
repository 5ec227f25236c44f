"""DCCLIP step 2: the calibrated semantic matching loss between pictures and texts.

The trunk stays as step 1 left it; the heads f_v and f_t, the text tower and tau learn. In our
trial a frozen trunk with soft targets retrieved better than one trained from the start with them,
and stored features make a step cost milliseconds. The observation loss goes on beside the matching
loss, because f_v serves both the embedding and the probabilities.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.benchmarks.quality.matrices import f1_scores
from cxr_edge.export.models.dcclip import Dcclip
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.training.augment import jittered
from cxr_edge.training.gates import SCORED
from cxr_edge.training.loop import chunks, seeded, shuffled
from cxr_edge.training.losses import (
    balanced_weights,
    label_similarity,
    masked_cross_entropy,
    matching_loss,
)
from cxr_edge.training.observation import (
    OBSERVED,
    Pictures,
    first_frontals,
    observation_aurocs,
    prepared,
)
from cxr_edge.training.pictures import intensities
from cxr_edge.training.recipe import Recipe, Stage
from cxr_edge.training.targets import Targets
from cxr_edge.training.texts import Texts, partners, plain_by_observation


@dataclass(frozen=True)
class Features:
    """What the frozen trunk says.

    Attributes:
        train: float32 (views, N, D) of jittered copies; the first view is the unchanged picture.
        train_study: int64 (N,).
        valid: float32 (M, D), first frontal of each ``valid`` study.
        valid_study: int64 (M,).
    """

    train: Tensor
    train_study: NDArray[np.int64]
    valid: Tensor
    valid_study: NDArray[np.int64]


def trunk_features(model: Dcclip, pictures: Pictures, recipe: Recipe) -> Features:
    """Run the trunk over every frontal picture, several times with jitter for ``train``."""
    rows = np.flatnonzero(pictures.frontal & pictures.train)
    held = first_frontals(pictures, pictures.study[~pictures.train])
    size, channels = recipe.image_size, recipe.channels
    model.image.eval()

    def plain(index: NDArray[np.int64]) -> Tensor:
        feature: Tensor = model.image.trunk(prepared(pictures.grey[index], size, channels))
        return feature

    views = []
    with torch.inference_mode():
        for view in range(recipe.views):
            chance = seeded(recipe.seed, 1000, view)
            parts = []
            for part in chunks(len(rows)):
                if view == 0:
                    parts.append(plain(rows[part]))
                    continue
                grey = torch.from_numpy(intensities(pictures.grey[rows[part]]))
                moved = jittered(grey, size, recipe.jitter, chance).expand(-1, channels, -1, -1)
                parts.append(model.image.trunk(moved.contiguous(memory_format=torch.channels_last)))
            views.append(torch.cat(parts))
        valid = [plain(held[part]) for part in chunks(len(held))]
    empty = torch.zeros(0, model.image.trunk.features)
    return Features(
        torch.stack(views).clone(),
        pictures.study[rows],
        torch.cat(valid).clone() if valid else empty,
        pictures.study[held],
    )


class Heads(nn.Module):
    """The part of DCCLIP that step 2 trains."""

    def __init__(self, model: Dcclip) -> None:
        """Borrow the parts of a model."""
        super().__init__()
        self.image_head = model.image.head
        self.text = model.text
        self.log_temperature = model.log_temperature


class Matching:
    """Step 2, a ``loop.Task``."""

    def __init__(
        self,
        model: Dcclip,
        features: Features,
        targets: Targets,
        texts: Texts,
        bags: NDArray[np.float32],
        recipe: Recipe,
        *,
        opinion: NDArray[np.float32] | None = None,
    ) -> None:
        """Prepare.

        Args:
            model: trunk already trained.
            features: of the trunk.
            targets: of all studies.
            texts: all texts.
            bags: float32 (N, V), the texts tokenised.
            recipe: the numbers.
            opinion: float32 (studies, K), what teachers think, for stages that trust them.
        """
        self.model = Heads(model)
        self.features, self.targets, self.texts, self.recipe = features, targets, texts, recipe
        self.opinion = opinion
        self.bags = torch.from_numpy(bags)
        self.positive = torch.from_numpy(targets.positive)[features.train_study]
        self.weights = balanced_weights(self.positive)
        self.said = torch.from_numpy((texts.mentions == Mention.POSITIVE).astype(np.float32))
        self.sure = torch.from_numpy((texts.mentions != Mention.UNCERTAIN).astype(np.float32))
        self.sentences = partners(texts, len(targets.values))
        self.plain = plain_by_observation(texts)
        self.values = self.mask = torch.zeros(0)

    def batches(self, stage: Stage, chance: torch.Generator) -> list[Tensor]:
        """Pictures drawn so that rare observations are matched more often."""
        targets = self.targets
        if self.opinion is not None and stage.trust > 0:
            targets = targets.softened(self.opinion, stage.trust)
        smoothing, study = self.recipe.smoothing, self.features.train_study
        values = torch.from_numpy(targets.values[study, :OBSERVED])
        self.values = values * (1 - smoothing) + smoothing / 2
        self.mask = torch.from_numpy(targets.mask[study, :OBSERVED])
        return shuffled(len(self.weights), stage.batch, chance, self.weights)

    def _partner(self, row: int, draw: NDArray[np.float64]) -> int:
        """A text true of a picture: its report, a sentence of that, or a plain one of ours."""
        study = int(self.features.train_study[row])
        asserted = np.flatnonzero(self.positive[row].numpy())
        if draw[0] < 1 / 3 and len(asserted):
            ours = self.plain[asserted[int(draw[1] * len(asserted))]]
            if len(ours):
                return int(ours[int(draw[2] * len(ours))])
        said = self.sentences[study]
        if draw[0] < 2 / 3 and len(said):
            return int(said[int(draw[2] * len(said))])
        return study

    def loss(self, rows: Tensor, stage: Stage, chance: torch.Generator) -> Tensor:
        """Matching loss, and the observation losses of both sides as an anchor."""
        draws = torch.rand(len(rows), 3, generator=chance, dtype=torch.float64).numpy()
        chosen = [self._partner(int(r), d) for r, d in zip(rows, draws, strict=True)]
        text = torch.tensor(chosen)
        view = torch.randint(len(self.features.train), (len(rows),), generator=chance)
        image = self.model.image_head.unprompted(self.features.train[view, rows])
        head = self.model.text.head
        sentence = head.unprompted(self.model.text.body(self.bags[text]))
        # Texts that appear twice in a batch are partners of both pictures.
        same = (text[:, None] == text[None, :]).float()
        similarity = label_similarity(self.positive[rows], self.said[text], same)
        matching = matching_loss(
            F.normalize(image, dim=1),
            F.normalize(sentence, dim=1),
            similarity,
            self.model.log_temperature.exp(),
            self.recipe.sharpness,
        )
        seen = masked_cross_entropy(
            self.model.image_head.logits(image), self.values[rows], self.mask[rows]
        )
        smoothing = self.recipe.smoothing
        said = self.said[text] * (1 - smoothing) + smoothing / 2
        read = masked_cross_entropy(head.logits(sentence), said, self.sure[text])
        return matching + self.recipe.anchor * (seen + read)

    def measure(self, stage: Stage) -> dict[str, Any]:
        """AUROC, and label F1 (rules) of the training report nearest to each ``valid`` picture."""
        if len(self.features.valid) == 0:
            return {}
        self.model.eval()
        with torch.inference_mode():
            image = self.model.image_head.unprompted(self.features.valid)
            scores = self.model.image_head.logits(image).numpy()
            reports = torch.from_numpy(np.unique(self.features.train_study))
            vectors = self.model.text(self.bags[reports])
            nearest = reports[(F.normalize(image, dim=1) @ vectors.T).argmax(1)].numpy()
        truth = self.targets.positive[self.features.valid_study] > 0
        drafted = self.targets.positive[nearest] > 0
        columns = [OBSERVATIONS.index(name) for name in SCORED]
        retrieved = f1_scores(truth[:, columns], drafted[:, columns]).mean()
        mentions = self.targets.mentions[self.features.valid_study]
        return {
            "auroc": observation_aurocs(scores, mentions),
            "retrieved_label_f1": round(float(retrieved), 4),
            "temperature": round(self.model.log_temperature.exp().item(), 4),
        }
