"""What stands in the pictures: text, positions, nothing from elsewhere, always the same bytes."""

import re
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from cxr_edge.benchmarks.claims.result import Row
from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.pictures.canvas import Picture
from cxr_edge.benchmarks.pictures.gallery import Gallery, draw
from cxr_edge.benchmarks.pictures.roofline import Roof, Run, read_roofline, roofline
from cxr_edge.benchmarks.pictures.rows import read_rows
from cxr_edge.benchmarks.pictures.tradeoff import levels, methods
from cxr_edge.benchmarks.record import RecordError

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


def network(batch: str, operations: float, p50: dict[str, float]) -> dict[str, Any]:
    """As ``benchmarks/gpu.sh`` records a network."""
    return {
        "work": {batch: {"operations": operations, "bytes": 1e6, "least_ms": None}},
        "engines": {name: {"batches": {batch: {"p50": ms}}} for name, ms in p50.items()},
    }


ROOF = {
    "device": "a device",
    "rates": {"device": 1e10, "operations": 1e11, "upload": 1e9},
    "networks": {
        "memory-bound": network(
            "1", 2e6, {"cuda fp16": 0.2, "tensorrt fp16": 0.3, "cuda fp32": 0.01}
        ),
        "compute-bound": network("8", 1e8, {"tensorrt fp16": 4.0, "torch eager fp16": 1.0}),
    },
}


@pytest.fixture(scope="module")
def gallery(drawn_record: dict[str, Any]) -> Gallery:
    return draw(drawn_record, "Phantom run")


@pytest.fixture(scope="module")
def by_kind(gallery: Gallery) -> dict[str, Picture]:
    return {one.name.removeprefix("phantom-run-"): one for one in gallery.pictures}


def root(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg)


def texts(element: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in element.iter(f"{SVG}text")]


def panels(picture: Picture) -> list[ElementTree.Element]:
    return [one for one in root(picture).iter(f"{SVG}g") if "-axes_" in one.get("id", "")]


def markers(panel: ElementTree.Element) -> np.ndarray:
    """Centres of the points of a panel in the order drawn, without the ticks of its axes."""
    found = []
    for group in panel:
        if re.search(r"-line2d_\d+$", group.get("id", "")):
            found += [
                (float(u.get("x", "")), float(u.get("y", ""))) for u in group.iter(f"{SVG}use")
            ]
    return np.array(found)


def worst_residual(x: np.ndarray, y: np.ndarray) -> float:
    """Largest distance of points from the straight line that fits them best."""
    return float(np.abs(np.polyval(np.polyfit(x, y, 1), x) - y).max())


def test_every_kind_is_drawn_and_the_rest_is_explained(gallery: Gallery) -> None:
    names = [one.name for one in gallery.pictures]
    kinds = ("figure-3", "figure-4", "latency", "stages")
    assert names == [f"phantom-run-{kind}" for kind in kinds]
    assert len(gallery.left_out) == 1
    assert "roofline is left out" in gallery.left_out[0]


def test_nothing_comes_from_elsewhere(gallery: Gallery) -> None:
    for picture in gallery.pictures:
        drawing = root(picture)
        kinds = {one.tag.removeprefix(SVG) for one in drawing.iter()}
        assert not kinds & {"image", "script", "foreignObject", "a"}
        ids = {one.get("id") for one in drawing.iter()}
        targets = [one.get(XLINK) for one in drawing.iter() if one.get(XLINK)]
        targets += re.findall(r"url\(([^)]+)\)", picture.svg.decode())
        assert {target.lstrip("#") for target in targets} <= ids


def test_text_is_text_and_large_enough_in_print(gallery: Gallery) -> None:
    for picture in gallery.pictures:
        drawing = root(picture)
        # 7 inches of 72 units: a unit is a point.
        assert float(drawing.get("viewBox", "").split()[2]) == pytest.approx(7 * 72)
        assert drawing.get("width") == "504pt"
        assert len(texts(drawing)) > 10
        styles = [one.get("style", "") for one in drawing.iter(f"{SVG}text")]
        sizes = [float(size) for style in styles for size in re.findall(r"([\d.]+)px", style)]
        assert len(sizes) >= len(styles)
        assert min(sizes) >= 8


def test_a_picture_is_named_and_described(gallery: Gallery) -> None:
    for picture in gallery.pictures:
        drawing = root(picture)
        assert drawing.get("role") == "img"
        found = {one.get("id"): one.text for one in drawing.iter()}
        title, description = drawing.get("aria-labelledby", "").split()
        assert found[title] == picture.title
        assert found[description] == picture.alt
        assert len(picture.alt) > 80


def test_nothing_is_cut_off(gallery: Gallery) -> None:
    for picture in gallery.pictures:
        pixels = np.asarray(Image.open(BytesIO(picture.png)).convert("L"))
        frame = [pixels[:4].min(), pixels[-4:].min(), pixels[:, :4].min(), pixels[:, -4:].min()]
        assert min(frame) == 255


def test_the_library_does_not_sign(gallery: Gallery) -> None:
    """Neither its version nor the hour; test_picture_commands.py compares whole files."""
    for picture in gallery.pictures:
        told = picture.svg.lower().replace(b"matplotlib.axis", b"")
        assert b"matplotlib" not in told
        assert b"dc:date" not in told
        assert b"matplotlib" not in picture.png.lower()


def test_two_pictures_share_no_identifier(gallery: Gallery) -> None:
    ids = [one.get("id") for p in gallery.pictures for one in root(p).iter() if one.get("id")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kind", ["figure-3", "figure-4"])
def test_f1_of_the_rules_never_shares_an_axis_with_the_papers(
    by_kind: dict[str, Picture], kind: str
) -> None:
    theirs, ours = panels(by_kind[kind])
    assert "F1 (CheXbert)" in texts(theirs)
    assert "label F1 (rules)" not in texts(theirs)
    assert "label F1 (rules)" in texts(ours)
    assert "F1 (CheXbert)" not in texts(ours)
    assert "not the same quantity" in by_kind[kind].caption


def test_f1_of_chexbert_stands_beside_the_papers(chexbert_record: dict[str, Any]) -> None:
    rows = read_rows(chexbert_record)
    for picture in (levels(rows, "studies"), methods(rows, "studies")):
        assert picture is not None
        [panel] = panels(picture)
        assert "F1 (CheXbert)" in texts(panel)
        assert "label F1 (rules)" not in "".join(texts(root(picture)))


def test_figure_4_puts_points_where_the_figures_say(
    by_kind: dict[str, Picture], drawn_rows: list[Row]
) -> None:
    """Heights are a straight line in F1 and, over both panels, places one in log seconds."""
    theirs, ours = (markers(panel) for panel in panels(by_kind["figure-4"]))
    known = sorted(paper.METHODS, key=lambda p: p.seconds or np.inf)
    assert worst_residual(np.array([p.f1 for p in known]), theirs[:, 1]) < 0.01
    rows = [row for row in drawn_rows if row.level == 0.15]
    seconds = [500 * np.mean(row.stages_ms["total"]) / 1e3 for row in rows]
    timed = [p.seconds for p in known if p.seconds]
    along = np.concatenate([theirs[: len(timed), 0], np.sort(ours[:, 0])])
    assert worst_residual(np.log10([*timed, *sorted(seconds)]), along) < 0.01
    # What the paper gives no time for stands on the right edge.
    assert len(set(np.round(theirs[len(timed) :, 0], 3))) == 1
    assert theirs[-1, 0] > along.max()


def test_figure_3_names_every_level_with_its_corpus(by_kind: dict[str, Picture]) -> None:
    words = texts(root(by_kind["figure-3"]))
    for word in ("0 %", "15 %", "6,465", "44", "7,510", "331,007", "42", "120"):
        assert word in words
    assert "0.310 (0.260–0.350)" in words


def test_latency_marks_the_percentiles(by_kind: dict[str, Picture], drawn_rows: list[Row]) -> None:
    """Places are a straight line in log ms, heights one in percent, within a row."""
    [panel] = panels(by_kind["latency"])
    marks = markers(panel)[: 3 * len(drawn_rows)]
    wanted = [np.percentile(row.stages_ms["total"], q) for row in drawn_rows for q in (50, 95, 99)]
    assert worst_residual(np.log10(wanted), marks[:, 0]) < 0.01
    for heights in marks[:, 1].reshape(-1, 3):
        assert worst_residual(np.array([50, 95, 99]), heights) < 0.01


def test_bars_are_as_long_as_the_stages_take(
    by_kind: dict[str, Picture], drawn_rows: list[Row]
) -> None:
    """Lengths in the picture, in the milliseconds of its own axis."""
    panel = panels(by_kind["stages"])[0]
    groups = {one.get("id", ""): one for one in panel.iter(f"{SVG}g")}
    ticks = [
        (float("".join(texts(one))), float(next(one.iter(f"{SVG}use")).get("x", "")))
        for name, one in groups.items()
        if "-xtick_" in name
    ]
    (low, left), (high, right) = ticks[0], ticks[-1]
    lengths = []
    for name, group in groups.items():
        if re.search(r"-patch_\d+$", name):
            for path in group.iter(f"{SVG}path"):
                x = [float(one) for one in re.findall(r"[ML] ([-\d.]+) ", path.get("d", ""))]
                lengths.append((max(x) - min(x)) * (high - low) / (right - left))
    stages = ("read", "preprocess", "encode", "search", "compose", "write", "total")
    wanted = [np.mean(row.stages_ms[stage]) for row in drawn_rows for stage in stages]
    drawn = np.array(lengths)
    assert max(np.abs(drawn - value).min() for value in wanted) < 0.001 * max(wanted)


def test_made_up_vectors_have_no_quality(synthetic_record: dict[str, Any]) -> None:
    found = draw(synthetic_record, "made up")
    assert [one.name for one in found.pictures] == ["made-up-latency", "made-up-stages"]
    assert "Figures 3 and 4" in found.left_out[0]
    assert any("(synthetic)" in text for text in texts(root(found.pictures[0])))


def test_baselines_that_draft_our_sentences_have_our_scores(
    drawn_record: dict[str, Any], by_kind: dict[str, Picture]
) -> None:
    rows = [dict(row) for row in drawn_record["results"]["rows"]]
    rows[2]["scores"], rows[2]["level"] = [], 0.15
    changed = {**drawn_record, "results": {**drawn_record["results"], "rows": rows}}
    picture = methods(read_rows(changed), "studies")
    assert picture is not None
    words = texts(root(picture))
    assert words.count("0.270 (0.220–0.310)") == 2


def test_the_roofline_says_what_part_of_it_is_reached(drawn_record: dict[str, Any]) -> None:
    """By hand: 2 op/B and 10 GB/s allow 20 Gop/s, 10 are done; 100 op/B allow 100, 25 are done."""
    record = {**drawn_record, "results": ROOF}
    found = draw(record, "gpu")
    [picture] = found.pictures
    assert "memory-bound, batch 1, cuda: 50 %" in texts(root(picture))
    assert "compute-bound, batch 8, tensorrt: 25 %" in texts(root(picture))
    assert found.left_out == []


def test_a_roofline_of_processors_is_of_single_precision() -> None:
    """The same by hand, of the runs whose names say so: 2 op/B allow 20 Gop/s, 5 are done."""
    networks = {"a network": network("1", 2e6, {"cpu fp32": 0.4, "cpu fp16": 0.1})}
    found = read_roofline({"results": {**ROOF, "precision": "fp32", "networks": networks}})
    assert found is not None
    picture = roofline(*found)
    assert "a network, batch 1, cpu: 25 %" in texts(root(picture))
    assert picture.title == "Roofline of a device, single precision"
    assert "single-precision matrix products" in picture.caption


def test_points_lie_under_the_roof_where_they_belong() -> None:
    found = read_roofline({"results": ROOF})
    assert found is not None
    roof, runs = found
    assert isinstance(roof, Roof)
    runs = [*runs, Run("third", "cuda", 1, 1e6, 1e7, 0.5)]
    [panel] = panels(roofline(roof, runs))
    points = markers(panel)[-3:]
    intensity, rate = np.log10([run.intensity for run in runs]), np.log10([r.rate for r in runs])
    assert worst_residual(intensity, points[:, 0]) < 0.01
    assert worst_residual(rate, points[:, 1]) < 0.01


@pytest.mark.parametrize(
    "change",
    [
        {"networks": {"x": {}}},
        {"networks": {"x": network("1", 0, {"cuda fp16": 1})}},
        {"rates": {"device": "fast", "operations": 1}},
        {"rates": []},
        {"precision": "fp7"},
    ],
)
def test_damaged_rates_are_an_error(change: dict[str, object]) -> None:
    with pytest.raises(RecordError, match=r"damaged .*gpu\.sh$"):
        read_roofline({"results": {**ROOF, **change}})


def test_without_rates_there_is_no_roofline() -> None:
    """As on a machine without a GPU."""
    rates = {"operations": 1e11}
    assert read_roofline({"results": {**ROOF, "rates": rates}}) is None
    refused = {"x": {**network("1", 1, {}), "engines": {"cuda fp16": {"refused": "why"}}}}
    assert read_roofline({"results": {**ROOF, "networks": refused}}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"stages_ms": {"read": [1.0]}},
        {"stages_ms": {"total": [0.0]}},
        {"stages_ms": {"total": ["slow"]}},
        {"scores": [{"name": "F1"}]},
        {"surprise": 1},
    ],
)
def test_a_damaged_row_is_one_line(drawn_record: dict[str, Any], change: dict[str, Any]) -> None:
    rows = [{**drawn_record["results"]["rows"][0], **change}]
    with pytest.raises(RecordError, match="a row of x is damaged") as caught:
        draw({**drawn_record, "results": {"rows": rows}}, "x")
    assert "\n" not in str(caught.value)


def test_a_record_of_another_command_is_refused(drawn_record: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="holds no rows of studies; give a file"):
        draw({**drawn_record, "results": {"sizes": {}}}, "x")
