"""Words that change what is said about an observation: negation, doubt, normality, and limits.

Matched like the vocabulary: lower case, single blanks, from a word boundary, earlier rows first.
A forward cue reaches to the right, a backward cue to the left; how far is decided in ``scope``.
The idea of cues with a direction and an end is NegEx's (Chapman et al., J Biomed Inform 2001).
"""

from enum import Enum, auto


class Cue(Enum):
    """What a word does to the mentions around it."""

    SKIP = auto()
    """Changes nothing, and hides the words inside it ("no change in")."""
    DENY = auto()
    """Forward negation: "no", "without", "free of"."""
    DOUBT = auto()
    """Forward doubt of a verb, carries over a list: "may represent"."""
    DOUBT_NEXT = auto()
    """Forward doubt of an adjective, for the next mention and its alternatives: "possible"."""
    EXPLAIN = auto()
    """Doubt, except after a negation: "no opacity to suggest pneumonia" denies both."""
    DENY_BACK = auto()
    """Backward negation: "is absent", "has resolved"."""
    DOUBT_BACK = auto()
    """Backward doubt: "cannot be excluded", "is suspected"."""
    GENERIC = auto()
    """A thing without a column that may head a list: "no acute disease, effusion or mass"."""
    STOP = auto()
    """Ends every scope: "but", ";", "there is"."""
    WITH = auto()
    """Ends a scope that has been used: "no pneumothorax with a small effusion"."""
    VERB = auto()
    """Ends a scope that has been used."""
    AND = auto()
    OR = auto()
    COMMA = auto()
    AFFIRM = auto()
    """A quality only an affirmed thing has: "small", "left"; ends a negation after a comma."""
    NORMAL = auto()
    ENLARGED = auto()
    BORDERLINE = auto()
    STABLE = auto()


_NOT = r"(?:not|n't|never)"
_HEDGE = (
    r"(?:(?:definitely|definite|clearly|significantly|appreciably|grossly|overtly|convincingly|"
    r"completely|entirely|particularly|markedly|acutely|obviously|otherwise|currently|well|readily|"
    r"well-?|also|now|been|be|being|felt to be|thought to be|considered) )*"
)
_SEEN = (
    r"(?:seen|identified|visuali[sz]ed|present|demonstrated|noted|appreciated|evident|detected|"
    r"observed|apparent|visible|found|shown|recogni[sz]ed|discerned|suggested|defined)"
)
_SIZE = r"(?:enlarged|widened|prominent|dilated|increased|large|big)"

CUES: tuple[tuple[Cue, str], ...] = (
    # Doubt that contains a negation comes before the negation.
    (
        Cue.DOUBT_BACK,
        r"(?:can ?not|could not|can't|is not|are not|not|never) (?:be )?(?:\w+ )?(?:entirely |completely "
        r"|definitely )?(?:excluded|ruled out)|(?:may|might|could|can) (?:also |well )?"
        r"(?:be (?:present|seen|considered|possible)|have this appearance|appear like this)",
    ),
    (
        Cue.DOUBT_BACK,
        r"(?:is|are) (?:poorly|incompletely|suboptimally|not (?:well|fully|adequately|completely)) "
        r"(?:evaluated|visuali[sz]ed|assessed|seen)|(?:not|n't) (?:well )?evaluated|"
        r"not (?:clearly|well) (?:seen|visuali[sz]ed)|(?:is|are) obscured",
    ),
    (
        Cue.DOUBT,
        r"(?:can ?not|can't|could not|difficult to|unable to|not|does not|do not) "
        r"(?:\w+ )?(?:exclude|rule out|entirely exclude)|no evidence to rule out|"
        r"to (?:exclude|rule out|evaluate for|assess for)|(?:evaluat\w+|assess\w*) for|"
        r"correlat\w+ (?:\w+ )?(?:for|with)(?: (?:any )?(?:signs?|symptoms?|evidence)"
        r"(?: (?:or|and) \w+)?(?: of)?)?|exclu(?:de|sion of)|r/o|rule out",
    ),
    # "No new" says nothing about old ones.
    (
        Cue.DOUBT,
        r"no (?:definite |significant |acute )?new(?: (?:area|areas|foci|focus|evidence) of)?",
    ),
    (
        Cue.SKIP,
        r"(?:no|without|not) (?:\w+ )?(?:\w+ )?(?:interval )?chang(?:e|es|ed)(?: in| from| since)?|"
        r"no (?:\w+ )?(?:improvement|increase|decrease|worsening|progression)(?: in| of)?|"
        r"no (?:prior|previous|comparison)\w*(?: \w+){0,2}|not (?:only|necessarily)|no\. ?\d",
    ),
    # Judgements of size.
    (
        Cue.BORDERLINE,
        r"(?:at |within |near |in )*(?:the )?upper[ -](?:limits?|range|end|normal)(?: of)?(?: the)?"
        r"(?: normal)?(?: limits| range)?(?: (?:for|in) size)?|(?:high|top|upper)[ -](?:limits? of )?"
        r"normal(?: limits)?|borderline(?: (?:enlarged|prominent|large|enlargement))?(?! cardiomeg)|"
        r"(?:normal|upper)[ -]to[ -](?:\w+ )?(?:mildly |slightly |minimally )?enlarged",
    ),
    (
        Cue.NORMAL,
        rf"(?:is|are|was|were|does|do|isn't|aren't)? ?{_NOT} (?:appear (?:to be )?)?{_HEDGE}{_SIZE}|"
        rf"non ?-?(?:enlarged|dilated|widened)|no (?:evidence of )?(?:\w+ )?(?:enlargement|widening)"
        rf"(?! of (?:the )?(?:heart|cardi|mediast))|(?:within|in) (?:\w+ )?(?:normal (?:limits|range)"
        rf"|limits of normal|limits)|normal(?:ly)?(?: limits)?|unremarkable|wnl|"
        rf"without (?:\w+ )?abnormalit\w+|no abnormalit\w+|intact|clear(?! of\b)|midline|sharp|preserved",
    ),
    (
        Cue.ENLARGED,
        r"enlarged|enlargement|widened|widening|large|big|increased|prominent|accentuated|coarse\w*|"
        r"globular|thickened|enlarging|prominence|fullness",
    ),
    (Cue.STABLE, r"stable|unchanged|similar|(?:again )?obscured"),
    # Negation.
    (
        Cue.DENY_BACK,
        rf"(?:is|are|was|were|has|have|had)? ?(?:{_NOT}|no longer) {_HEDGE}{_SEEN}|"
        r"(?:is|are|was|were) (?:\w+ )?absent|(?:has|have) (?:\w+ )?(?:resolved|cleared|disappeared)|"
        r"(?:is|are|was|were|has been|have been) (?:\w+ )?(?:resolved|removed|excluded|withdrawn)|"
        r"resolved|removed|unlikely|previously (?:\w+ )?(?:demonstrated|visualized|seen|described) "
        r"(?:\w+ )*?(?:resolved|gone)|with (?:interval )?(?:resolution|clearing)|"
        r"(?:interval )?(?:resolution|clearing)(?! of)|absent|negative(?! for)",
    ),
    (
        Cue.DENY,
        r"no longer|nor|neither|no|without|w/o|free (?:of|from)|clear(?:ed|ing)? (?:of|from)|"
        r"negative for|absence of|lack of|rather than|(?:resolution|disappearance|removal|clearing|"
        r"drainage|withdrawal|evacuation) of|not|never|n't|unlikely to (?:be|"
        r"represent|reflect)|absent|resolved|nothing to suggest|devoid of|instead of|failed to|fails to|"
        r"den(?:y|ies)|denied|zero|non(?=-| )",
    ),
    # Doubt.
    (
        Cue.DOUBT_BACK,
        r"(?:is|are|was|were|be) (?:\w+ ){0,2}?(?:suspected|questioned|possible|considered|favou?red|"
        r"presumed|questionable|suggested|less likely|a possibility|probable|a consideration|raised|"
        r"uncertain|equivocal|indeterminate)|(?:is|are|remain\w*) (?:in )?(?:the )?"
        r"differential|(?:less|not) likely|suspected\b(?= *[.?,;]| *$)|questioned|\?(?= *$)",
    ),
    (
        Cue.DOUBT,
        r"(?:may|might|could|can|would|possibly|perhaps|maybe|probably|presumably|potentially)"
        r"(?: (?:also|well|possibly|either|still|be|represent|reflect|indicate|include|suggest|relate|"
        r"related|due|secondary|have|a|the|to|with|consistent|compatible|simply|just|partially|partly|"
        r"reflecting|representing|presence|of|indicative|relating|simulate|mimic))*|"
        r"(?:concern\w*|suspicio(?:us|n)|worrisome|worry|question\w*|suggesti(?:ve|on)|possibility|"
        r"consider\w*|differential(?: \w+){0,2}|diagnos\w+|likelihood|symptoms?)"
        r"(?: (?:is|are|would))? (?:for|of|include[sd]?|including)(?: (?:the )?(?:a |an )?"
        r"(?:presence|possibility) of)?|"
        r"suspect(?:s|ing)?|favou?r(?:s|ed|ing)?|question(?= )|consider(?= )|suggest(?:s|ed)?(?= )|"
        r"less likely|differential (?:diagnosis )?(?:considerations? )?"
        r"(?:would )?includ\w+|presum\w+|appears? to (?:be|represent)|question of|hint of",
    ),
    (
        Cue.EXPLAIN,
        r"to (?:suggest|explain|indicate|diagnose|account for)|suggest(?:ing|ive of|ion of)",
    ),
    (
        Cue.DOUBT_NEXT,
        r"possible|probable|questionable|suspected|suspicious|equivocal|query|presumed|potential|"
        r"\?|borderline|indeterminate|vague question of",
    ),
    # Things that head a list, limits, connectives.
    (
        Cue.GENERIC,
        r"(?:abnormalit|process|disease|finding|change|sign|disorder|pathology|injur)\w*",
    ),
    (
        Cue.SKIP,
        r"(?:in )?(?:consistent|compatible|associated|along|keeping|together|correlated?|comparison|"
        r"compared) with|with respect to|in keeping with|due to|secondary to|related to|"
        r"reflecting|representing|such as|as well as",
    ),
    (
        Cue.STOP,
        r"but|however|although|though|while|whereas|yet|except(?: for)?|apart from|aside from|"
        r"other than|besides|otherwise|nevertheless|there (?:is|are|was|were|has been|may be)|"
        r"which|because|since|additionally|status post|s/p",
    ),
    (Cue.WITH, r"with"),
    (
        Cue.VERB,
        r"is|are|was|were|has|have|had|remains?|appears?|demonstrates?|shows?|measures?|contains?|"
        r"projects?|terminates?|overl(?:ies|ying)|lies|reveals?|exhibits?",
    ),
    (Cue.AND, r"and(?!/)|&"),
    (Cue.OR, r"and/or|or|versus|vs\.?"),
    (
        Cue.AFFIRM,
        r"small|mild(?:ly)?|minimal(?:ly)?|tiny|trace|moderate(?:ly)?|left|right|bilateral|"
        r"bibasilar|basilar|stable|unchanged|improv\w+|worsen\w+|patchy|subsegmental|mildly|slight\w*|"
        r"persistent|new|scattered|low|calcified|chronic|old|healed|again|severe",
    ),
)
"""Cue and pattern. ``stable`` and ``unchanged`` are judgements; see ``scope`` for their reach."""

PUNCTUATION: dict[str, Cue] = {",": Cue.COMMA, ";": Cue.STOP, ":": Cue.STOP, "--": Cue.STOP}
"""Marks that are no words, and what they do."""
