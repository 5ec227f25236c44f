"""Where in the chest: sides and places, as an adjective and as a phrase after the noun."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cxr_edge.indexes.corpora.grammar.phrase import Phrase


@dataclass(frozen=True)
class Place:
    """A side, or a place in a lung."""

    adjective: str
    """Before the noun: "left basilar". Empty for nowhere in particular."""
    post: str
    """After the noun: "at the left base"."""
    side: str | None
    location: str | None
    many: bool = False
    """Whether findings there come in numbers: "bibasilar opacities"."""


NOWHERE = Place("", "", None, None)

SIDES = (
    Place("left", "on the left", "left", None),
    Place("right", "on the right", "right", None),
    Place("bilateral", "bilaterally", "bilateral", None, many=True),
)

LUNG_SIDES = (
    Place("left-sided", "in the left lung", "left", None),
    Place("right-sided", "in the right lung", "right", None),
    Place("bilateral", "in both lungs", "bilateral", None, many=True),
)

LOBES = (
    Place("right upper lobe", "in the right upper lobe", "right", "upper lobe"),
    Place("right middle lobe", "in the right middle lobe", "right", "middle lobe"),
    Place("right lower lobe", "in the right lower lobe", "right", "lower lobe"),
    Place("left upper lobe", "in the left upper lobe", "left", "upper lobe"),
    Place("lingular", "in the lingula", "left", "lingula"),
    Place("left lower lobe", "in the left lower lobe", "left", "lower lobe"),
)

ZONES = (
    Place("left basilar", "at the left base", "left", "base"),
    Place("right basilar", "at the right base", "right", "base"),
    Place("bibasilar", "at both bases", "bilateral", "base", many=True),
    Place("left midlung", "in the left midlung", "left", "middle zone"),
    Place("right midlung", "in the right midlung", "right", "middle zone"),
    Place("left retrocardiac", "in the left retrocardiac region", "left", "retrocardiac"),
)

HILA = (
    Place("left perihilar", "in the left perihilar region", "left", "perihilar"),
    Place("right perihilar", "in the right perihilar region", "right", "perihilar"),
    Place("bilateral perihilar", "in both perihilar regions", "bilateral", "perihilar", many=True),
)

APICES = (
    Place("left apical", "at the left apex", "left", "apex"),
    Place("right apical", "at the right apex", "right", "apex"),
    Place("biapical", "at both apices", "bilateral", "apex", many=True),
)

LUNG = LOBES + ZONES + HILA
"""The places where opacities are usually described."""


def placed(
    phrase: Phrase, places: Iterable[Place], plural: str = "", behind: bool = False
) -> Iterator[Phrase]:
    """The phrase at each place.

    Args:
        phrase: A phrase without a place.
        places: Where.
        plural: The plural of the noun, used at places of numbers; without it the number stays.
        behind: Whether the place stands after the noun.
    """
    for place in places:
        many = place.many and plural != ""
        yield replace(
            phrase,
            noun=plural if many else phrase.noun,
            where="" if behind else place.adjective,
            post=place.post if behind else phrase.post,
            number="many" if many else phrase.number,
            side=place.side,
            location=place.location,
        )
