"""Sentences of a report that say nothing about the picture.

What to do next, whom it was told to, who has read and signed it. A draft must not carry them: they
were true of one patient on one day.
"""

import re


def _any(*rows: str) -> re.Pattern[str]:
    """One pattern of several; case plays no part."""
    return re.compile("|".join(f"(?:{row})" for row in rows), re.IGNORECASE)


_STUDY = (
    r"(?:ct|cta|mri?|pet|scan|radiographs?|radiography|x-?rays?|films?|imaging|ultrasound|"
    r"sonography|echocardiogra\w+|studies|study|views?|exam(?:ination)?s?|follow[- ]?up|biopsy|"
    r"bronchoscopy|thoracentesis|evaluation|correlation|work-?up|assessment|comparison)"
)
_BE = r"(?:is|are|(?:may|might|would|could|should|can) be)"
_MAY = r"(?:may|might|could|should|can|would)"
_USEFUL = (
    r"(?:advised|suggested|warranted|indicated|needed|required|helpful|useful|beneficial|"
    r"of (?:value|benefit|use))"
)
_DONE = r"(?:obtained|performed|considered|pursued|repeated|done|made)"
_ASSESSED = r"(?:evaluation|assessment|characteri[sz]ation|delineation|visuali[sz]ation)"
_MOVED = r"(?:pulled|withdrawn|advanced|repositioned|retracted|repeated)"
# A sentence without any of these is not looked at further: most are, and the pattern is slow.
_RECOMMENDATION_HINTS = (
    *("recommend", "advis", "suggest", "warrant", "indicat", "need", "requir", "help", "useful"),
    *("benefi", "of value", "of use", "obtain", "perform", "consider", "pursue", "repeat", "done"),
    *("made", "provide", "better", "desired", "please", "kindly", "would", "correlat", "concern"),
    *("suspic", "suspected", "question", "follow", "attention", "evaluation", "assessment"),
    *("characteri", "delineat", "visuali", "should", "ought", "advance", "withdraw", "pull back"),
    *("retract", "reposition", "imaging", "workup", "work-up", "view"),
)
_RECOMMENDATION = _any(
    r"\brecommend\w*",
    rf"\b{_STUDY}\b[^.]{{0,80}}\b{_BE} (?:\w+ )?{_USEFUL}\b",
    rf"\b{_STUDY}\b[^.]{{0,80}}\b{_MAY} (?:also )?(?:be (?:\w+ )?{_DONE}|help|provide|better)\b",
    rf"\b{_STUDY}\b[^.]{{0,40}}\b(?:advised|suggested|if (?:\w+ )?(?:{_USEFUL}|desired))\b",
    r"\b(?:please|kindly|would) (?:correlate|see\b|refer|repeat|obtain|consider|follow|suggest|"
    r"advise)",
    rf"^(?:suggest|advise|consider|would consider|obtain|repeat)\b[^.]{{0,60}}\b{_STUDY}\b"
    r"(?![^.]*\b(?:shows?|demonstrates?|reveals?)\b)",
    r"^(?:clinical(?:ly)? )?correlat(?:e|ion)\b|\bclinical(?: and \w+)? correlation\b",
    r"\bcorrelat(?:e|ion) (?:clinically|with)\b",
    r"\bif (?:there is|there are|clinically|clinical)\b[^.]{0,60}"
    rf"\b(?:concern|suspicion|suspected|question)\b[^.]*\b{_STUDY}\b",
    r"^(?:(?:short[- ]term|continued|close|routine|interval|radiographic) )*follow[- ]?up "
    r"(?:\w+ ){0,6}(?:to|in|until|after|as|for|with)\b",
    r"\battention (?:to|on)\b[^.]{0,40}\bfollow[- ]?up\b",
    rf"\bfor (?:further|better|more \w+|optimal|definitive) {_ASSESSED}\b",
    rf"\b(?:further|additional|dedicated) (?:{_ASSESSED}|imaging|work-?up|views?)\b[^.]{{0,60}}"
    rf"\b(?:with|by|as|if|{_MAY})\b",
    rf"\bshould be (?:\w+ ){{0,2}}?(?:{_MOVED}|followed|obtained|performed|correlated|evaluated|"
    r"removed|replaced|excluded)\b",
    rf"\b(?:needs?|ought) to be (?:\w+ )?{_MOVED}\b",
    r"^(?:advance|withdraw|pull back|retract|reposition)\b",
)

_WORKER = (
    r"(?:drs?\b|doctor|physician|clinician|nurse|resident\b|team\b|house ?staff|house officer|"
    r"provider|surgeon|floor\b|ward\b|icu\b|ed\b|emergency|referring|ordering|covering|np\b|"
    r"(?:tele)?phone|pager|page\b|e-?mail|verbally|in person|by fax|voice ?mail)"
)
_TELL = (
    r"(?:(?:discuss|communicat|relay|convey|report|telephon|notif|page|inform|alert|e-?mail|"
    r"transmit|fax|convers|review)\w*|call(?:ed|s)?)"
)
_TOLD = (
    r"(?:discussed|communicated|relayed|conveyed|telephoned|called|transmitted|posted|entered|"
    r"phoned|emailed|faxed|given to)"
)
_WHAT = r"(?:findings?|results?|impressions?|interpretation|report|above|this|these|information)"
_WAS = r"(?:was|were|been|is|are|has|be)"
_NOTIFICATION_HINTS = (
    *("discuss", "communicat", "relay", "convey", "report", "phon", "notif", "page", "inform"),
    *("alert", "mail", "transmit", "fax", "convers", "review", "call", "aware", "contact"),
    *("posted", "entered", "given", "critical", "urgent", "unexpected", "at the time of"),
    *("minute", "hour", "read back", "read-back", "readback", "acknowledged", "verbali"),
)
_NOTIFICATION = _any(
    rf"\b{_WAS} (?:\w+ )?(?:paged|notified|telephoned|informed|alerted|contacted)\b",
    rf"\b{_TELL}\b[^.]{{0,40}}\b(?:to|with|by|via|from|over)\b[^.]{{0,40}}(?<!\w){_WORKER}",
    rf"\b{_WORKER}[^.]{{0,60}}\b{_WAS} (?:\w+ )?(?:called|made aware|aware)\b",
    rf"\b{_WHAT}\b[^.]{{0,60}}\b{_WAS} (?:\w+ )?{_TOLD}\b",
    r"\b(?:discussed|communicated|relayed|conveyed|telephoned|called|phoned|paged)\b[^.]{0,80}"
    r"\bat \d{1,2}[:.]?\d{2}\b",
    r"\b(?:critical|urgent|unexpected) (?:\w+ )?(?:results?|findings?)\b[^.]{0,60}"
    r"\b(?:dashboard|system|log|communicat\w+|report\w*|protocol)\b",
    r"\bat the time of (?:this )?(?:interpretation|dictation|discovery|observation|review|report)",
    r"\b(?:minutes?|hours?) (?:after|following|of) (?:the )?"
    r"(?:discovery|observation|findings?|study)\b",
    r"\b(?:read[- ]?back|acknowledged (?:receipt|understanding)|verbali[sz]ed understanding)\b",
)

_READ = r"(?:dictated|transcribed|interpreted|approved|read|finali[sz]ed|verified|signed)"
_SIGNATURE_HINTS = (
    *("review", "examined", "viewed", "read", "interpreted", "agree", "concur", "attest", "signed"),
    *("dictated", "transcribed", "approved", "finali", "verified", "attending", "end of"),
    *("report", "interpretation", "created", "generated", "summary"),
)
_SIGNATURE = _any(
    r"\b(?:i|we)(?:,[^,]+,)? have (?:\w+ )?(?:reviewed|examined|viewed|read|interpreted)\b",
    r"\b(?:i|we) (?:\w+ )?(?:agree|concur|attest)\b",
    r"\bagree[sd]? with the (?:above|report|findings|interpretation|resident|preliminary)",
    r"\b(?:electronically |digitally )?signed(?: by| electronically)\b",
    rf"\b{_READ}(?: and \w+)* by\b",
    r"\battending (?:radiologist|physician)\b",
    r"\bend of (?:impression|report)\b",
    r"\b(?:preliminary|final|wet) (?:report|read|reading|interpretation) "
    r"(?:was|has been|by|provided|issued|entered)\b",
    r"\bthis (?:report|study|exam\w*) (?:was|has been) (?:\w+ )?"
    rf"(?:reviewed|created|generated|{_READ})\b",
    r"^summary ?: ?\d\b",
)


_BONES = (
    r"chest|abdomen|kub|thorax|pelvis|hand|wrist|elbow|shoulder|hip|knee|ankle|foot|feet|femur|"
    r"tibia|humerus|forearm|clavicle|ribs?|sternum|(?:(?:cervical|thoracic|lumb\w+) )?spine"
)
_TITLE = _any(
    rf"^(?:(?:ap|pa|left|right|bilateral|portable|frontal|lateral|and) )*(?:{_BONES})"
    r"(?: (?:radiographs?|x-?rays?|films?|series|views?|images?))?\.?$",
    r"^(?:\d+|one|two|three|four|single) (?:images?|views?|films?|radiographs?)"
    r"(?: of the chest)?\.?$",
    r"^(?:[\w-]+,? ){0,8}(?:views?|radiographs?|films?|images?|projections?)(?: of the chest)? "
    r"(?:was|were|is|are) (?:obtained|provided|performed|submitted|acquired|presented|reviewed)"
    r"(?: for (?:review|interpretation))?\.?$",
    # CheXpert Plus's code for the whole report ("2-ABNORMAL, PREVIOUSLY REPORTED").
    r"^\d ?- ?(?:no significant|normal|abnormal|possible|significant|critical|unremarkable)\b",
)


def is_title(sentence: str) -> bool:
    """Whether a sentence only names what was taken ("Left knee.", "Two views of the chest.")."""
    return len(sentence) < 90 and _TITLE.search(sentence) is not None


def is_recommendation(sentence: str) -> bool:
    """Whether a sentence says what to do next ("Recommend follow-up CT.")."""
    return _hinted(sentence, _RECOMMENDATION_HINTS) and _RECOMMENDATION.search(sentence) is not None


def is_notification(sentence: str) -> bool:
    """Whether a sentence says whom a finding was told to ("Dr. Smith was paged at 10:30.")."""
    return _hinted(sentence, _NOTIFICATION_HINTS) and _NOTIFICATION.search(sentence) is not None


def is_signature(sentence: str) -> bool:
    """Whether a sentence says who has read or signed the report."""
    return _hinted(sentence, _SIGNATURE_HINTS) and _SIGNATURE.search(sentence) is not None


def _hinted(sentence: str, hints: tuple[str, ...]) -> bool:
    lowered = sentence.lower()
    return any(hint in lowered for hint in hints)
