"""The numbers of a training run: everything that decides what the weights become."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

from cxr_edge.errors import CxrEdgeError
from cxr_edge.training.augment import Jitter


@dataclass(frozen=True)
class Stage:
    """One run of the optimiser (AdamW, linear warm-up over a fifth, cosine to zero).

    Attributes:
        name: for the log.
        epochs: passes over as many samples as there are.
        batch: samples a step.
        rate: highest learning rate.
        decay: weight decay.
        size: pixels a side of the training pictures; 0 where the stage reads stored features.
        mixup: parameter of the Beta distribution that mixes two samples; 0 for none.
        laterals: whether lateral pictures are learnt from beside the frontal ones.
        trust: weight of the teachers' opinion against the labels, 0..1.
    """

    name: str
    epochs: int
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    size: int = 0
    mixup: float = 0.0
    laterals: bool = True
    trust: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A whole run of ``cxr-train dcclip``.

    Attributes:
        arch: ``small`` or ``resnet50``.
        image_size: pixels a side of the finished network's input.
        width: of the small trunk.
        dimension: P, size of the shared space.
        hidden: width of the text tower.
        ngrams: most n-grams in the vocabulary.
        seed: of everything random.
        folds: teachers, each trained without the fold of ``train`` it is asked about; 0: none.
        smoothing: label smoothing of the observation step.
        average: decay of the running mean of the weights.
        dropout: on the feature v in training.
        coded: weight of the MeSH heads' loss; those heads exist in training only.
        sharpness: divides the similarities inside the softmax that makes the soft targets of the
            matching loss; 1 is the paper's equation 5.
        anchor: weight of the observation loss during matching, which keeps the probabilities.
        views: jittered copies of each picture that matching sees.
        teacher: stages of one teacher.
        observation: stages of step 1 on pictures.
        text: stages of step 1 on texts.
        matching: stages of step 2.
        jitter: of the training pictures.
    """

    arch: str = "small"
    image_size: int = 128
    width: int = 32
    dimension: int = 128
    hidden: int = 256
    ngrams: int = 3000
    seed: int = 7
    folds: int = 4
    smoothing: float = 0.04
    average: float = 0.995
    dropout: float = 0.3
    coded: float = 0.5
    sharpness: float = 0.2
    anchor: float = 1.0
    views: int = 4
    teacher: tuple[Stage, ...] = (Stage("teacher-96", 6, size=96),)
    observation: tuple[Stage, ...] = (
        Stage("observation-96", 10, size=96),
        Stage("observation-128", 8, rate=6e-4, size=128, mixup=0.2, laterals=False, trust=0.5),
    )
    text: tuple[Stage, ...] = (Stage("text", 12, batch=128, rate=1e-3),)
    matching: tuple[Stage, ...] = (Stage("matching", 12, batch=128, rate=1e-3, trust=0.5),)
    jitter: Jitter = field(default_factory=Jitter)

    @property
    def channels(self) -> int:
        """Channels the trunk takes: ResNet-50 keeps the three of its usual weights."""
        return 3 if self.arch == "resnet50" else 1

    def fingerprint(self, *, without: tuple[str, ...] = ()) -> str:
        """SHA-256 (hex) of the numbers: a part is only resumed by the recipe that began it.

        Args:
            without: fields that the part in question does not depend on.
        """
        numbers = {key: value for key, value in asdict(self).items() if key not in without}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()

    def resized(self, size: int) -> "Recipe":
        """The same recipe for a network of ``size`` pixels a side; every stage scales with it."""

        def scaled(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
            ratio = size / self.image_size
            return tuple(replace(stage, size=round(stage.size * ratio)) for stage in stages)

        return replace(
            self,
            image_size=size,
            teacher=scaled(self.teacher),
            observation=scaled(self.observation),
        )

    def shortened(self, epochs: int) -> "Recipe":
        """The same recipe with at most ``epochs`` per stage, for a trial run."""

        def cut(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
            return tuple(replace(stage, epochs=min(stage.epochs, epochs)) for stage in stages)

        return replace(
            self,
            teacher=cut(self.teacher),
            observation=cut(self.observation),
            text=cut(self.text),
            matching=cut(self.matching),
        )


LATER = ("hidden", "ngrams", "text", "matching", "sharpness", "anchor", "views")
"""Fields that step 1 on pictures does not depend on."""

RECIPES: dict[str, Recipe] = {
    "small": Recipe(),
    "resnet50": Recipe(
        arch="resnet50",
        image_size=224,
        dimension=512,
        hidden=512,
        folds=0,
        # The paper's optimiser: AdamW 1e-4, weight decay 1e-6, batch 32.
        observation=(Stage("observation-224", 10, batch=32, rate=1e-4, decay=1e-6, size=224),),
        matching=(Stage("matching", 10, batch=32, rate=1e-4, decay=1e-6),),
        sharpness=1.0,
    ),
}


def recipe_for(arch: str) -> Recipe:
    """The recipe of an architecture, or a ``CxrEdgeError`` that names those there are."""
    if arch not in RECIPES:
        raise CxrEdgeError(f"no recipe for {arch!r}: expected one of {', '.join(RECIPES)}")
    return RECIPES[arch]
