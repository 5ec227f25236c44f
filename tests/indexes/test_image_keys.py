"""An index by image: its vectors are the pipeline's own, its drafts the nearest image's report."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cxr_edge import Pipeline
from cxr_edge.errors import MethodError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.search import SentenceIndex

IMAGES = 24


@pytest.fixture(scope="module")
def table(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of real frontal images, their reports, and one file that is no image."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 and nothing more")
    rows = [("broken.jpg", "Heart size is normal.")]
    with (shared_data / "openi" / "studies.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            study = json.loads(line)
            frontal = [i for i in study["images"] if i["projection"].lower() == "frontal"]
            if study["impression"] and frontal and "XXXX" not in study["impression"]:
                path = shared_data / "openi" / "images" / Path(frontal[0]["file"]).name
                rows.append((str(path), study["impression"]))
            if len(rows) > IMAGES:
                break
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("path", "report"), *rows])
    return folder / "table.csv"


def run(table: Path, out: Path, *more: str) -> Result:
    command = ["build", str(table), "--key", "image", "--keep-earlier-studies", *more]
    return CliRunner().invoke(index, [*command, "--out", str(out)])


@pytest.fixture(scope="module")
def built(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "index"
    done = run(table, out)
    assert done.exit_code == 0, done.output
    assert "dropped 1: image that cannot be read" in done.stderr
    return out


def test_the_vectors_are_the_pipelines_own(built: Path, table: Path) -> None:
    opened = SentenceIndex.open(built)
    with table.open(encoding="utf-8") as stream:
        paths = [row["path"] for row in csv.DictReader(stream)][1:]
    with Pipeline.load() as pipeline:
        own = np.stack([pipeline.encode(pipeline.read(path)).vector for path in paths])
    assert len(opened) == IMAGES
    np.testing.assert_allclose(opened.vectors, own, atol=1e-6)
    assert [opened.sources[row][1] for row in range(IMAGES)] == [Path(p).name for p in paths]


def test_the_draft_is_the_report_of_the_nearest_image(built: Path, shared_data: Path) -> None:
    opened = SentenceIndex.open(built)
    study = shared_data / "dicom" / "gdcm_CR-MONO1-10-chest.dcm"
    with Pipeline.load(index=built, method="nearest-image") as pipeline:
        report = pipeline.run(study)
        vector = pipeline.encode(pipeline.read(study)).vector
    nearest = int(np.argmax(opened.vectors.astype(np.float64) @ vector.astype(np.float64)))
    assert report.sentences[0].row == nearest
    assert report.impression == opened.texts[nearest]


def test_no_other_method_takes_it_and_it_takes_no_other(built: Path) -> None:
    with pytest.raises(MethodError, match="cxr-index build --key text"):
        Pipeline.load(index=built, method="report")
    with pytest.raises(MethodError, match="--unit report --key image"):
        Pipeline.load(method="nearest-image")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--compression", "0.15"), "merges nothing"),
        (("--min-frequency", "2"), "merges nothing"),
        (("--queries", "queries.npy"), "searched exactly"),
        (("--graph", "always"), "searched exactly"),
        (("--key", "text", "--view", "any"), "--view are for --key image"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    table: Path, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    done = run(table, tmp_path / "out", *more)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_not_one_readable_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    (tmp_path / "table.csv").write_text("path,report\nbroken.jpg,Heart size is normal.\n")
    done = run(tmp_path / "table.csv", tmp_path / "out")
    assert done.exit_code == 1
    assert "none of the 1 images can be read" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_killed_build_goes_on_with_the_same_bytes(
    built: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / built.name
    command = [sys.executable, "-m", "cxr_edge.indexes", "build", str(table), "--key", "image"]
    command += ["--keep-earlier-studies", "--out", str(out)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    journal = tmp_path / f"{out.name}.building" / "journal.json"
    until = time.monotonic() + 60
    while not journal.exists() and first.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not out.exists()
    subprocess.run(command, check=True, capture_output=True)
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    assert all((built / name).read_bytes() == (out / name).read_bytes() for name in names)
