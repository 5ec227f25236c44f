"""Report methods on an index whose every row is known."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from cxr_edge.bundle import Bundle
from cxr_edge.errors import BundleError, MethodError
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.labelers import get_labeler
from cxr_edge.labels import OBSERVATIONS, Mention
from cxr_edge.methods import METHODS, Parts, get_method
from cxr_edge.methods.guided import UNNAMED
from cxr_edge.networks import Networks
from cxr_edge.types import Attribute, Draft, Encoding

P, N, U = Mention.POSITIVE, Mention.NEGATIVE, Mention.UNCERTAIN
NONE = Attribute.NONE

ROWS = [
    ("No acute cardiopulmonary abnormality.", {"No Finding": P}, NONE),
    ("The heart is enlarged.", {"Cardiomegaly": P}, NONE),
    ("The heart is severely enlarged.", {"Cardiomegaly": P}, Attribute.SEVERITY),
    ("The heart may be enlarged.", {"Cardiomegaly": U}, NONE),
    ("Normal heart size.", {"Cardiomegaly": N, "No Finding": P}, NONE),
    ("There is a pleural effusion.", {"Pleural Effusion": P}, NONE),
    ("There is a left pleural effusion.", {"Pleural Effusion": P}, Attribute.SIDE),
    ("The effusion is unchanged.", {"Pleural Effusion": P}, Attribute.COMPARISON),
    ("No pleural effusion.", {"Pleural Effusion": N, "No Finding": P}, NONE),
    ("No effusion or opacity.", {"Pleural Effusion": N, "Lung Opacity": N, "No Finding": P}, NONE),
    ("No lung opacity.", {"Lung Opacity": N, "No Finding": P}, NONE),
    ("There is atelectasis.", {"Atelectasis": P}, NONE),
    ("Effusion and atelectasis.", {"Atelectasis": P, "Pleural Effusion": P}, NONE),
    ("No pneumothorax.", {"Pneumothorax": N, "No Finding": P}, NONE),
    ("There is a pneumothorax.", {"Pneumothorax": P}, NONE),
    ("A pacemaker is present.", {"Support Devices": P, "No Finding": P}, NONE),
    ("No lines.", {"Support Devices": N, "No Finding": P}, NONE),
    ("Normal mediastinum.", {"Enlarged Cardiomediastinum": N, "No Finding": P}, NONE),
]


def encoded(bundle: Bundle, probabilities: dict[str, float], seed: int = 0) -> Encoding:
    values = np.full(14, 0.3, np.float32)
    for name, value in probabilities.items():
        values[OBSERVATIONS.index(name)] = value
    vector = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return Encoding(vector, bundle.space, values)


def drafted(
    method: str,
    bundle: Bundle,
    index: SentenceIndex,
    probabilities: dict[str, float],
    k: int = 6,
    seed: int = 0,
) -> Draft:
    encoding = encoded(bundle, probabilities, seed)
    chosen = get_method(method)(Parts(bundle, index, Networks(bundle), k))
    return chosen.compose(encoding, chosen.search(encoding))


@pytest.fixture
def index(make_index: Callable[..., SentenceIndex]) -> SentenceIndex:
    return make_index(ROWS)


def gates(**changes: dict[str, object]) -> dict[str, dict[str, object]]:
    gate = {"gate": 0.5, "clear": 0.2, "muted": False, "auroc": 0.8, "attributes": []}
    return {name: {**gate, **changes.get(name.replace(" ", "_"), {})} for name in OBSERVATIONS}


def texts(hits: tuple[object, ...]) -> list[str]:
    return [hit.text for hit in hits]  # type: ignore[attr-defined]


def test_guided_asserts_above_the_gate_and_denies_below_the_clear_line(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    picture = {
        "Cardiomegaly": 0.9,
        "Pleural Effusion": 0.1,
        "Pneumothorax": 0.19,
        "Atelectasis": 0.4,
    }
    draft = drafted("guided", make_bundle(), index, picture)
    assert texts(draft.findings)[0] == "The heart is enlarged."
    assert set(texts(draft.findings)[1:]) == {"No pleural effusion.", "No pneumothorax."}
    assert texts(draft.impression) == ["The heart is enlarged."]


def test_guided_keeps_details_to_itself_unless_the_bundle_allows_them(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    plain = drafted("guided", make_bundle(), index, {"Pleural Effusion": 0.9})
    assert texts(plain.impression) == ["There is a pleural effusion."]
    sided = make_bundle("sided", observations=gates(Pleural_Effusion={"attributes": ["side"]}))
    seen = {
        texts(drafted("guided", sided, index, {"Pleural Effusion": 0.9}, seed=s).impression)[0]
        for s in range(20)
    }
    assert seen == {"There is a pleural effusion.", "There is a left pleural effusion."}


def test_a_muted_observation_is_neither_asserted_nor_denied_and_named(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    bundle = make_bundle(observations=gates(Pneumothorax={"muted": True}))
    for probability in (0.01, 0.99):
        draft = drafted("guided", bundle, index, {"Pneumothorax": probability})
        assert not any("pneumothorax" in text for text in texts(draft.findings + draft.impression))
        assert draft.notes == (
            "Not detected by this model, neither asserted nor excluded here: Pneumothorax.",
        )


def test_what_contains_an_asserted_finding_is_not_denied(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    draft = drafted("guided", make_bundle(), index, {"Atelectasis": 0.9, "Lung Opacity": 0.01})
    assert texts(draft.findings) == ["There is atelectasis."]
    draft = drafted(
        "guided", make_bundle("b"), index, {"Cardiomegaly": 0.9, "Enlarged Cardiomediastinum": 0.01}
    )
    assert texts(draft.findings) == ["The heart is enlarged."]


def test_nothing_asserted_is_normal_only_if_no_finding_says_so(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    bundle = make_bundle()
    normal = drafted("guided", bundle, index, {"No Finding": 0.8})
    assert texts(normal.impression) == ["No acute cardiopulmonary abnormality."]
    unsure = drafted("guided", bundle, index, {"No Finding": 0.2})
    (said,) = unsure.impression
    assert said.row is None
    assert "abnormal" in said.text
    assert said.score == pytest.approx(0.8)


def test_a_device_is_asserted_and_never_denied(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    bundle = make_bundle()
    picture = {"Support Devices": 0.9, "No Finding": 0.9}
    draft = drafted("guided", bundle, index, picture)
    assert texts(draft.findings) == ["A pacemaker is present."]
    assert texts(draft.impression) == [
        "A pacemaker is present.",
        "No acute cardiopulmonary abnormality.",
    ]
    draft = drafted("guided", bundle, index, {"Support Devices": 0.0})
    assert texts(draft.findings) == []


def test_the_sentence_of_the_method_is_not_read_as_normal() -> None:
    """Labelers must not call a draft normal that says it is not."""
    labels = get_labeler("rules").label(UNNAMED)
    assert not labels.any()


def test_guided_never_contradicts_itself(
    make_bundle: Callable[..., Bundle], index: SentenceIndex
) -> None:
    bundle = make_bundle()
    names = ["Cardiomegaly", "Pleural Effusion", "Lung Opacity", "Atelectasis", "Pneumothorax"]
    for levels in itertools.product([0.05, 0.3, 0.9], repeat=len(names)):
        draft = drafted("guided", bundle, index, dict(zip(names, levels, strict=True)))
        labels = np.array([hit.labels for hit in draft.findings + draft.impression])[:, :13]
        assert not ((labels == P).any(axis=0) & (labels == N).any(axis=0)).any()
        assert not any(hit.attributes for hit in draft.findings + draft.impression)


def test_what_the_index_cannot_say_is_noted_and_never_called_normal(
    make_bundle: Callable[..., Bundle], make_index: Callable[..., SentenceIndex]
) -> None:
    draft = drafted(
        "guided", make_bundle(), make_index(ROWS[:1]), {"Cardiomegaly": 0.9, "No Finding": 0.9}
    )
    assert [hit.row for hit in draft.impression] == [None]
    assert any("no plain sentence to say it: Cardiomegaly" in note for note in draft.notes)


def test_select_stops_at_no_finding(
    make_bundle: Callable[..., Bundle], make_index: Callable[..., SentenceIndex]
) -> None:
    bundle = make_bundle()
    index = make_index([row for row in ROWS if "Finding" not in str(row[1]) or len(row[1]) == 1])
    for seed in range(30):
        best = index.search(encoded(bundle, {}, seed), 4)
        draft = drafted("select", bundle, index, {}, k=4, seed=seed)
        says_normal = best[0].labels[OBSERVATIONS.index("No Finding")] == P
        assert draft.impression == (best[:1] if says_normal else best)


@pytest.mark.parametrize("k", [1, 2, 6])
def test_top_k_is_the_sorted_head(
    make_bundle: Callable[..., Bundle], index: SentenceIndex, k: int
) -> None:
    bundle = make_bundle()
    draft = drafted("top-k", bundle, index, {}, k=k)
    order = np.argsort(-index.scores(encoded(bundle, {})), kind="stable")[:k]
    assert [hit.row for hit in draft.impression] == list(order)


def test_report_needs_reports_and_the_others_sentences(
    make_bundle: Callable[..., Bundle], make_index: Callable[..., SentenceIndex]
) -> None:
    bundle = make_bundle()
    reports, sentences = make_index(ROWS, unit="report"), make_index(ROWS)
    draft = drafted("report", bundle, reports, {})
    assert len(draft.impression) == 1
    for name in METHODS:
        if not get_method(name).needs_index:
            continue
        wrong = sentences if name == "report" else reports
        with pytest.raises(MethodError, match=r"cxr-index build --(unit|key image)"):
            get_method(name)(Parts(bundle, wrong, Networks(bundle), 6))


def test_a_retrieved_comparison_is_pointed_out(
    make_bundle: Callable[..., Bundle], make_index: Callable[..., SentenceIndex]
) -> None:
    index = make_index([ROWS[7]])
    draft = drafted("top-k", make_bundle(), index, {})
    assert any("earlier study" in note for note in draft.notes)


def test_an_unknown_method_is_named_with_the_known_ones() -> None:
    with pytest.raises(MethodError, match="known: guided, select, top-k, report"):
        get_method("oracle")


@pytest.mark.parametrize("method", ["generate", "describe"])
def test_writing_needs_a_decoder_and_its_words(
    make_bundle: Callable[..., Bundle], method: str
) -> None:
    bundle = make_bundle()
    with pytest.raises(MethodError, match=f"method {method} needs a decoder, which tiny"):
        get_method(method)(Parts(bundle, None, Networks(bundle), 6))
    decoding = {"kind": "cached", "start": 0, "end": 0, "limit": 9, "beams": 3}
    wordless = make_bundle("wordless", decoding=decoding)
    assert wordless.default_method == "generate"
    with pytest.raises(MethodError, match="cxr-export --tokenizer FILE"):
        get_method(method)(Parts(wordless, None, Networks(wordless), 6))
    incomplete = make_bundle("incomplete", decoding=decoding, tokenizer={"kind": "words"})
    with pytest.raises(BundleError, match="no prefill network"):
        get_method(method)(Parts(incomplete, None, Networks(incomplete), 6))


@pytest.mark.parametrize("method", ["guided", "select", "top-k", "report"])
def test_retrieving_needs_an_index(make_bundle: Callable[..., Bundle], method: str) -> None:
    bundle = make_bundle()
    with pytest.raises(MethodError, match=r"needs an index of (sentence|report)s; name one with"):
        get_method(method)(Parts(bundle, None, Networks(bundle), 6))
