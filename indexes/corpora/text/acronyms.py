"""Writes out the acronyms of chest reports, so that "PTX" and "pneumothorax" are one sentence.

Only what means one thing in a chest report is written out; ``docs/corpus.md`` lists what is left
alone and why. Acronyms that are better known than what they stand for (CT, PICC, COPD) stay.
"""

import re

# Whole words in any case; the second form, where there is one, is the plural.
_WORDS: dict[str, tuple[str, ...]] = {
    "ptx": ("pneumothorax", "pneumothoraces"),
    "pna": ("pneumonia",),
    "rul": ("right upper lobe",),
    "rml": ("right middle lobe",),
    "rll": ("right lower lobe",),
    "lul": ("left upper lobe",),
    "lll": ("left lower lobe",),
    "bllf": ("bilateral lower lung fields",),
    "ett": ("endotracheal tube", "endotracheal tubes"),
    "ngt": ("nasogastric tube", "nasogastric tubes"),
    "ogt": ("orogastric tube", "orogastric tubes"),
    "cvl": ("central venous line", "central venous lines"),
    "cvc": ("central venous catheter", "central venous catheters"),
    "svc": ("superior vena cava",),
    "ivc": ("inferior vena cava",),
    "ij": ("internal jugular",),
    "chf": ("congestive heart failure",),
    "cabg": ("coronary artery bypass grafting",),
    "aicd": (
        "automatic implantable cardioverter-defibrillator",
        "automatic implantable cardioverter-defibrillators",
    ),
    "cxr": ("chest radiograph", "chest radiographs"),
    "et tube": ("endotracheal tube", "endotracheal tubes"),
    "ng tube": ("nasogastric tube", "nasogastric tubes"),
    "og tube": ("orogastric tube", "orogastric tubes"),
}
# Words cut short: their full stop goes with them, unless it ends the text.
_CUT_SHORT = {
    "bilat": "bilateral",
    "cardiomeg": "cardiomegaly",
    "eff": "effusion",
    "effs": "effusions",
    "pulm": "pulmonary",
}
_SLASHED = {
    "w/o": "without",
    "s/p": "status post",
    "c/w": "consistent with",
    "b/l": "bilateral",
    "h/o": "history of",
    "r/o": "rule out",
    "d/t": "due to",
    "f/u": "follow-up",
}
_SIDED = (
    r"(?=[ -](?i:sided|base|basal|basilar|lungs?|lobe|upper|lower|middle|mid|lateral|hil(?:ar|um)|"
    r"perihilar|ap(?:ex|ical)|pleural|effusion|pneumothorax|internal jugular|subclavian|chest|"
    r"hemithorax|hemidiaphragm|costophrenic|heart|ventricle|atrium|ribs?|clavicle|shoulder|"
    r"humer\w+|picc|port|central|arm|main|mainstem|side|retrocardiac|paratracheal)\b)"
)
_TABLE: tuple[tuple[str, str], ...] = (
    (r"(?i)\bbllf(?= (?:opaci|infiltrat|consolid|airspace|atelect))", "bilateral lower lung field"),
    *((rf"(?i)\b{word}\b", forms[0]) for word, forms in _WORDS.items()),
    *((rf"(?i)\b{word}'?s\b", forms[1]) for word, forms in _WORDS.items() if len(forms) > 1),
    *((rf"(?i)\b{word}\b(?:\.(?=\s*\w))?", full) for word, full in _CUT_SHORT.items()),
    *((rf"(?i)(?<![\w/]){word}(?![\w/])", full) for word, full in _SLASHED.items()),
    (r"(?i)(?<![\w/])w/\s*(?=\w)", "with "),
    # ICD-10 is the classification of diseases.
    (r"(?i)\bicd(?=s?\b)(?![ -]?(?:9|10|11|codes?)\b)", "implantable cardioverter-defibrillator"),
    (r"\bSOB\b", "shortness of breath"),  # in small letters it is a word
    (r"\bR ?> ?L\b", "right greater than left"),
    (r"\bL ?> ?R\b", "left greater than right"),
    (r"\bR/L\b", "right and left"),
    (r"\bL/R\b", "left and right"),
    # Sides last: "R IJ" is known by what follows the letter, already written out.
    (rf"\bR\b\.?{_SIDED}", "right"),
    (rf"\bL\b\.?{_SIDED}", "left"),
)
_RULES = tuple((re.compile(pattern), full) for pattern, full in _TABLE)


def expand_acronyms(text: str) -> str:
    """Write out the acronyms of one sentence.

    A replacement at the very start begins with a capital where the acronym did. Doing it twice
    changes nothing.

    Args:
        text: a sentence in its final form (``normalise_sentence``).
    """
    for pattern, full in _RULES:

        def written(match: re.Match[str], full: str = full) -> str:
            starts = match.start() == 0 and match.group()[0].isupper()
            return full[0].upper() + full[1:] if starts else full

        text = pattern.sub(written, text)
    return text
