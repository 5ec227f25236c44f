"""Words that name an observation, a part of the body, or a judgement of its size.

Patterns are matched against lower-case text with single blanks, from a word boundary, longest
meaning first: an earlier row wins where two start at the same letter. The rows are ours; what the
fourteen observations include follows the phrase lists of the CheXpert labeler (Irvin et al., AAAI
2019) where these decide, see ``docs/labels.md``.
"""

from cxr_edge.labels import OBSERVATIONS, Mention

OTHER = -1
"""Something abnormal outside the fourteen: it has no column, but it rules out *No Finding*."""

_INDEX = {
    "ECM": OBSERVATIONS.index("Enlarged Cardiomediastinum"),
    "CMG": OBSERVATIONS.index("Cardiomegaly"),
    "OPA": OBSERVATIONS.index("Lung Opacity"),
    "LES": OBSERVATIONS.index("Lung Lesion"),
    "EDE": OBSERVATIONS.index("Edema"),
    "CON": OBSERVATIONS.index("Consolidation"),
    "PNA": OBSERVATIONS.index("Pneumonia"),
    "ATE": OBSERVATIONS.index("Atelectasis"),
    "PTX": OBSERVATIONS.index("Pneumothorax"),
    "EFF": OBSERVATIONS.index("Pleural Effusion"),
    "PLO": OBSERVATIONS.index("Pleural Other"),
    "FRA": OBSERVATIONS.index("Fracture"),
    "DEV": OBSERVATIONS.index("Support Devices"),
    "OTH": OTHER,
}


def _columns(codes: str) -> tuple[int, ...]:
    return tuple(_INDEX[code] for code in codes.split())


# Sounds like an observation and is none, or belongs to something else.
NEUTRAL: tuple[str, ...] = (
    r"(?:soft tissue|subcutaneous|bowel wall|cerebral|peripheral|marrow) edema",
    r"joint effusions?",
    r"massive(?:ly)?",
    r"collapsed (?:vertebra|disc)",
    r"mid[ -]lines?",
    r"(?:fissural|skin|soft tissue) (?:line|lines|folds?)",
    r"lines? of",
    r"in line with",
    r"plate ?-?like",
    r"heart (?:disease|murmur|rate|attack)",
    r"(?:history|hx) of (?:\w+ )?(?:cancer|carcinoma|pneumonia|fracture|tumor|malignancy)",
    r"risk (?:factors? )?(?:of|for) \w+",
    r"breast (?:cancer|carcinoma|mass)",
    r"body mass",
    r"leads? to",
    r"muscle mass",
    r"chest tube site",
    r"fracture of (?:the )?(?:\w+ )?(?:wire|lead|catheter|sternotomy)s?",
    r"fractured (?:\w+ ){0,2}(?:wire|lead|catheter|line)s?",
)

_LUNG = r"(?:lung|pulmonary|parenchymal|pleural[ -]based|hilar|perihilar|mediastinal|nodular)"

MENTIONS: tuple[tuple[tuple[int, ...], Mention, str], ...] = tuple(
    (_columns(codes), default, pattern)
    for codes, default, pattern in (
        # Enlarged heart and mediastinum, named as a finding.
        (
            "ECM CMG",
            Mention.POSITIVE,
            r"(?:enlargement|enlarging) of the cardio ?-?mediastin\w+(?: silhouette)?|"
            r"cardio ?-?mediastinal (?:silhouette )?(?:enlargement|widening)",
        ),
        (
            "CMG",
            Mention.POSITIVE,
            r"cardiomegal\w*|(?:cardiac|heart|ventricular|atrial|biventricular|chamber) enlargement|"
            r"enlargement of (?:the )?(?:heart|cardiac|left (?:ventric|atri)|right (?:ventric|atri))"
            r"\w*(?: (?:silhouette|shadow|size|contour))?",
        ),
        (
            "ECM",
            Mention.POSITIVE,
            r"mediastinal (?:widening|enlargement|prominence|fullness)|"
            r"(?:widening|enlargement|prominence|fullness) of (?:the )?(?:(?:superior|upper|right|left) )?"
            r"mediastin\w+(?: silhouette| contours?)?|wide(?:ned)? mediastinum",
        ),
        # Edema and its signs. The signs alone are read as uncertain, as CheXpert does.
        (
            "EDE",
            Mention.UNCERTAIN,
            r"(?:pulmonary |mild |central |pulmonary venous |venous )?(?:vascular|vasculature|venous|"
            r"pulmonary|hilar|interstitial|perihilar|cardiac)(?: vascular| venous)? congestion|congestion|"
            r"(?:pulmonary )?(?:vascular|venous|vessel|vasculature|hilar) (?:prominence|indistinctness|"
            r"engorgement|plethora)|prominen(?:ce|t) (?:of )?(?:the )?(?:central )?(?:pulmonary )?"
            r"vascul\w+|indistinctness|engorgement|(?:engorged|indistinct) (?:pulmonary )?vascul\w+|"
            r"kerley(?:[ -]b)?(?: \(?b\)?)?(?: septal)? lines?|(?:thickened )?(?:inter|intra)?lobular "
            r"septal (?:lines|thickening)|septal lines?",
        ),
        (
            "EDE",
            Mention.POSITIVE,
            r"\w*edema\w*|oedema|(?:congestive )?(?:heart|cardiac) failure|chf",
        ),
        # Pleura.
        ("OTH", Mention.POSITIVE, r"pericardial (?:effusion|fluid)s?"),
        ("PTX EFF", Mention.POSITIVE, r"hydro ?-?pneumothora\w+"),
        ("PTX OTH", Mention.POSITIVE, r"h(?:a?)emo ?-?pneumothora\w+"),
        ("PTX", Mention.POSITIVE, r"pneumo ?-?thora(?:x|xes|ces|cies)|ptx|pleural air"),
        (
            "EFF",
            Mention.POSITIVE,
            r"(?:pleural )?effusions?|pleural[ -](?:based )?fluid|(?:fluid|effusion) (?:is (?:seen )?)?"
            r"(?:with)?in the (?:\w+ ){0,3}(?:fissure|pleural space)s?|fissural fluid|hydrothora\w+|"
            r"subpulmonic fluid|loculated fluid|fluid in (?:\w+ ){0,2}fissures?",
        ),
        (
            "PLO",
            Mention.POSITIVE,
            r"pleur(?:al|o)[ -]*(?:(?:and|/|or)? ?(?:parenchymal|apical|pericardial|based)[ -]*)?"
            r"(?:thickening|scar\w*|fibrosis|plaques?|reaction|calcifications?|disease)|"
            r"(?:thickening|scarring|calcification) of (?:the )?(?:\w+ )?pleura|"
            r"thickened (?:\w+ )?pleura|\w*apical(?: pleural)? (?:cap(?:ping|s)?|thickening)|"
            r"pleural tags?|(?:calcified )?pleural (?:plaques?|masses|mass)|fibrothorax|"
            r"(?:pulmonary |lung |interstitial |parenchymal |post ?-?radiation )*fibrosis|fibrotic "
            r"(?:change|scar\w*|disease)s?|pleural abnormality",
        ),
        # Lung.
        (
            "ATE",
            Mention.POSITIVE,
            r"atelecta\w*|(?:lobar |lung )?collapsed?\b(?! (?:of )?(?:the )?vertebra)",
        ),
        ("PNA", Mention.POSITIVE, r"(?:broncho)?pneumoni(?:a|as|c|ae)\b|infecti\w+"),
        ("CON", Mention.POSITIVE, r"(?:air ?-?space |alveolar |lobar )?consolidat\w+"),
        (
            "OTH",
            Mention.POSITIVE,
            r"(?:partially |densely |multiple |small )*calcified (?:\w+ )?(?:granuloma|nodul|lymph|node|"
            r"nodal|mediastin|hilar)\w*(?: (?:nodul|node|densit|opacit)\w*)?|granuloma\w*|"
            r"(?:bone|bony|osseous|rib|blastic|lytic|sclerotic) (?:lesion|mass|nodul)\w*|"
            r"(?:enlarged )?(?:mediastinal|hilar) (?:lymph ?)?(?:nodes?|\w*adenopathy)|"
            r"(?:pericardial|thyroid|breast|chest wall|hiatal) mass(?:es)?",
        ),
        (
            "LES OPA",
            Mention.POSITIVE,
            r"(?:nodular|mass ?-?like|rounded|nodule ?-?like)[ ,]+(?:\w+ )?(?:air ?-?space )?opaci\w+",
        ),
        (
            "LES",
            Mention.POSITIVE,
            r"(?:micro)?nodul(?:e|es|arity)|nodular (?:densit|lesion|focus|foci|area)\w*|"
            r"(?:rounded|mass ?-?like) densit\w+|mass(?:es)?|lumps?\b|"
            rf"(?:{_LUNG}|cavit\w+|suspicious|focal|space[ -]occupying|spiculated|lobe) lesions?|"
            r"(?:adeno)?carcinomas?|neoplas\w+|tumou?rs?|malignan\w+|(?:lung|bronchogenic) cancer|"
            r"cavit(?:y|ies|ary lesions?)|metast\w+",
        ),
        (
            "OPA",
            Mention.POSITIVE,
            r"opaci\w+|(?:air ?-?space|interstitial|parenchymal) (?:lung )?"
            r"(?:disease|process|abnormalit|infiltrat|densit|change)\w*|(?:focal |alveolar )?infiltrat\w+|"
            r"increased (?:lung |pulmonary |retrocardiac |basilar )?densit(?:y|ies)|"
            r"decreased translucency|interstitial (?:lung|prominence|thickening|pattern|coarsening|"
            r"reticula\w+)(?: disease)?|(?:interstitial|lung|pulmonary) (?:interstitial )?thickening|"
            r"reticul\w+(?: ?-?nodular)?(?: (?:pattern|marking|densit|opacit|change)\w*)?|"
            r"ground ?-?glass|(?:peri)?bronch(?:ial|o)?\w*(?: wall)? thickening|wall thickening|"
            r"(?:parenchymal |pulmonary |lung )?scar(?:s|ring|red)?|cicatri\w+|"
            r"(?:prominent|increased|coarse(?:ned)?|accentuated|thickened|heavy|chronic|"
            r"exaggerated|prominence of (?:the )?) ?(?:\w+ ){0,3}(?:interstitial|reticular|lung|"
            r"pulmonary|parenchymal|bronchovascular)(?: \w+)? (?:markings?|changes)|(?:patchy|hazy|"
            r"streaky|ill[ -]defined|focal|basilar|retrocardiac|linear|confluent) densit\w+|haziness",
        ),
        # Bones and devices.
        ("FRA", Mention.POSITIVE, r"(?:micro)?fractur\w*"),
        (
            "DEV",
            Mention.POSITIVE,
            r"(?:cardiac |dual[ -](?:lead|chamber) |single[ -](?:lead|chamber) |av |pulse )*"
            r"(?:pacemaker|pacer|pacing|defibrillator|defib|generator|stimulator)\w*(?: (?:lead|wire|"
            r"device|generator|pack|electrode)s?)?|aicds?|icds?|"
            r"(?:central (?:venous )?|picc |dialysis |ij |subclavian |jugular |arterial |hickman |"
            r"swan[ -]ganz |chest |endotracheal |et |ett |tracheostomy |nasogastric |enteric |"
            r"orogastric |ng |og |dobbhoff |feeding |gastric |drainage |pigtail |pleural |thoracostomy |"
            r"infusion |venous |support |monitoring |nasoenteric |gastrostomy |ventriculoperitoneal "
            r"|vp |shunt )*(?:line|catheter|tube|cannula|drain|picc|cath|tubing)s?(?:/(?:line|tube)s?)?"
            r"(?! volume)|piccs?|swan[ -]ganz|ett\b|tracheostom\w+|"
            r"(?:port ?-?a ?-?caths?|medi ?-?ports?|(?:infusion |chest |central venous )*ports?\b)"
            r"(?: reservoirs?)?|(?:aortic |mitral |tricuspid |cardiac |heart |prosthetic |artificial )*"
            r"valves?(?! calcif|\w* annul)(?: (?:replacement|prosthes\w+|repair))?|"
            r"(?:hardware|arthroplast\w+|prosthes[ie]s|prosthetic|screws?|plates?|rods?|coils?|"
            r"apparatus|equipment|devices?|electrodes?|leads?|stents?|markers?|"
            r"implant(?:s|ed)?\b|support (?:lines|devices|tubes)|balloon pump|lvad|vad|"
            r"ecmo|(?:sternotomy|sternal|cerclage|median sternotomy|pacing|surgical) wires?|wires?|"
            r"(?:spinal|posterior|anterior|cervical|lumbar|thoracic|interbody) fusion|"
            r"(?:loop|event) recorder)\b",
        ),
        # Abnormal, but not one of the fourteen.
        (
            "OTH",
            Mention.POSITIVE,
            r"\w*emphysem\w*|copd|chronic obstructive|asthma|bronchospasm|hyper ?-?(?:inflat|expan|lucen|"
            r"aerat|disten|transluc)\w*|overinflat\w*|overexpan\w*|air[ -]trapping|"
            r"flatten(?:ing|ed)|(?:low|small|diminished|decreased|reduced|shallow) (?:lung|inspiratory)"
            r" volumes?|(?:lung )?volumes? (?:is|are) (?:\w+ )?(?:low|small|diminished|decreased)|"
            r"hypo ?-?(?:inflat|ventil|expan|aerat|vol)\w*|(?:shallow|poor|low) inspiration|"
            r"blunt(?:ing|ed)?|elevat(?:ion|ed)|eventration\w*|\w*scolio\w*|kypho\w*|curvature|"
            r"degenera\w*|spondyl\w*|osteophyt\w*|spurring|arthri\w*|arthropath\w*|arthros\w*|"
            r"osteoarth\w*|osteopen\w*|osteopor\w*|deminerali\w*|osteodystroph\w*|sclero(?:sis|tic)|"
            r"dish\b|hyperosto\w*|calcifi\w*|atheroscler\w*|atheromat\w*|arterioscler\w*|"
            r"(?:(?:tortuous|tortuosity|ectatic|ectasia|uncoil\w*|unfold\w*)[ ,/]*)+|aneurysm\w*|"
            r"dilat(?:ed|ion|ation)|cephali[sz]ation|redistribution|cuffing|bronchiectas\w*|"
            r"bronchi(?:tis|olitis)|airways? (?:disease|inflammation)|inflam\w*|aspirat\w*|bulla\w*|"
            r"blebs?|bullous|cysts?|cystic|lucen(?:cy|cies)|pneumo ?-?(?:mediastinum|peritoneum|"
            r"pericardium)|free (?:\w+ ){0,2}(?:air|gas)|hernia\w*|contusion\w*|h(?:a)?emorrhag\w*|"
            r"h(?:a)?ematoma\w*|h(?:a)?emothora\w*|\w*adenopathy|enlarged (?:lymph )?nodes?|"
            r"thickening|volume loss|loss of (?:\w+ )?(?:height|volume)|(?:mediastinal |tracheal )"
            r"(?:shift|deviation)|(?:shift|deviation|deviated)\b|deform\w*|wedg(?:ing|ed)|"
            r"compress(?:ion|ed) (?:\w+ )?(?:deform|chang)\w*|dislocat\w*|subluxat\w*|pectus|"
            r"(?:post ?-?(?:surgical|operative|treatment|radiation)) (?:chang|finding|sequel)\w*|"
            r"(?:lob|pneumon|mast)ectomy|resection|radiopaque|bullet\w*|shrapnel|foreign (?:bod|obj)\w*|"
            r"hypertension|hyperten\w*|fissures? thicken\w*|plaques?|bronchovascular crowding|"
            r"crowding|densit(?:y|ies)|"
            r"(?:chronic|interstitial|abnormal|increased) (?:\w+ )?markings|sarcoid\w*|"
            r"thoracentesis|volvulus|distention|distended|tree[ -]in[ -]bud|silicosis|pneumoconio\w*",
        ),
    )
)
"""Columns, what a bare mention asserts, and the pattern. Order decides between rows."""

ANATOMY: tuple[tuple[tuple[int, ...], str], ...] = tuple(
    (_columns(codes), pattern)
    for codes, pattern in (
        (
            "ECM CMG",
            r"cardio ?-?mediastin(?:al|um)\w*(?: (?:silhouettes?|contours?|size|structures|shadow|"
            r"margins?|borders?|outline|configuration))?|(?:cardiac|heart)(?:,? and| ?/|,) ?"
            r"mediastinal (?:silhouettes?|contours?|structures|size|shadows?|margins?)",
        ),
        (
            "CMG",
            r"(?:heart|cardiac|cardiopericardial)(?: (?:size|silhouettes?|contours?|shadows?"
            r"|configuration|outline|borders?|margins?|structures|diameter))*|cardiothoracic ratio",
        ),
        (
            "ECM",
            r"pericardial silhouette|(?:superior |upper )?mediastin(?:um|al)(?: (?:size|silhouettes?|contours?|shadows?|"
            r"configuration|structures?|outline|width|borders?|margins?|and hilar (?:contours?|"
            r"structures|silhouettes?)|hilar contours?))*",
        ),
        (
            "OPA",
            r"(?:interstitial|reticular|lung|pulmonary|bronchovascular|interstitial lung) markings?",
        ),
        # Structures without a column. They only take the judgement that is meant for them.
        (
            "",
            r"lungs?|lung fields?|aort(?:a|ic)(?: (?:arch|knob|contour))?|hil(?:um|a|ar)(?: (?:contours?|"
            r"structures?|regions?))?|(?:pulmonary )?(?:vascularity|vasculature|vascular pattern|"
            r"vessels?|arter\w+|vascular)|pulmonary (?:interstitium|xxxx)|interstitium|"
            r"(?:bony|osseous|skeletal)(?: (?:structures?|thorax))?|bones?|ribs?|spine|vertebra\w*|"
            r"soft tissues?|(?:hemi)?diaphragms?|pleura(?:l spaces?)?|costophrenic (?:angle|sulc)\w*|"
            r"trachea|airways?|abdomen|thorax|chest|parenchyma|bone (?:mineral )?density|mineralization|xxxx",
        ),
    )
)
"""Columns and pattern of the parts whose size is judged: "heart", "mediastinal contours"."""
