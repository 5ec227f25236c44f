"""Directories that prove themselves."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from cxr_edge.errors import BundleError, OutputError
from cxr_edge.manifest import canonical, read_manifest, verified, write_directory

PAYLOAD = {"schema": "s/1", "number": 12.5, "name": "é", "list": [1, 2]}
FILES = {"a.bin": b"abc" * 100, "b.bin": b""}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    out = tmp_path / "thing"
    write_directory(out, "thing.json", PAYLOAD, FILES)
    return out


def read(directory: Path) -> dict[str, object]:
    return read_manifest(directory, "thing.json", "s/1", BundleError)


def test_what_was_written_is_read_back(directory: Path) -> None:
    manifest = read(directory)
    assert {k: manifest[k] for k in PAYLOAD} == PAYLOAD
    entry = manifest["files"]["a.bin"]  # type: ignore[index]
    assert entry == {"bytes": 300, "sha256": hashlib.sha256(FILES["a.bin"]).hexdigest()}
    verified(FILES["a.bin"], entry, directory / "a.bin", BundleError)


def test_every_changed_byte_of_the_manifest_is_noticed(directory: Path) -> None:
    path = directory / "thing.json"
    raw = path.read_bytes()
    for position in range(len(raw)):
        for flip in (0x01, 0x20):
            path.write_bytes(raw[:position] + bytes([raw[position] ^ flip]) + raw[position + 1 :])
            with pytest.raises(BundleError):
                read(directory)


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_a_truncated_manifest_is_noticed(directory: Path, cut: int) -> None:
    path = directory / "thing.json"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BundleError, match=r"damaged|schema"):
        read(directory)


def test_another_form_of_the_same_json_is_refused(directory: Path) -> None:
    path = directory / "thing.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(BundleError, match="damaged"):
        read(directory)


def test_foreign_missing_and_resized_files_are_noticed(directory: Path) -> None:
    (directory / "foreign").write_text("x")
    with pytest.raises(BundleError, match="does not belong there"):
        read(directory)
    (directory / "foreign").unlink()
    (directory / "a.bin").write_bytes(b"abc")
    with pytest.raises(BundleError, match="size"):
        read(directory)
    (directory / "a.bin").unlink()
    with pytest.raises(BundleError, match="missing"):
        read(directory)


def test_a_link_in_the_place_of_a_file_is_refused(directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    os.rename(directory / "a.bin", elsewhere)
    (directory / "a.bin").symlink_to(elsewhere)
    with pytest.raises(BundleError, match="damaged"):
        read(directory)


def test_changed_content_is_noticed(directory: Path) -> None:
    entry = read(directory)["files"]["a.bin"]  # type: ignore[index]
    with pytest.raises(BundleError, match="content"):
        verified(b"abd" * 100, entry, directory / "a.bin", BundleError)


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    def breaks():  # type: ignore[no-untyped-def]
        yield b"first part"
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        write_directory(tmp_path / "out", "thing.json", PAYLOAD, {"a.bin": breaks()})
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_kept_unless_replaced(directory: Path) -> None:
    with pytest.raises(OutputError, match="exists"):
        write_directory(directory, "thing.json", PAYLOAD, {})
    assert read(directory)["name"] == "é"
    write_directory(directory, "thing.json", {**PAYLOAD, "name": "new"}, {}, replace=True)
    assert read(directory)["name"] == "new"
    assert [p.name for p in directory.parent.iterdir()] == [directory.name]


def test_something_else_is_never_replaced(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "notes").write_text("keep me")
    file.write_text("keep me")
    for out in (folder, file):
        with pytest.raises(OutputError, match=r"holds no thing\.json"):
            write_directory(out, "thing.json", PAYLOAD, {}, replace=True)
    assert (folder / "notes").read_text() == file.read_text() == "keep me"


def test_canonical_form_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"x": float("nan")})
