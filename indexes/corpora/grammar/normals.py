"""Normal statements and lists of what is absent."""

from collections.abc import Iterator
from itertools import combinations

from cxr_edge.indexes.corpora.grammar.meaning import Entry, Meaning, claims, combine
from cxr_edge.indexes.corpora.grammar.phrase import sentence
from cxr_edge.labels import Mention

_NEGATIVE = Mention.NEGATIVE

# Statements without a column: what they are about, and their wordings.
_STATEMENTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "clear lungs",
        "findings",
        (
            "the lungs are clear",
            "the lungs appear clear",
            "the lungs are well expanded and clear",
            "clear lungs",
            "the lungs are well aerated and clear",
        ),
    ),
    (
        "nothing acute",
        "impression",
        (
            "no acute cardiopulmonary abnormality",
            "no acute cardiopulmonary process",
            "no acute cardiopulmonary findings",
            "no acute cardiopulmonary disease",
            "there is no acute cardiopulmonary abnormality",
            "no evidence of acute cardiopulmonary disease",
        ),
    ),
    ("normal chest", "impression", ("normal chest", "normal chest radiograph", "negative chest")),
    (
        "nothing acute in the chest",
        "impression",
        ("no acute intrathoracic abnormality", "no acute abnormality of the chest"),
    ),
    (
        "normal bones",
        "findings",
        (
            "the osseous structures are intact",
            "the visualized bones are unremarkable",
            "no acute osseous abnormality",
            "the bony thorax is intact",
        ),
    ),
    (
        "normal vessels",
        "findings",
        (
            "the pulmonary vascularity is normal",
            "the pulmonary vasculature is within normal limits",
            "normal pulmonary vascularity",
        ),
    ),
    (
        "normal hila",
        "findings",
        ("the hilar contours are normal", "the hilar structures are unremarkable"),
    ),
    (
        "normal pleural spaces",
        "findings",
        ("the pleural spaces are clear", "the pleural spaces are normal"),
    ),
    ("midline trachea", "findings", ("the trachea is midline", "the trachea is normal")),
    (
        "normal aorta",
        "findings",
        ("the aorta is normal", "the thoracic aorta is unremarkable"),
    ),
    (
        "normal diaphragm",
        "findings",
        ("the hemidiaphragms are normal", "the diaphragm is unremarkable"),
    ),
    ("normal soft tissues", "findings", ("the soft tissues are unremarkable",)),
    ("normal volumes", "findings", ("the lungs are normally inflated",)),
    ("no free air", "findings", ("no free air beneath the diaphragm",)),
)
_ABSENT: tuple[tuple[str, str], ...] = (
    ("pleural effusion", "Pleural Effusion"),
    ("pneumothorax", "Pneumothorax"),
    ("focal consolidation", "Consolidation"),
    ("pneumonia", "Pneumonia"),
    ("pulmonary edema", "Edema"),
    ("airspace opacity", "Lung Opacity"),
    ("pulmonary nodule", "Lung Lesion"),
    ("atelectasis", "Atelectasis"),
    ("fracture", "Fracture"),
    ("pleural thickening", "Pleural Other"),
)
_PAIRS = (
    "no {a} or {b}",
    "there is no {a} or {b}",
    "no evidence of {a} or {b}",
    "no {b} or {a}",
)
_TRIPLES = ("no {a}, {b} or {c}", "there is no {a}, {b}, or {c}", "no evidence of {b}, {a} or {c}")
_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("heart size", "is", ("Cardiomegaly",)),
    ("the heart", "is", ("Cardiomegaly",)),
    ("the cardiac silhouette", "is", ("Cardiomegaly",)),
    ("the cardiomediastinal silhouette", "is", ("Cardiomegaly", "Enlarged Cardiomediastinum")),
    ("the mediastinal contours", "are", ("Enlarged Cardiomediastinum",)),
    ("heart size and mediastinal contours", "are", ("Cardiomegaly", "Enlarged Cardiomediastinum")),
)


def _absences() -> Iterator[Entry]:
    for turn, (first, second) in enumerate(combinations(_ABSENT, 2)):
        meaning = Meaning(claims(_NEGATIVE, first[1], second[1]))
        common = {first[1], second[1]} == {"Pleural Effusion", "Pneumothorax"}
        for step in range(len(_PAIRS) if common else 2):
            frame = _PAIRS[(turn + step) % len(_PAIRS)]
            yield Entry(sentence(frame.format(a=first[0], b=second[0])), meaning, "normal/pair")
    for turn, group in enumerate(combinations(_ABSENT[:7], 3)):
        meaning = Meaning(claims(_NEGATIVE, *(name for _, name in group)))
        a, b, c = (words for words, _ in group)
        text = _TRIPLES[turn % len(_TRIPLES)].format(a=a, b=b, c=c)
        yield Entry(sentence(text), meaning, "normal/triple")


def _clear_without() -> Iterator[Entry]:
    for turn, (first, second) in enumerate(combinations(_ABSENT[:7], 2)):
        frame = (
            "the lungs are clear without {a} or {b}",
            "the lungs are clear, with no {a} or {b}",
        )[turn % 2]
        meaning = Meaning(claims(_NEGATIVE, first[1], second[1]), detail="clear lungs")
        yield Entry(sentence(frame.format(a=first[0], b=second[0])), meaning, "normal/clear")
    for words, name in _ABSENT[:7]:
        meaning = Meaning(claims(_NEGATIVE, name), detail="clear lungs")
        yield Entry(sentence(f"the lungs are clear without {words}"), meaning, "normal/clear")


def _hearts() -> Iterator[Entry]:
    for part, be, names in _PARTS:
        own = claims(_NEGATIVE, *names)
        for text in (f"{part} {be} normal and the lungs are clear",):
            yield Entry(sentence(text), Meaning(own, detail="clear lungs"), "normal/heart")
        for words, name in _ABSENT[:6]:
            text = f"{part} {be} within normal limits, and there is no {words}"
            said = combine(own, claims(_NEGATIVE, name))
            yield Entry(sentence(text), Meaning(said), "normal/heart")
    for text, names in (
        ("heart size is normal", ("Cardiomegaly",)),
        ("heart size is within normal limits", ("Cardiomegaly",)),
        ("normal heart size", ("Cardiomegaly",)),
        ("the heart is normal in size", ("Cardiomegaly",)),
        ("normal cardiomediastinal silhouette", ("Cardiomegaly", "Enlarged Cardiomediastinum")),
        ("the mediastinal contours are normal", ("Enlarged Cardiomediastinum",)),
        ("normal mediastinal contours", ("Enlarged Cardiomediastinum",)),
        (
            "heart size and mediastinal contours are within normal limits",
            ("Cardiomegaly", "Enlarged Cardiomediastinum"),
        ),
        (
            "the cardiac and mediastinal contours are normal",
            ("Cardiomegaly", "Enlarged Cardiomediastinum"),
        ),
    ):
        yield Entry(sentence(text), Meaning(claims(_NEGATIVE, *names)), "normal/heart")


def entries() -> Iterator[Entry]:
    """All sentences of this module."""
    for topic, section, wordings in _STATEMENTS:
        for text in wordings:
            yield Entry(sentence(text), Meaning(detail=topic), f"normal/{section}", section)
    yield from _absences()
    yield from _clear_without()
    yield from _hearts()
