"""What a sentence commits itself to besides its observations.

Side, severity, place, comparison, and character: texture, margin, number, which device, or that the
lungs are clear, which no label says.

A draft may mention an attribute only where the model was shown to know it, so each errs towards
being found: a word that may speak of an earlier study is taken to do so.
"""

import re

from cxr_edge.labelers.patterns import pattern
from cxr_edge.labelers.scan import normalise
from cxr_edge.types import Attribute


def _words(block: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{pattern(block)})(?![a-z])")


_LEFT = _words(r"left(?:[ -]sided|ward)? | lingula\w* | levo\w+")
_RIGHT = _words(r"right(?:[ -]sided|ward)? | middle lobe | dextro\w+ | azygos | minor fissure")
_BOTH = _words(
    r"""
    bilateral(?:ly)? | bibas(?:al|ilar) | biapical | bihilar | b/l
    both (?:\w+ ){0,2}?(?:lungs?|sides?|bases|apices|hila|costophrenic)
    both (?:lower|mid|upper|perihilar)
    """
)
# Ordered from the weakest; the first class found names the sentence.
_SEVERITIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, _words(block))
    for name, block in (
        ("minimal", r"minimal(?:ly)? | tiny | trace | subtle | faint(?:ly)? | slight(?:ly)?"),
        ("small", r"small(?:er|est)? | subcentimeter | little"),
        ("mild", r"mild(?:ly)? | minor(?! fissure) | low[ -]grade"),
        ("moderate", r"moderate(?:ly)?(?:[ -]sized)? | medium[ -]sized"),
        ("large", r"large(?:r|st)? | sizable | extensive | massive(?:ly)? | big"),
        ("severe", r"severe(?:ly)? | marked(?:ly)? | gross | advanced | pronounced | florid"),
    )
)
_LOCATION = _words(
    r"""
    (?:upper|lower|middle|mid|lingular)[ -]?(?:lobes?|zones?|lungs?|third|thorax|thoracic)
    lobes? | lobar | bases? | apex | apices | lingula\w* | (?:bi)?(?:basilar|basal|apical)
    retrocardiac | costophrenic | cardiophrenic | (?:sub|supra)pulmonic | subpulmonary | midlung
    hil(?:um|a) | (?:bi|peri|para|supra|infra|juxta)?hilar(?! (?:contour|structure|silhouette)s?)
    peripheral(?:ly)? | central(?:ly)?(?! (?:venous )?(?:line|catheter)) | paratracheal | fissur\w+
    diffuse(?:ly)? | widespread | multifocal | scattered | throughout | generali[sz]ed
    anterior(?:ly)? | posterior(?:ly)? | lateral(?:ly)? | medial(?:ly)?
    superior(?! vena) | inferior
    svc | vena cava | cavoatrial | atri(?:um|al) | ventric\w+ | carina | stomach | duoden\w+
    brachiocephalic | subclavian | jugular | ribs? | clavic\w+ | vertebra\w* | spine | humer\w+
    scapul\w+ | shoulder | chest wall | hemithorax | axilla\w* | pericardi\w+
    (?:thoracic|cervical|lumbar)(?! aort) | esophagus | gastroesophageal | mainstem
    (?:mid|distal|proximal) trachea | below the (?:hemi)?diaphragm
    """
)
_COMPARISON = _words(
    r"""
    stable | stability | unchanged | chang(?:e|ed|ing) | (?:no|without) (?:\w+ ){0,2}changes
    interval(?:ly)? | intervening | new(?:ly)? | improv\w+ | worsen\w+ | worse | better | prior
    previous(?:ly)? | again | since | now | resolv\w+ | resolution | persist\w* | decreas\w+
    increas\w+ | progress\w* | regress\w* | re-?demonstrat\w+ | residual | remain(?:s|ed|ing)?
    compar(?:ed|ison|able|ing) | similar | earlier | last | recent(?:ly)? | follow[ -]?up
    develop\w* | evol\w+ | no longer | still | continu\w+ | further | enlarging | growing
    removed | removal | has been (?:placed|inserted|cleared|withdrawn|exchanged) | replaced
    re-?accumulat\w+ | recurren\w+ | ongoing | long[ -]?standing | exacerbat\w+ | clearing
    aggravat\w+ | subsequent(?:ly)? | (?:more|less) (?:conspicuous|prominent|pronounced|extensive)
    (?:than|from|to) (?:the )?(?:\w+ )?(?:exam\w*|study|studies|radiograph\w*|film|ct|scan)
    """
)
_CHARACTER = _words(
    r"""
    patchy | hazy | streaky | linear | ground[ -]glass | interstitial | reticul\w+ | alveolar
    peribronchial | bronchial | dense | confluent | bronchograms? | discoid | subsegmental
    band-?like | loculat\w+ | layering | tension | displaced | biventricular | spiculat\w+
    (?:well|ill)[ -]defined | cavitary | cavitat\w+ | calcifi\w+ | plaques? | scar\w* | fibrothorax
    multiple | several | round(?:ed)? | nodular | bronchopneumonia | healed | old
    catheter | tubes? | pacemaker | defibrillator | wires | valve | stents? | leads? | hardware
    picc | port | clips | pacer
    (?:lungs|lung fields) (?:are|appear) (?:\w+ and )?clear | clear lungs
    """
)
_SILENT = _words(
    r"""
    (?:degenerative|post-?surgical|post-?operative|chronic|osseous|bony|arthritic) chang\w+
    (?:emphysematous|interstitial|fibrotic|inflammatory|atelectatic|cystic) chang\w+
    """
)
"""Changes that are findings, and compare nothing."""


def side_of(text: str) -> str | None:
    """The side a text names: ``left``, ``right``, ``bilateral`` (also: both named), or None."""
    return _side(normalise(text))


def severity_of(text: str) -> str | None:
    """The severity a text names: minimal, small, mild, moderate, large or severe; None without.

    Where several are named ("mild to moderate"), the strongest counts.
    """
    return _severity(normalise(text))


def attributes(text: str) -> Attribute:
    """All attributes of a sentence or a report, as flags.

    ``COMPARISON`` is set too often rather than too rarely: "increased markings" has it, because
    the sentence can be read as a change over time.
    """
    plain = normalise(text)
    flags = Attribute.NONE
    if _side(plain) is not None:
        flags |= Attribute.SIDE
    if _severity(plain) is not None:
        flags |= Attribute.SEVERITY
    if _LOCATION.search(plain):
        flags |= Attribute.LOCATION
    if _COMPARISON.search(_SILENT.sub(" ", plain)):
        flags |= Attribute.COMPARISON
    if _CHARACTER.search(plain):
        flags |= Attribute.CHARACTER
    return flags


def _side(plain: str) -> str | None:
    left, right = _LEFT.search(plain), _RIGHT.search(plain)
    if _BOTH.search(plain) or (left and right):
        return "bilateral"
    if left:
        return "left"
    return "right" if right else None


def _severity(plain: str) -> str | None:
    found = [name for name, words in _SEVERITIES if words.search(plain)]
    return found[-1] if found else None
