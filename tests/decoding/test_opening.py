"""What a manifest may say of a decoder, and how a wrong one is refused."""

import pytest

from cxr_edge.decoding import CachedDecoder, SentenceDecoder, open_decoder
from cxr_edge.errors import BundleError

CACHED = {"kind": "cached", "start": 0, "end": 0, "limit": 9, "beams": 3}
SENTENCES = {"kind": "sentences", "start": 1, "end": 3, "sentences": 4, "words": 8, "beams": 1}


def test_each_kind_takes_its_own_networks() -> None:
    asked: list[str] = []
    cached = open_decoder(CACHED, asked.append)
    assert isinstance(cached, CachedDecoder)
    assert (cached.start, cached.end, cached.limit, cached.beams) == (0, 0, 9, 3)
    written = open_decoder(SENTENCES, asked.append)
    assert isinstance(written, SentenceDecoder)
    assert (written.start, written.end) == (1, 3)
    assert (written.sentences, written.words, written.beams) == (4, 8, 1)
    assert asked == ["prefill", "step", "sentence", "word"]


@pytest.mark.parametrize("entry", [CACHED, SENTENCES])
@pytest.mark.parametrize("value", [None, -1, 2.0, "3", True])
def test_every_number_is_needed(entry: dict[str, object], value: object) -> None:
    for name in entry:
        if name == "kind":
            continue
        with pytest.raises(BundleError, match=f"decoding: {name} is") as refusal:
            open_decoder({**entry, name: value}, lambda role: None)
        assert "export the bundle again" in str(refusal.value)
    with pytest.raises(BundleError, match="beams is 0"):
        open_decoder({**entry, "beams": 0}, lambda role: None)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BundleError, match="kind 'diffusion' is unknown: expected cached or"):
        open_decoder({**CACHED, "kind": "diffusion"}, lambda role: None)
