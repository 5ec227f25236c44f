"""The page: self-contained, readable by machine and by ear, complete."""

import sys
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from cxr_edge.benchmarks.pictures.page import render
from cxr_edge.types import DISCLAIMER

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Elements with their attributes, and the text within each kind of element."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.words.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.words[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page_bytes(drawn_record: dict[str, Any], synthetic_record: dict[str, Any]) -> bytes:
    return render([("phantom", drawn_record), ("made up", synthetic_record)])


@pytest.fixture(scope="module")
def page(page_bytes: bytes) -> Page:
    return Page(page_bytes)


def test_nothing_is_fetched_and_nothing_runs(page: Page, page_bytes: bytes) -> None:
    tags = {name for name, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for name, attributes in page.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), (name, key)
            if key in ("href", "src", "xlink:href"):
                assert value is not None
                assert value.startswith("#")
    policy = {one.get("http-equiv"): one.get("content") for one in page.all("meta")}
    assert policy["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    text = page_bytes.decode()
    assert "@import" not in text
    urls = [part.split(")")[0] for part in text.split("url(")[1:]]
    assert all(url.startswith("#") for url in urls)


def test_identifiers_are_unique_and_what_points_to_them_finds_them(page: Page) -> None:
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(set(ids)) == len(ids)
    for _, attributes in page.elements:
        for target in (attributes.get("aria-labelledby") or "").split():
            assert target in ids


def test_it_can_be_read_aloud(page: Page) -> None:
    [html] = page.all("html")
    assert html["lang"] == "en"
    assert page.words["title"][0]
    headings = [int(name[1]) for name, _ in page.elements if name in ("h1", "h2", "h3", "h4")]
    assert headings.count(1) == 1
    assert headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
    assert len(page.all("th")) > 50
    assert {one.get("scope") for one in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table"))
    figures = len(page.all("figure"))
    drawings = [one for one in page.all("svg") if one.get("role") == "img"]
    assert figures == len(page.all("figcaption")) == len(drawings) == 6
    assert all(one.get("aria-labelledby") for one in drawings)


def test_what_must_be_said_is_said(page: Page, drawn_record: dict[str, Any]) -> None:
    words = page.words["body"][0]
    assert words.count(DISCLAIMER) == 2
    assert "does not say what its clock covered" in words
    machine = drawn_record["machine"]
    for told in (machine["date"], machine["processor"], machine["packages"]["numpy"], "cxr-bench"):
        assert told in words
    assert "needs CheXbert" in words
    assert "a test" in words
    for row in drawn_record["results"]["rows"]:
        assert row["system"] in words
    for claim in drawn_record["results"]["paper"]:
        assert claim["ours"] in words


def test_text_of_a_record_cannot_become_markup(drawn_record: dict[str, Any]) -> None:
    attack = "</title><script>alert(1)</script><b onclick='x'>&amp;"
    record = {
        **drawn_record,
        "subject": {"studies": attack, attack: [attack]},
        "notes": [attack],
        "arguments": [attack],
    }
    found = Page(render([(attack, record)]))
    assert not {"script", "b"} & {name for name, _ in found.elements}
    assert found.words["li"][0] == attack


def test_without_the_library_the_tables_stay(
    drawn_record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = Page(render([("phantom", drawn_record)]))
    assert found.all("figure") == []
    assert len(found.all("table")) == 6
    assert "pip install 'cxr-edge[bench]'" in found.words["body"][0]
