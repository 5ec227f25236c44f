"""Plans are plain files: which are taken and which are not needs neither library nor GPU."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cxr_edge.engines.tensorrt_cache import (
    Found,
    PlanKey,
    default_folder,
    hashes,
    look_up,
    store,
)
from cxr_edge.errors import OutputError

PLAN = bytes(range(256)) * 9
KEY = PlanKey(
    backend="tensorrt",
    version="11.4.0",
    model="ab" * 32,
    weights={"image.data": "cd" * 32},
    profiles={"batch": [1, 8, 64]},
    flags=["strongly-typed"],
    device="NVIDIA A card 8.9",
    driver=580,
    system="Linux x86_64",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store(tmp_path / "engines", KEY, PLAN, {"MATRIX_MULTIPLY": {"HALF": 4}})
    return tmp_path / "engines"


def test_what_was_stored_is_found(folder: Path) -> None:
    assert look_up(folder, KEY) == Found("hit", PLAN, "")
    assert folder.stat().st_mode & 0o077 == 0
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".plan"]


def test_an_empty_cache_misses(tmp_path: Path) -> None:
    assert look_up(tmp_path / "nowhere", KEY).state == "missing"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "11.4.1"},
        {"weights": {"image.data": "ef" * 32}},
        {"profiles": {"batch": [1, 8, 32]}},
        {"driver": 590},
        {"system": "Windows AMD64"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_plan_of_another_key_is_stale_and_says_why(folder: Path, change: dict) -> None:
    key = replace(KEY, **change)
    found = look_up(folder, key)
    assert (found.state, found.plan) == ("stale", None)
    (name,) = change
    assert found.why == f"{name} was {getattr(KEY, name)!r}, now {change[name]!r}"
    store(folder, key, b"built again", {})
    assert look_up(folder, key) == Found("hit", b"built again", "")
    assert look_up(folder, KEY).state == "stale"
    assert len(list(folder.iterdir())) == 2  # in the place of the old one


@pytest.mark.parametrize(
    "change",
    [{"model": "00" * 32}, {"device": "Another 9.0"}, {"flags": []}, {"backend": "tensorrt_rtx"}],
)
def test_another_network_or_gpu_has_its_own_plan(folder: Path, change: dict) -> None:
    other = replace(KEY, **change)
    assert look_up(folder, other).state == "missing"
    store(folder, other, b"another", {})
    assert look_up(folder, other).plan == b"another"
    assert look_up(folder, KEY).plan == PLAN


@pytest.mark.parametrize("place", [0, len(PLAN) // 2, len(PLAN) - 1])
def test_a_changed_byte_is_corrupt(folder: Path, place: int) -> None:
    path = folder / f"{KEY.stem}.plan"
    changed = bytearray(PLAN)
    changed[place] ^= 1
    path.write_bytes(changed)
    found = look_up(folder, KEY)
    assert (found.state, found.plan) == ("corrupt", None)


def test_a_plan_cut_short_is_corrupt(folder: Path) -> None:
    (folder / f"{KEY.stem}.plan").write_bytes(PLAN[:-1])
    assert look_up(folder, KEY).state == "corrupt"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": "cxr-edge/plan/1"}', "\x00"])
def test_a_side_car_that_is_none_is_corrupt(folder: Path, text: str) -> None:
    (folder / f"{KEY.stem}.json").write_text(text)
    assert look_up(folder, KEY).state == "corrupt"


def test_a_side_car_without_a_hash_takes_no_plan(folder: Path) -> None:
    side = folder / f"{KEY.stem}.json"
    record = json.loads(side.read_text())
    del record["sha256"]
    side.write_text(json.dumps(record))
    assert look_up(folder, KEY).state == "corrupt"


def test_a_side_car_of_another_schema_is_stale(folder: Path) -> None:
    side = folder / f"{KEY.stem}.json"
    side.write_text(side.read_text().replace("cxr-edge/plan/1", "cxr-edge/plan/9"))
    assert look_up(folder, KEY).state == "stale"


def test_a_plan_without_side_car_is_missing(folder: Path) -> None:
    (folder / f"{KEY.stem}.json").unlink()
    assert look_up(folder, KEY).state == "missing"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    found = look_up(folder, KEY)
    assert (found.state, found.plan) == ("unsafe", None)
    assert f"chmod go-w {folder}" in found.why
    with pytest.raises(OutputError, match="others may write"):
        store(folder, KEY, PLAN, {})


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*choose another folder"):
        store(tmp_path / "file", KEY, PLAN, {})


def test_a_write_that_fails_leaves_nothing(folder: Path) -> None:
    (folder / f"{KEY.stem}.json").unlink()
    (folder / f"{KEY.stem}.json").mkdir()  # the rename onto it fails
    (folder / f"{KEY.stem}.json" / "in the way").write_text("")
    with pytest.raises(OutputError):
        store(folder, KEY, PLAN, {})
    assert not [path for path in folder.iterdir() if path.name.endswith(".partial")]


def test_hashes_are_those_of_the_bytes() -> None:
    # SHA-256 of "abc" and of nothing: FIPS 180-4, examples of NIST.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashes(b"abc", {"w": b""}) == (abc, {"w": nothing})


def test_where_plans_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXR_EDGE_ENGINES", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("CXR_EDGE_ENGINES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "cxr-edge" / "engines"
