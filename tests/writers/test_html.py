"""The page: well formed, self-contained, escaped; its picture against Pillow."""

import dataclasses
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import DISCLAIMER
from cxr_edge.writers import get_writer
from cxr_edge.writers.png import encode_grey

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects elements and text, and checks that every element is closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def page_of(report) -> Page:
    return Page(get_writer("html").render(report).decode())


def test_page_reads_disclaimer_draft_evidence_and_probabilities(report):
    text = page_of(report).text
    assert text.index(DISCLAIMER) < text.index(report.findings) < text.index(report.impression)
    for hit in report.sentences:
        assert hit.text in text
        assert hit.source in text
    for name, value in zip(OBSERVATIONS, report.probabilities, strict=True):
        assert name in text
        assert f"{value:.3f}" in text
    assert text.count("muted") == len(report.muted)


def test_page_needs_nothing_from_outside(report):
    source = get_writer("html").render(report).decode()
    page = Page(source)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "form", "a", "base"}
    addresses = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert [address[:22] for address in addresses] == ["data:image/png;base64,"]
    assert not re.search(r"https?:|url\(|@import", source)
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)


def test_hostile_text_stays_text(report):
    attack = "\"'><script>alert(1)</script><img src=x onerror=1>&lt;"
    hit = dataclasses.replace(report.sentences[0], text=attack, source=attack)
    study = dataclasses.replace(report.study, view=attack, study_instance_uid=attack)
    hostile = dataclasses.replace(
        report,
        study=study,
        findings=attack,
        impression=attack,
        sentences=(hit,),
        notes=(attack,),
        warnings=(attack,),
        provenance={**report.provenance, attack: attack},
    )
    page = page_of(hostile)
    plain = page_of(report)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain.elements}
    assert page.text.count(attack) >= 8


def test_page_without_picture_evidence_or_notes(report):
    bare = dataclasses.replace(
        report, picture=None, sentences=(), notes=(), warnings=(), findings="", impression=""
    )
    page = page_of(bare)
    assert "img" not in {tag for tag, _ in page.elements}
    assert page.text.count("None drafted.") == 2


def test_picture_in_the_page_is_the_picture_of_the_report(report):
    (image,) = (attributes for tag, attributes in page_of(report).elements if tag == "img")
    decoded = Image.open(BytesIO(b64decode(image["src"].split(",")[1])))
    assert (decoded.width, decoded.height) == (int(image["width"]), int(image["height"]))
    np.testing.assert_array_equal(np.asarray(decoded), report.picture)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_pillow_decodes_our_png_to_the_same_pixels(height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    decoded = Image.open(BytesIO(encode_grey(picture)))
    assert decoded.mode == "L"
    np.testing.assert_array_equal(np.asarray(decoded), picture)


@pytest.mark.parametrize("order", ["C", "F"])
def test_png_of_a_strided_view(order):
    base = np.asarray(np.arange(400).reshape(20, 20) % 251, dtype=np.uint8, order=order)
    decoded = Image.open(BytesIO(encode_grey(base[::2, 1::3])))
    np.testing.assert_array_equal(np.asarray(decoded), base[::2, 1::3])
