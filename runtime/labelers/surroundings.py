"""Words around the fourteen observations: look-alikes, other abnormalities, parts of the body.

Written and matched like ``vocabulary``.
"""

from cxr_edge.labelers.patterns import pattern
from cxr_edge.labels import OBSERVATIONS

NEUTRAL: str = pattern(
    r"""
    (?:soft tissue|subcutaneous|bowel wall|cerebral|peripheral|marrow) edema
    joint effusions? | massive(?:ly)? | collapsed (?:vertebra|disc) | mid[ -]lines?
    (?:fissural|skin|soft tissue) (?:line|lines|folds?) | lines? of | in line with
    plate<hyphen>like | heart (?:disease|murmur|rate|attack) | leads? to
    (?:history|hx) of (?:\w+ ){0,4}?(?:cancer|carcinoma|pneumonia|fracture|tumor|malignancy|mass)
    risk (?:factors? )?(?:of|for) \w+ | breast (?:cancer|carcinoma|mass) | body mass | muscle mass
    chest tube site | breast (?:implant|prosthes)\w*
    fracture of (?:the )?(?:\w+ ){0,4}?(?:wire|lead|catheter|sternotomy|screw)s?
    fractured (?:\w+ ){0,2}(?:wire|lead|catheter|line|screw)s?
    """,
    {"hyphen": "[ ]?-?"},
)
"""Sounds like an observation and is none, or belongs to something else."""

OTHER_ABNORMAL: str = pattern(
    r"""
    emphysem\w* | copd | chronic obstructive | asthma | bronchospasm | air[ -]trapping
    hyper<hyphen>(?:inflat|expan|lucen|aerat|disten|transluc)\w*
    (?:over|under)<hyphen>(?:inflat|expan)\w*
    flatten(?:ing|ed) | <low> (?:lung|inspiratory) volumes?
    (?:lung )?volumes? (?:is|are) (?:\w+ )?(?:low(?! normal)|small|diminished|decreased)
    hypo<hyphen>(?:inflat|ventil|expan|aerat|vol)\w* | (?:shallow|poor|low) inspiration
    blunt(?:ing|ed)? | elevat(?:ion|ed) | eventration\w*
    (?:dextro|levo|kypho|roto)?scolio\w* | kypho\w* | curvature | degenera\w* | spondyl\w*
    osteophyt\w* | spurring
    arthri\w* | arthropath\w* | arthros\w* | osteoarth\w* | osteopen\w* | osteopor\w*
    deminerali\w*
    osteodystroph\w* | sclero(?:sis|tic) | dish | hyperosto\w* | deform\w* | wedg(?:ing|ed)
    compress(?:ion|ed) (?:\w+ )?(?:deform|chang)\w* | dislocat\w* | subluxat\w* | pectus
    loss of (?:\w+ )?(?:height|volume) | volume loss
    calcifi\w* | atheroscler\w* | atheromat\w* | arterioscler\w* | aneurysm\w*
    dilat(?:ed|ion|ation)
    (?:(?:tortuous|tortuosity|ectatic|ectasia|uncoil\w*|unfold\w*)[ ,/]*)+
    cephali[sz]ation | redistribution | cuffing | bronchiectas\w* | bronchi(?:tis|olitis)
    airways? (?:disease|inflammation) | inflam\w* | aspirat\w* | bulla\w* | blebs? | bullous
    cysts? | cystic | lucen(?:cy|cies) | tree[ -]in[ -]bud | silicosis | pneumoconio\w* | sarcoid\w*
    pneumo<hyphen>(?:mediastinum|peritoneum|pericardium) | free (?:\w+ ){0,2}(?:air|gas)
    hernia\w* | contusion\w* | ha?emorrhag\w* | ha?ematoma\w* | ha?emothora\w*
    (?:lymph)?adenopathy | enlarged (?:lymph )?nodes? | thickening | thickened fissures? | plaques?
    (?:mediastinal |tracheal )?(?:shift|deviation|deviated) | (?:lob|pneumon|mast)ectomy | resection
    post<hyphen>(?:surgical|operative|treatment|radiation) (?:chang|finding|sequel)\w*
    radiopaque | bullet\w* | shrapnel | foreign (?:bod|obj)\w* | hyperten\w* | thoracentesis
    volvulus
    (?:bronchovascular )?crowding | densit(?:y|ies) | distention | distended
    (?:chronic|abnormal) (?:\w+ )?markings
    (?:appears?|looks?) abnormal | abnormal (?:chest|radiograph|study|exam\w*|film)
    """,
    {"hyphen": "[ ]?-?", "low": "low | small | diminished | decreased | reduced | shallow"},
)
"""Abnormal, but not one of the fourteen."""

_SHAPE = {
    "shape": """
        silhouettes? | contours? | size | shadows? | configuration | outline | width | structures?
        margins? | borders? | diameter
    """,
}

_PARTS: tuple[tuple[str, str], ...] = (
    (
        "Enlarged Cardiomediastinum, Cardiomegaly",
        r"""
        cardio ?-?mediastin(?:al|um)\w*(?: <shape>)?
        (?:cardiac|heart)(?:,? and| ?/|,) ?mediastinal <shape>
        """,
    ),
    ("Cardiomegaly", r"(?:heart|cardiac|cardiopericardial)(?: <shape>)* | cardiothoracic ratio"),
    (
        "Enlarged Cardiomediastinum",
        r"""
        pericardial silhouette
        (?:superior |upper )?mediastin(?:um|al)(?: <shape>| and hilar <shape>| hilar <shape>)*
        """,
    ),
    (
        "Lung Opacity",
        r"(?:interstitial|reticular|lung|pulmonary|bronchovascular|interstitial lung) markings?",
    ),
    (
        "",
        r"""
        lungs? | lung fields? | aort(?:a|ic)(?: (?:arch|knob|contour))?
        pulmonary (?:interstitium|xxxx)
        hil(?:um|a|ar)(?: (?:contours?|structures?|regions?))? | interstitium | parenchyma
        (?:pulmonary )?(?:vascularity|vasculature|vascular pattern|vessels?|arter\w+|vascular)
        (?:bony|osseous|skeletal)(?: (?:structures?|thorax))? | bones? | ribs? | spine | vertebra\w*
        soft tissues? | (?:hemi)?diaphragms? | pleura(?:l spaces?)? | costophrenic (?:angle|sulc)\w*
        trachea | airways? | abdomen | thorax | chest | bone (?:mineral )?density | mineralization
        xxxx
        """,
    ),
)

ANATOMY: tuple[tuple[tuple[int, ...], str], ...] = tuple(
    (
        tuple(OBSERVATIONS.index(name) for name in names.split(", ")) if names else (),
        pattern(block, _SHAPE),
    )
    for names, block in _PARTS
)
"""Columns and pattern of the parts whose size is judged: "heart", "mediastinal contours". A part
without a column takes the judgement that is meant for it, so that no other part does."""
