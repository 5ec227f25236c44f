"""What CXR-RePaiR reports of time and F1, for the panels beside ours.

One NVIDIA Titan X, CheXpert's test set of 500 studies, F1 by CheXbert's labels. Two of its seconds
are computed here from its percentages.
"""

from dataclasses import dataclass

from cxr_edge.benchmarks.quality.published import published

NAME = "CXR-RePaiR (Endo et al. 2021)"
DIFFERS = (
    "The paper timed 500 studies of CheXpert's test set on one NVIDIA Titan X and does not say "
    "what its clock covered; its F1 comes from CheXbert's labels of those studies."
)
_PAPER = "CXR-RePaiR (Endo et al., ML4H 2021)"
_NOTEBOOK = "CXR-RePaiR, authors' notebook"
_COMPRESSED = "CXR-RePaiR-C 15 %"


@dataclass(frozen=True)
class Point:
    """One result of the paper.

    Attributes:
        label: the level or the method.
        seconds: for 500 studies; None where the paper gives no time for it.
        f1: macro F1 of CheXbert's labels; None where our source does not give it.
        sentences: size of the corpus; None for what does not retrieve sentences.
    """

    label: str
    seconds: float | None
    f1: float | None
    sentences: int | None = None


def _figure(system: str, metric: str) -> float:
    [one] = published(paper=_PAPER, data="CheXpert", system=system, metric=metric)
    return one.value


def _sentences(level: str) -> int:
    [one] = published(paper=_NOTEBOOK, system=level)
    return int(one.value)


SECONDS = _figure(_COMPRESSED, "seconds per 500 studies")
_WHOLE = SECONDS / (1 - _figure(_COMPRESSED, "less time than no compression"))
_GENERATIVE = SECONDS / (1 - _figure(_COMPRESSED, "less time than the best generative"))

LEVELS = (
    Point("0 %", _WHOLE, None, _sentences("level 0 %")),
    Point("15 %", SECONDS, _figure(_COMPRESSED, "F1"), _sentences("level 15 %")),
)
"""Figure 3: by level of compression. Our source has no F1 for the corpus as a whole."""
METHODS = (
    Point("RePaiR-C, 15 %", SECONDS, _figure(_COMPRESSED, "F1")),
    Point("generative, M2 Trans", _GENERATIVE, _figure("M2 Trans", "F1")),
    Point("RePaiR-Select", None, _figure("CXR-RePaiR-Select", "F1")),
    Point("RePaiR-2", None, _figure("CXR-RePaiR-2", "F1")),
    Point("R2Gen", None, _figure("R2Gen", "F1")),
    Point("retrieval baseline", None, _figure("Retrieval baseline", "F1")),
)
"""Figure 4: by method."""
