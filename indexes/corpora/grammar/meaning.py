"""What a sentence of the grammar means, apart from how it is worded."""

from dataclasses import dataclass

from cxr_edge.labels import NO_FINDING, OBSERVATIONS, Mention
from cxr_edge.types import Attribute


@dataclass(frozen=True)
class Meaning:
    """Everything a sentence commits itself to; two sentences that share it differ only in words."""

    claims: tuple[tuple[str, Mention], ...] = ()
    """Observations spoken of and what is said of each, sorted by name."""
    side: str | None = None
    severity: str | None = None
    location: str | None = None
    """Place inside the side: lobe, zone, base, tip position of a device, bone."""
    detail: str = ""
    """Kind, structure or companion without a column of its own: "loculated", "tortuous aorta"."""
    abnormal: bool = False
    """Whether an abnormality outside the fourteen is asserted; it rules out *No Finding*."""

    def labels(self) -> tuple[int, ...]:
        """The fourteen labels, *No Finding* by CheXpert's rule (see ``docs/labels.md``)."""
        said = dict(self.claims)
        labels = [int(said.get(name, Mention.BLANK)) for name in OBSERVATIONS]
        present = any(
            name != "Support Devices" and value in (Mention.POSITIVE, Mention.UNCERTAIN)
            for name, value in self.claims
        )
        if not present and not self.abnormal:
            labels[NO_FINDING] = int(Mention.POSITIVE)
        return tuple(labels)

    def attributes(self) -> Attribute:
        """Side, severity and location; a sentence's character is read from its words."""
        flags = Attribute.NONE
        if self.side is not None:
            flags |= Attribute.SIDE
        if self.severity is not None:
            flags |= Attribute.SEVERITY
        if self.location is not None:
            flags |= Attribute.LOCATION
        return flags


@dataclass(frozen=True)
class Entry:
    """One sentence with its meaning and the rule that made it."""

    text: str
    meaning: Meaning
    rule: str
    section: str = "findings"


def claims(value: Mention, *names: str) -> tuple[tuple[str, Mention], ...]:
    """The same thing said of several observations."""
    return tuple((name, value) for name in sorted(names))


def combine(*parts: tuple[tuple[str, Mention], ...]) -> tuple[tuple[str, Mention], ...]:
    """Several claims in one sentence; no observation may be named twice."""
    merged = tuple(sorted(claim for part in parts for claim in part))
    if len({name for name, _ in merged}) != len(merged):
        raise ValueError(f"an observation is claimed twice: {merged}")
    return merged
