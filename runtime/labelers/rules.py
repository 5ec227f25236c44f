"""The rule labeler: mention, negation and doubt, in plain Python."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import CorpusError
from cxr_edge.labelers.anatomy import judge_parts
from cxr_edge.labelers.scan import normalise, scan
from cxr_edge.labelers.scope import resolve_mentions
from cxr_edge.labelers.sentences import split_sentences
from cxr_edge.labelers.vocabulary import OTHER
from cxr_edge.labels import NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES, Mention

_STRENGTH = {
    Mention.BLANK: 0,
    Mention.NEGATIVE: 1,
    Mention.UNCERTAIN: 2,
    Mention.POSITIVE: 3,
}


class RuleLabeler:
    """Labels sentences and reports by rules that follow the CheXpert labeler's conventions.

    Several mentions of one observation: positive before uncertain before negative. *No Finding* is
    positive where nothing but support devices is positive or uncertain, other abnormalities
    ("scoliosis") included; it is blank otherwise, never negative. See ``docs/labels.md``.
    """

    name = "rules"
    source = "rules"

    @classmethod
    def open(
        cls, bundle: str | Path | None = None, engine: str = "auto", threads: int | None = None
    ) -> "RuleLabeler":
        """The labeler; it runs no network, so that engine and threads mean nothing to it.

        Raises:
            CorpusError: A bundle was given.
        """
        if bundle is not None:
            raise CorpusError(
                f"the labeler 'rules' takes no bundle, got {bundle}; leave the bundle out or "
                "choose the labeler 'chexbert'"
            )
        return cls()

    def label(self, text: str) -> NDArray[np.int8]:
        """Label one sentence or one report.

        Args:
            text: Any text. Case plays no part.

        Returns:
            int8 (14,): values of ``Mention``, ``OBSERVATIONS`` order. All blank where the text
            holds no sentence at all.
        """
        sentences = split_sentences(text)
        labels = [Mention.BLANK] * len(OBSERVATIONS)
        abnormal = False
        for sentence in sentences:
            events = scan(normalise(sentence))
            for event, value in (*resolve_mentions(events), *judge_parts(events)):
                present = value in (Mention.POSITIVE, Mention.UNCERTAIN)
                for column in event.columns:
                    abnormal = abnormal or (present and column != SUPPORT_DEVICES)
                    if column != OTHER and _STRENGTH[value] > _STRENGTH[labels[column]]:
                        labels[column] = value
        if sentences and not abnormal:
            labels[NO_FINDING] = Mention.POSITIVE
        return np.array(labels, dtype=np.int8)

    def label_all(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Label texts one after the other: int8 (N, 14)."""
        labels = [self.label(text) for text in texts]
        return np.array(labels, dtype=np.int8).reshape(len(labels), len(OBSERVATIONS))

    def close(self) -> None:
        """Nothing is held."""
