"""The training loop: deterministic, resumable after any kill, with averaged weights."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cxr_edge.errors import CheckpointError
from cxr_edge.training.progress import MetricsLog, bar
from cxr_edge.training.recipe import Stage

WARM_UP = 0.2
"""Share of a stage in which the learning rate rises."""


class Task(Protocol):
    """What is learnt: batches, their loss, and what is measured on ``valid``."""

    @property
    def model(self) -> nn.Module:
        """What is trained; its averaged weights are in it at the end."""
        ...

    def batches(self, stage: Stage, chance: torch.Generator) -> list[Tensor]:
        """Row numbers of every batch of one epoch, int64 (B,)."""
        ...

    def loss(self, rows: Tensor, stage: Stage, chance: torch.Generator) -> Tensor:
        """The loss of one batch, a scalar."""
        ...

    def measure(self, stage: Stage) -> dict[str, Any]:
        """Figures on ``valid`` for the log; the model holds the averaged weights meanwhile."""
        ...


@dataclass(frozen=True)
class Place:
    """Where the state of a task is kept.

    Attributes:
        folder: of the run.
        name: of the task; its file is ``<name>.ckpt``.
        fingerprint: of recipe and data; a state of another one is refused.
    """

    folder: Path
    name: str
    fingerprint: str

    @property
    def file(self) -> Path:
        """The checkpoint."""
        return self.folder / f"{self.name}.ckpt"


def seeded(*numbers: int) -> torch.Generator:
    """A generator that depends on these numbers alone; also seeds dropout."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % 2**63
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def train(
    task: Task, stages: tuple[Stage, ...], place: Place, log: MetricsLog, seed: int, average: float
) -> None:
    """Run all stages, or what is left of them; leaves the averaged weights in ``task.model``.

    Every random number of an epoch follows from (seed, stage, epoch), and the state is saved after
    each epoch, so a run that was killed and resumed ends in the same weights as one that was not.

    Args:
        task: what to learn.
        stages: in order.
        place: where to save and from where to resume.
        log: one record an epoch.
        seed: of the run.
        average: decay of the running mean.

    Raises:
        CheckpointError: the saved state belongs to another recipe or other data.
    """
    model = task.model
    mean = {key: value.clone() for key, value in model.state_dict().items()}
    state = load_state(place) if place.file.is_file() else None
    if state is not None:
        model.load_state_dict(state["model"])
        mean = state["mean"]
    first = state["stage"] if state else 0
    for number in range(first, len(stages)):
        stage = stages[number]
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trainable, lr=stage.rate, weight_decay=stage.decay)
        begin = 0
        if state is not None:
            optimiser.load_state_dict(state["optimiser"])
            begin, state = state["epoch"], None
        for epoch in range(begin, stage.epochs):
            started = perf_counter()
            chance = seeded(seed, number, epoch)
            losses = _epoch(task, stage, epoch, optimiser, mean, average, chance)
            _save(place, model, mean, optimiser, number, epoch + 1)
            last = {key: value.clone() for key, value in model.state_dict().items()}
            model.load_state_dict(mean)
            figures = task.measure(stage)
            model.load_state_dict(last)
            seconds = round(perf_counter() - started, 1)
            log.write(
                {
                    "task": place.name,
                    "stage": stage.name,
                    "epoch": epoch + 1,
                    "loss": round(losses, 5),
                    **figures,
                    "seconds": seconds,
                }
            )
        model.load_state_dict(mean)  # The next stage starts from the average.
    model.load_state_dict(mean)
    model.eval()


def _epoch(
    task: Task,
    stage: Stage,
    epoch: int,
    optimiser: torch.optim.Optimizer,
    mean: dict[str, Tensor],
    average: float,
    chance: torch.Generator,
) -> float:
    batches = task.batches(stage, chance)
    total = 0.0
    task.model.train()
    with bar(batches, f"{stage.name} {epoch + 1}/{stage.epochs}") as shown:
        for step, rows in enumerate(shown, start=epoch * len(batches)):
            for group in optimiser.param_groups:
                group["lr"] = stage.rate * schedule(step, stage.epochs * len(batches))
            loss = task.loss(rows, stage, chance)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()
            # A young mean follows quickly, so that it does not keep the random start.
            _follow(mean, task.model, min(average, (1 + step) / (10 + step)))
    return total / max(len(batches), 1)


def schedule(step: int, steps: int) -> float:
    """Learning rate relative to its highest: up in a line, down in a cosine."""
    rise = max(1, int(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _follow(mean: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            mean[key].lerp_(value, 1 - decay)
        else:
            mean[key].copy_(value)


def _save(
    place: Place,
    model: nn.Module,
    mean: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    stage: int,
    epoch: int,
) -> None:
    part = place.file.with_suffix(".tmp")
    with part.open("wb") as stream:
        torch.save(
            {
                "fingerprint": place.fingerprint,
                "model": model.state_dict(),
                "mean": mean,
                "optimiser": optimiser.state_dict(),
                "stage": stage,
                "epoch": epoch,
            },
            stream,
        )
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(place.file)


def load_state(place: Place) -> dict[str, Any]:
    """The saved state of a task.

    Raises:
        CheckpointError: the file is damaged, or belongs to another recipe or other data.
    """
    try:
        state = torch.load(place.file, map_location="cpu", weights_only=True)
        fingerprint = state["fingerprint"]
    except Exception as problem:  # torch raises many kinds for a damaged file
        raise CheckpointError(
            f"{place.file} cannot be resumed from ({type(problem).__name__}); "
            "delete it to train that part again"
        ) from None
    if fingerprint != place.fingerprint:
        raise CheckpointError(
            f"{place.file} was made by another recipe or from other data; "
            "give another --out, or the same options as before"
        )
    return dict(state)


def shuffled(
    count: int, batch: int, chance: torch.Generator, weights: Tensor | None = None
) -> list[Tensor]:
    """Rows of one epoch in batches: ``count`` draws by weight, or each row once.

    Every batch is full, because BatchNorm and the matching loss are poor on a remainder; with fewer
    rows than a batch there is one batch of all.
    """
    if weights is None:
        order = torch.randperm(count, generator=chance)
    else:
        order = torch.multinomial(weights, count, replacement=True, generator=chance)
    whole = max(1, count // batch)
    return list(torch.split(order[: whole * batch], batch))


def chunks(count: int, size: int = 256) -> Iterator[slice]:
    """Slices that cover ``range(count)`` in order."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
