"""The fourteen observations and the four things a sentence can say about each.

Names and order are those of CheXbert's fourteen heads (Smit et al., EMNLP 2020); the classes are
its output classes. Code that stores labels stores them in this order; code that reads labels from
elsewhere maps them by name, because other tools list the same names alphabetically.
"""

from enum import IntEnum

OBSERVATIONS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)

NO_FINDING: int = OBSERVATIONS.index("No Finding")
SUPPORT_DEVICES: int = OBSERVATIONS.index("Support Devices")


class Mention(IntEnum):
    """What a text says about one observation; stored as int8."""

    BLANK = 0
    POSITIVE = 1
    NEGATIVE = 2
    UNCERTAIN = 3
