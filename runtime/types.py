"""The values that flow through the runtime, in the order in which they appear.

    Study -read-> SourceImage -preprocess-> tensor -engine-> Encoding -index-> Hit -method-> Report

All are frozen. Arrays inside them are not to be written to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from cxr_edge.labels import OBSERVATIONS, Mention


@dataclass(frozen=True)
class Window:
    """One VOI window of a DICOM image (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str = "LINEAR"
    """``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``."""


@dataclass(frozen=True)
class LookupTable:
    """A Modality or VOI LUT (PS3.3 C.11.1, C.11.2)."""

    first: int
    """Input value mapped to ``values[0]``; smaller inputs take ``values[0]``, larger the last."""
    values: NDArray[np.uint16]
    """uint16 (n,)."""
    bits: int
    """Bits per entry; the output range is 0 .. 2**bits - 1."""


@dataclass(frozen=True)
class SourceImage:
    """Stored pixels with everything needed to turn them into grey values, nothing applied yet.

    The tone stage of a recipe (``preprocess``) applies rescale or Modality LUT, VOI, and inversion
    exactly once. A linear tone may be applied after the resize; any other comes first.
    """

    stored: NDArray[np.generic]
    """uint8, uint16 or int16 (H, W): stored values, unused bits masked, sign extended."""
    bits_stored: int
    inverted: bool = False
    """True for MONOCHROME1 or PresentationLUTShape INVERSE: high values are dark."""
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    """Replaces slope and intercept where present."""
    window: Window | None = None
    voi_lut: LookupTable | None = None
    """Replaces the window where present."""
    padding: tuple[int, int] | None = None
    """Stored values from .. to (inclusive) that are padding, left out of statistics."""
    region: tuple[int, int, int, int] | None = None
    """Rows top..bottom, columns left..right (half open) inside shutter and collimator."""
    kind: str = "dicom"
    """``dicom``, ``png`` or ``jpeg``; anything but ``dicom`` is marked in the report."""


@dataclass(frozen=True)
class Study:
    """One study, reduced to the frontal image a draft is made from."""

    image: SourceImage
    path: str
    """Where it was read from, for messages; ``-`` for standard input."""
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    view: str
    """``PA``, ``AP``, or empty where the header does not say."""
    transfer_syntax_uid: str
    header: Mapping[str, str] = field(default_factory=dict)
    """Patient and study attributes by DICOM keyword, verbatim, for writers. Never logged."""
    warnings: tuple[str, ...] = ()
    """What a reader of the draft must know: unsure view, burnt-in text, unusual picture."""


@dataclass(frozen=True)
class StudyFailure:
    """A study that could not be read; the others go on."""

    path: str
    error: str
    """One line, ready to print."""


@dataclass(frozen=True)
class Nearest:
    """The best rows of an index for one picture, found by the engine beside the encoder."""

    index: str
    """Digest of the index."""
    rows: NDArray[np.intp]
    """intp (k,): best first, of equal ones the lower row first."""
    scores: NDArray[np.float32]
    """float32 (k,)."""


@dataclass(frozen=True)
class Encoding:
    """What the image encoder says of one picture."""

    vector: NDArray[np.float32]
    """float32 (D,): L2-normalised where the bundle's metric is cosine, raw for inner product."""
    space: str
    """Names the encoder and its weights; an index is bound to the same space."""
    probabilities: NDArray[np.float32]
    """float32 (14,): one per observation in ``OBSERVATIONS`` order, 0..1, finite."""
    extras: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Further outputs of the image network by name, without the batch axis, float32, finite: what a
    decoder reads, such as the fourteen prompted embeddings (14, P) or a grid (G, D)."""
    nearest: Nearest | None = None
    """Where a GPU searched an index as well; None where nobody did, or it could not be sure."""


class Attribute(IntFlag):
    """What else a sentence commits itself to; stored as one byte a row."""

    NONE = 0
    SIDE = 1
    """left, right, bilateral."""
    SEVERITY = 2
    """minimal, small, mild, moderate, large, severe."""
    LOCATION = 4
    """lobe, zone, base, apex, lingula, hilum, tip positions of devices."""
    COMPARISON = 8
    """speaks of an earlier study: stable, unchanged, new, improved. Never drafted by ``guided``."""
    CHARACTER = 16
    """texture, margin, number, which device; also that the lungs are clear, which no label says."""


@dataclass(frozen=True)
class Hit:
    """One row of the index with its score for one picture."""

    row: int | None
    """None for a sentence that the report method itself supplies."""
    text: str
    score: float
    """Cosine or inner product, as the index says; a probability where ``row`` is None."""
    source: str
    """Where the sentence comes from: a report id of the corpus or a rule of the grammar."""
    labels: tuple[int, ...]
    """Fourteen values of ``Mention`` in ``OBSERVATIONS`` order."""
    attributes: Attribute = Attribute.NONE
    cluster_size: int = 1
    """How many corpus sentences this one stands for after compression."""

    def named_labels(self) -> dict[str, str]:
        """The labels that are not blank, by observation name, in lower case words."""
        return {
            name: Mention(value).name.lower()
            for name, value in zip(OBSERVATIONS, self.labels, strict=True)
            if value != Mention.BLANK
        }


@dataclass(frozen=True)
class Draft:
    """What a report method decides: which sentences, and what must be said beside them."""

    findings: tuple[Hit, ...]
    impression: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    """Sentences about the draft itself, shown with it: what the model cannot detect, and so on."""


@dataclass(frozen=True)
class Report:
    """A draft report with its evidence. Not a diagnosis."""

    study: Study
    findings: str
    impression: str
    sentences: tuple[Hit, ...]
    """Every sentence of the draft, findings first, each once."""
    probabilities: NDArray[np.float32]
    """float32 (14,), 0..1, ``OBSERVATIONS`` order."""
    muted: tuple[str, ...]
    """Observations the bundle does not trust itself with; never asserted by ``guided``."""
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    provenance: Mapping[str, object]
    """Bundle, index and recipe hashes, engine really used, precision, threads, method, versions."""
    timings_ms: Mapping[str, float]
    """Milliseconds: ``read``, ``preprocess``, ``encode``, ``search``, ``compose``, ``total``."""
    picture: NDArray[np.uint8] | None = None
    """uint8 (h, w) at most 512 a side, for writers that show it; None unless asked for."""


DISCLAIMER = "Draft for review by a radiologist. Not a diagnosis."
