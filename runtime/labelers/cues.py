"""Words that change what is said about an observation: negation, doubt, normality, and limits.

Matched like the vocabulary: lower case, single blanks, from a word boundary, earlier rows first.
A forward cue reaches to the right, a backward cue to the left; how far is decided in ``scope``.
The idea of cues with a direction and an end is NegEx's (Chapman et al., J Biomed Inform 2001).
"""

from enum import Enum, auto

from cxr_edge.labelers.patterns import pattern


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
    PROMINENT = auto()
    BORDERLINE = auto()
    STABLE = auto()


_NAMES = {
    "not": "not | n't | never",
    "be": "is | are | was | were",
    "how": """
        definitely | definite | clearly | significantly | appreciably | grossly | overtly
        convincingly | completely | entirely | particularly | markedly | acutely | obviously
        otherwise | currently | well | readily | also | now | been | be | being | felt to be
        thought to be | considered
    """,
    "seen": """
        seen | identified | visuali[sz]ed | present | demonstrated | noted | appreciated | evident
        detected | observed | apparent | visible | found | shown | recogni[sz]ed | discerned
        suggested | defined
    """,
    "grown": "enlarged | widened | prominent | dilated | increased | large | big",
    "cannot": "can ?not | can't | could not | difficult to | unable to | does not | do not | not",
    "poorly": """
        poorly | incompletely | suboptimally | not (?:well|fully|adequately|completely|clearly)
    """,
    "perhaps": """
        may | might | could | can | would | possibly | perhaps | maybe | probably | presumably
        potentially
    """,
    "mean": """
        also | well | possibly | either | still | be | represent | reflect | indicate | include
        suggest | relate | related | due | secondary | have | a | the | to | with | consistent
        compatible | simply | just | partially | partly | reflecting | representing | presence | of
        indicative | relating | simulate | mimic
    """,
    "worry": r"""
        concern\w* | suspicio(?:us|n) | worrisome | worry | question\w* | suggesti(?:ve|on)
        possibility | consider\w* | differential(?: \w+){0,2} | diagnos\w+ | likelihood | symptoms?
    """,
    "doubted": """
        suspected | questioned | possible | considered | favou?red | presumed | questionable
        suggested | less likely | a possibility | probable | a consideration | raised | uncertain
        equivocal | indeterminate
    """,
}

_ROWS: tuple[tuple[Cue, str], ...] = (
    # Doubt that contains a negation comes before the negation.
    (
        Cue.DOUBT_BACK,
        r"""
        <cannot> (?:be )?(?:\w+ )?(?:entirely |completely )?(?:excluded|ruled out)
        (?:is|are) not (?:\w+ )?(?:excluded|ruled out)
        <be> <poorly>[ -](?:seen|assessed|evaluated)
        <be> <poorly> visuali[sz]ed | not (?:well )?evaluated | not (?:clearly|well) visuali[sz]ed
        not (?:clearly|well) seen | <be> obscured
        (?:may|might|could|can|possibly) (?:also |well )?be (?:present|seen|considered|possible)
        (?:may|might|could|can) (?:also |well )?have this appearance
        (?:may|might|could|would) be a (?:consideration|possibility|concern)
        """,
    ),
    (
        Cue.DOUBT,
        r"""
        <cannot> (?:\w+ )?(?:entirely )?(?:exclude|rule out) | no evidence to rule out
        to (?:exclude|rule out|evaluate for|assess for) | (?:evaluat|assess)\w* for
        for (?:the )?evaluation of | exclu(?:de|sion of) | r/o | rule out
        correlat\w+ (?:\w+ )?(?:for|with)(?: (?:any )?(?:signs?|symptoms?|evidence)(?: of)?)?
        """,
    ),
    # "No new" says nothing about old ones.
    (
        Cue.DOUBT,
        r"no (?:definite |significant |acute )?new(?: (?:areas?|foci|focus|evidence) of)?",
    ),
    (
        Cue.SKIP,
        r"""
        (?:no|without|not) (?:\w+ ){0,2}chang(?:e|es|ed)(?: in| from| since)?
        no (?:\w+ )?(?:improvement|increase|decrease|worsening|progression)(?: in| of)?
        no (?:prior|previous|comparison)\w*(?: \w+){0,2} | not (?:only|necessarily) | no\. ?\d
        age[ -]indeterminate
        """,
    ),
    # Judgements of size.
    (
        Cue.BORDERLINE,
        r"""
        (?:at |within |near |in )*(?:the )?upper[ -](?:limits?|range|end|normal)(?: of)?(?: normal)?
        (?:high|top|upper)[ -](?:limits? of )?normal(?: limits)?
        borderline(?: (?:enlarged|prominent|large|enlargement))?(?! cardiomeg)
        (?:normal|upper)[ -]to[ -](?:\w+ )?(?:mildly |slightly |minimally )?enlarged
        """,
    ),
    (
        Cue.NORMAL,
        r"""
        (?:<be>|does|do)? ?<not> (?:appear (?:to be )?)?(?:<how> )*<grown>
        non[ ]?-?(?:enlarged|dilated|widened)
        (?:within|in) (?:\w+ )?(?:normal (?:limits|range)|limits of normal|limits)
        normal(?:ly)?(?: limits)? | unremarkable | wnl | without (?:\w+ )?abnormalit\w+
        no abnormalit\w+ | intact | clear(?! of\b) | midline | sharp | preserved
        """,
    ),
    (Cue.ENLARGED, r"enlarged | enlargement | widened | widening | large | big | increased?"),
    (Cue.ENLARGED, r"globular | enlarging"),
    (
        Cue.PROMINENT,
        r"prominent | prominence | fullness | full | accentuated | coarse\w* | thickened",
    ),
    (Cue.STABLE, r"stable | unchanged | similar | (?:again )?obscured"),
    # Negation.
    (
        Cue.DENY_BACK,
        r"""
        (?:<be>|has|have|had)? ?(?:<not>|no longer) (?:<how> )*<seen>
        <be> (?:\w+ )?absent | (?:has|have) (?:\w+ )?(?:resolved|cleared|disappeared)
        (?:<be>|has been|have been) (?:\w+ )?(?:resolved|removed|excluded|withdrawn)
        resolved | removed | unlikely | absent | negative(?! for)
        (?:with )?(?:interval )?(?:resolution|clearing)(?! of)
        """,
    ),
    (
        Cue.DENY,
        r"""
        no longer | nor | neither | no | without | w/o | free (?:of|from) | negative for
        clear(?:ed|ing)? (?:of|from) | cleared | absence of | lack of | rather than | devoid of
        instead of
        (?:resolution|disappearance|removal|clearing|drainage|withdrawal|evacuation) of
        not | never | n't | unlikely to (?:be|represent|reflect) | nothing to suggest
        failed to | fails to | den(?:y|ies) | denied | non(?=-| )
        """,
    ),
    # Doubt.
    (
        Cue.DOUBT_BACK,
        r"""
        (?:<be>|be) (?:(?!with )\w+ ){0,2}?<doubted> | (?:less|not) likely | questioned
        (?:is|are|remain\w*) (?:in )?(?:the )?differential | suspected(?= *[.?,;]| *$)
        """,
    ),
    (
        Cue.DOUBT,
        r"""
        <perhaps>(?: <mean>)*
        <worry>(?: (?:is|are|would))? (?:for|of|include[sd]?|including)(?: (?:the )?presence of)?
        suspect(?:s|ing)? | favou?r(?:s|ed|ing)? | question(?= ) | consider(?= )
        suggest(?:s|ed)?(?= )
        differential diagnos[ei]s(?! (?:is|include|would))
        less likely | differential (?:diagnosis )?(?:considerations? )?(?:would )?includ\w+
        presum\w+ | appears? to (?:be|represent) | question of | hint of
        """,
    ),
    (
        Cue.EXPLAIN,
        r"to (?:suggest|explain|indicate|diagnose|account for) | suggest(?:ing|ive of|ion of)",
    ),
    (
        Cue.DOUBT_NEXT,
        r"""
        possible | probable | questionable | suspected | suspicious | equivocal | query | presumed
        potential | borderline | indeterminate
        """,
    ),
    # Things that head a list, limits, connectives.
    (
        Cue.GENERIC,
        r"(?:abnormalit|process|disease|finding|change|sign|disorder|pathology|injur)\w*",
    ),
    (
        Cue.SKIP,
        r"""
        (?:in )?(?:consistent|compatible|associated|along|keeping|together|correlated?) with
        (?:in )?(?:comparison|compared) with | with respect to | due to | secondary to | related to
        reflecting | representing | such as | as well as
        """,
    ),
    (
        Cue.STOP,
        r"""
        but | however | although | though | while | whereas | yet | except(?: for)? | apart from
        aside from | other than | besides | otherwise | nevertheless | which | because | since
        there (?:is|are|was|were|has been) | additionally | status post | s/p
        """,
    ),
    (Cue.WITH, r"with"),
    (
        Cue.VERB,
        r"""
        is | are | was | were | has | have | had | remains? | appears? | demonstrates? | shows?
        measures? | contains? | projects? | terminates? | overl(?:ies|ying) | lies | reveals?
        exhibits?
        """,
    ),
    (Cue.AND, r"and(?!/) | &"),
    (Cue.OR, r"and/or | or | versus | vs\.?"),
    (
        Cue.AFFIRM,
        r"""
        small | mild(?:ly)? | minimal(?:ly)? | tiny | trace | moderate(?:ly)? | left | right
        bilateral | bibasilar | basilar | improv\w+ | worsen\w+ | patchy | subsegmental | slight\w*
        persistent | new | scattered | low | calcified | chronic | old | healed | again | severe
        """,
    ),
)

CUES: tuple[tuple[Cue, str], ...] = tuple((cue, pattern(block, _NAMES)) for cue, block in _ROWS)
"""Cue and pattern; where two start at the same letter, the earlier wins."""

PUNCTUATION: dict[str, Cue] = {
    ",": Cue.COMMA,
    ";": Cue.STOP,
    ":": Cue.STOP,
    "--": Cue.STOP,
    "?": Cue.DOUBT_BACK,
}
"""Marks that are no words, and what they do."""
