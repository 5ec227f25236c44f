"""Words that name one of the fourteen observations.

Matched against lower-case text with single blanks, from a word boundary; where two rows start at
the same letter, the earlier one wins. The rows are ours; what the observations include follows the
phrase lists of the CheXpert labeler (Irvin et al., AAAI 2019) where these decide, see
``docs/labels.md``.
"""

from cxr_edge.labelers.patterns import pattern
from cxr_edge.labels import OBSERVATIONS, Mention

OTHER = -1
"""Something abnormal outside the fourteen: it has no column, but it rules out *No Finding*."""

_NAMES: dict[str, str] = {
    "hyphen": "[ ]?-?",
    "silhouette": "silhouettes? | contours? | shadow | size",
    "chamber": "heart | cardiac | (?:left|right) ventric\\w* | (?:left|right) atri\\w*",
    "vessels": "vascular | vasculature | venous | vessel | hilar",
    "pleura": "pleural | pleuro",
    "nodular": "nodular | mass<hyphen>like | rounded | nodule<hyphen>like",
    "lung_part": """
        lung | pulmonary | parenchymal | pleural[ -]based | hilar | perihilar | mediastinal
    """,
    "raised": """
        prominent | increased | coarse(?:ned)? | accentuated | thickened | heavy | chronic
        exaggerated | prominence of(?: the)?
    """,
    "tissue": "interstitial | reticular | bronchovascular | lung | pulmonary | parenchymal",
    "shade": "patchy | hazy | streaky | ill[ -]defined | focal | basilar | retrocardiac | linear",
    "site": """
        central(?: venous)? | picc | dialysis | ij | subclavian | jugular | arterial | hickman
        swan[ -]ganz | chest | endotracheal | et | ett | tracheostomy | nasogastric | enteric
        orogastric | ng | og | dobbhoff | feeding | gastric | drainage | pigtail | pleural
        thoracostomy | infusion | venous | support | monitoring | nasoenteric | gastrostomy
        ventriculoperitoneal | vp | shunt | thoracic
    """,
    "line": "line | catheter | tube | cannula | drain | picc | cath | tubing",
    "pacer": """
        pacemaker | pacer | pacing | defibrillator | defib | generator | (?:neuro)?stimulator
    """,
    "valve": "aortic | mitral | tricuspid | cardiac | heart | prosthetic | artificial",
}

_ROWS: tuple[tuple[str, Mention, str], ...] = (
    (
        "Enlarged Cardiomediastinum, Cardiomegaly",
        Mention.POSITIVE,
        r"""
        enlarg(?:ement|ing) of (?:the )?cardio<hyphen>mediastin\w+(?: silhouette)?
        cardio<hyphen>mediastinal (?:silhouette )?(?:enlargement|widening)
        """,
    ),
    (
        "Cardiomegaly",
        Mention.POSITIVE,
        r"""
        cardiomegal\w*
        (?:cardiac|heart|ventricular|atrial|biventricular|chamber) enlargement
        enlargement of (?:the )?<chamber>(?: <silhouette>)?
        """,
    ),
    (
        "Enlarged Cardiomediastinum",
        Mention.UNCERTAIN,
        r"""
        mediastinal (?:prominence|fullness)
        (?:prominence|fullness) of (?:the )?(?:superior )?mediastin\w+
        """,
    ),
    (
        "Enlarged Cardiomediastinum",
        Mention.POSITIVE,
        r"""
        mediastinal (?:widening|enlargement) | wide(?:ned)? mediastinum
        (?:widening|enlargement) of (?:the )?(?:superior |upper )?mediastin\w+(?: <silhouette>)?
        """,
    ),
    # Congestion and septal lines are signs of edema; alone they are uncertain, as in CheXpert.
    (
        "Edema",
        Mention.UNCERTAIN,
        r"""
        (?:pulmonary |central |cardiac )*(?:<vessels> )*congestion
        interstitial congestion | perihilar congestion
        (?:pulmonary )?<vessels> (?:prominence|indistinctness|engorgement|plethora)
        prominen(?:ce|t) (?:of )?(?:the )?(?:central )?(?:pulmonary )?vascul\w+
        (?:engorged|indistinct) (?:pulmonary )?vascul\w+ | indistinctness | engorgement
        kerley(?:[ -]b)?(?: septal)?(?: lines?)? | b[ -]lines?
        (?:thickened )?(?:inter|intra)?(?:lobular )?septal (?:lines?|thickening)
        """,
    ),
    (
        "Edema",
        Mention.POSITIVE,
        r"edema\w* | oedema | (?:congestive )?(?:heart|cardiac) failure | chf",
    ),
    ("", Mention.POSITIVE, r"pericardial (?:effusion|fluid)s?"),
    ("Pneumothorax, Pleural Effusion", Mention.POSITIVE, r"hydro<hyphen>pneumothora\w+"),
    (
        "Pneumothorax",
        Mention.POSITIVE,
        r"(?:ha?emo)?pneumo<hyphen>thora(?:x|xes|ces|cies) | ptx | pleural air",
    ),
    (
        "Pleural Effusion",
        Mention.POSITIVE,
        r"""
        (?:pleural )?effusions? | pleural[ -](?:based )?fluid | hydrothora\w+
        (?:subpulmonic|loculated|fissural) fluid
        fluid (?:with)?in (?:\w+ ){0,4}(?:fissure|pleural space)s?
        """,
    ),
    (
        "Pleural Other",
        Mention.POSITIVE,
        r"""
        <pleura>[ -/]*(?:and |or )?(?:parenchymal |apical |pericardial |based )?thickening
        <pleura>[ -/]*(?:and |or )?(?:parenchymal |apical |pericardial |based )?scar\w*
        <pleura>[ -/]*(?:fibrosis|plaques?|reaction|calcifications?|disease|tags?|mass(?:es)?)
        (?:thickening|scarring|calcification) of (?:the )?(?:\w+ )?pleura
        thickened (?:\w+ )?pleura
        (?:bi)?apical(?: pleural)? (?:cap(?:ping|s)?|thickening) | fibrothorax | pleural abnormality
        (?:pulmonary |lung |interstitial |parenchymal |post<hyphen>radiation )*fibrosis
        fibrotic (?:change|scar\w*|disease)s?
        """,
    ),
    (
        "Atelectasis",
        Mention.POSITIVE,
        r"atelecta\w* | (?:lobar |lung )?collapsed?(?! (?:of )?(?:the )?vertebra)",
    ),
    # The traces of an old infection are no pneumonia.
    (
        "",
        Mention.POSITIVE,
        r"(?:granulomatous|tubercul\w+|old|prior|previous) (?:\w+ )?infections?",
    ),
    (
        "Pneumonia",
        Mention.POSITIVE,
        r"(?:broncho)?pneumoni(?:a|as|c|ae) | infecti\w+(?: (?:process|etiolog|disease)\w*)?",
    ),
    ("Consolidation", Mention.POSITIVE, r"(?:air<hyphen>space |alveolar |lobar )?consolidat\w+"),
    # What is calcified, in the bones or outside the lung is no lung lesion.
    (
        "",
        Mention.POSITIVE,
        r"""
        calcified (?:\w+ )?(?:granuloma|nod|lymph|mediastin|hilar)\w*(?: nod\w+| dens\w+)?
        granuloma\w* | (?:bone|bony|osseous|rib|blastic|lytic|sclerotic) (?:lesion|mass|nodul)\w*
        (?:enlarged )?(?:mediastinal|hilar) (?:lymph ?)?(?:nodes?|adenopathy)
        (?:pericardial|thyroid|breast|chest wall|hiatal) mass(?:es)?
        """,
    ),
    (
        "Lung Lesion, Lung Opacity",
        Mention.POSITIVE,
        r"<nodular>[ ,]+(?:\w+ )?(?:air<hyphen>space )?opaci\w+",
    ),
    (
        "Lung Lesion",
        Mention.POSITIVE,
        r"""
        (?:micro)?nodul(?:e|es|arity) | nodular (?:densit|lesion|focus|foci|area)\w*
        (?:rounded|mass<hyphen>like) densit\w+ | mass(?:es)? | lumps?
        <lung_part> lesions? | (?:cavit\w+|suspicious|focal|nodular|spiculated|lobe) lesions?
        space[ -]occupying lesions?
        (?:adeno)?carcinomas? | neoplas\w+ | tumou?rs? | malignan\w+ | (?:lung|bronchogenic) cancer
        cavit(?:y|ies|ary lesions?) | metast\w+(?: disease)?
        """,
    ),
    (
        "Lung Opacity",
        Mention.POSITIVE,
        r"""
        opaci\w+ | (?:focal |alveolar )?infiltrat\w+ | ground<hyphen>glass(?: opaci\w+)? | haziness
        (?:air<hyphen>space|interstitial|parenchymal) (?:lung )?(?:disease|process|change)\w*
        (?:air<hyphen>space|interstitial|parenchymal) (?:abnormalit|infiltrat|densit)\w*
        increased (?:lung |pulmonary |retrocardiac |basilar )?densit(?:y|ies)
        decreased translucency | <shade> densit\w+ | confluent densit\w+
        interstitial (?:lung|prominence|thickening|pattern|coarsening|reticula\w+)(?: disease)?
        (?:interstitial|lung|pulmonary) (?:interstitial )?thickening
        reticul\w+(?:<hyphen>nodular)?(?: (?:pattern|marking|densit|opacit|change)\w*)?
        (?:peri)?bronch(?:ial|o)?\w*(?: wall)? thickening | wall thickening
        (?:parenchymal |pulmonary |lung )?scar(?:s|ring|red)? | cicatri\w+
        <raised> (?:\w+ ){0,3}<tissue>(?: \w+)? (?:markings?|changes)
        """,
    ),
    ("Fracture", Mention.POSITIVE, r"(?:micro)?fractur\w*"),
    (
        "Support Devices",
        Mention.POSITIVE,
        r"""
        (?:cardiac |(?:dual|single)[ -]\w+ |av )*<pacer>\w*(?: (?:lead|wire|device|pack)s?)?
        aicds? | icds? | (?:<site> )*<line>s?(?:[ /]<line>s?)?(?! volume) | piccs? | swan[ -]ganz
        ett | tracheostom\w+ | port<hyphen>a<hyphen>cath\w* | medi<hyphen>ports?
        (?:infusion |chest |central venous )*ports?(?: reservoirs?)?
        (?:<valve> )*valves?(?! calcif|\w* annul)(?: (?:replacement|prosthes\w+|repair))?
        hardware | arthroplast\w+ | prosthes[ie]s | prosthetic | screws? | plates? | rods? | coils?
        apparatus | equipment | devices? | electrodes? | leads? | stents? | markers?
        implant(?:s|ed)?
        support (?:lines|devices|tubes) | balloon pump | lvad | vad | ecmo
        (?:median )?(?:sternotomy |sternal |cerclage |pacing |surgical )?wires?
        (?:spinal|spine|posterior|anterior|cervical|lumbar|thoracic|interbody) fusion
        (?:loop|event) recorder
        """,
    ),
)

MENTIONS: tuple[tuple[tuple[int, ...], Mention, str], ...] = tuple(
    (
        tuple(OBSERVATIONS.index(name) for name in names.split(", ")) if names else (OTHER,),
        default,
        pattern(block, _NAMES),
    )
    for names, default, block in _ROWS
)
"""Columns, what a bare mention asserts, and the pattern."""
