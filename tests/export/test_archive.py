"""Listing a checkpoint without torch: what is in it, and what is refused before it can do harm."""

import collections
import gzip
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from cxr_edge.errors import CheckpointError
from cxr_edge.export.archive import read_listing

TENSORS = {
    "a.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "a.half": torch.ones(4, dtype=torch.float16),
    "a.brain": torch.ones(2, 2, dtype=torch.bfloat16),
    "a.count": torch.tensor(7),
    "a.flags": torch.tensor([True, False]),
    "a.turned": torch.arange(6.0).reshape(2, 3).T,
    "a.none": torch.empty(0, 5),
}


def refused(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        read_listing(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.save(TENSORS, tmp_path / "whole.pt")
    return tmp_path / "whole.pt"


WRITERS: dict[str, Callable[[Path], None]] = {
    "torch zip": lambda path: torch.save(TENSORS, path),
    "torch legacy": lambda path: torch.save(TENSORS, path, _use_new_zipfile_serialization=False),
    "safetensors": lambda path: save_file({k: v.contiguous() for k, v in TENSORS.items()}, path),
}


@pytest.mark.parametrize("form", WRITERS)
def test_shapes_and_types_are_those_of_torch(tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path / "file")
    listing = read_listing(tmp_path / "file")
    assert listing.form == form
    assert listing.size == (tmp_path / "file").stat().st_size
    assert {
        name: (info.shape, f"torch.{info.dtype}") for name, info in listing.tensors.items()
    } == {name: (tuple(tensor.shape), str(tensor.dtype)) for name, tensor in TENSORS.items()}


def test_listing_imports_no_torch(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cxr_edge.export.archive import read_listing\n"
        "print(len(read_listing(Path(sys.argv[1])).tensors))\n"
        "assert not {'torch', 'onnx', 'safetensors'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len(TENSORS))


class Attack:
    """Runs a call when it is unpickled without care."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


ATTACKS = {
    "exec": Attack(exec, "raise SystemExit('run')"),
    "system": Attack(os.system, "exit 3"),
    "getattr": Attack(getattr, 1, "real"),
    "popen": Attack(subprocess.Popen, ["false"]),
    "eval": Attack(eval, "1"),
    "load": Attack(torch.load, "x"),
    "numpy": Attack(np.load, "x"),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("attack", ATTACKS)
def test_code_is_refused_by_the_name_it_imports(tmp_path: Path, attack: str, legacy: bool) -> None:
    content = {"state_dict": TENSORS, "hook": ATTACKS[attack]}
    path = tmp_path / "bad.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    call = ATTACKS[attack].call
    assert f"import {call.__module__}.{call.__name__} " in refused(path)


def test_a_plain_pickle_with_code_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(ATTACKS["system"]))
    assert f"import {os.system.__module__}.system" in refused(tmp_path / "bad.pkl")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": [1, 2]}))
    assert "a plain pickle" in refused(tmp_path / "plain.pkl")


def repacked(saved: Path, name: str, content: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with one entry replaced or added."""
    target = saved.with_name("repacked.pt")
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            if entry.filename != f"whole/{name}":
                new.writestr(entry.filename, old.read(entry), zipfile.ZIP_STORED)
        new.writestr(name if name.startswith("..") else f"whole/{name}", content, compression)
    return target


def test_a_pickle_cannot_change_the_reader(saved: Path) -> None:
    # BUILD with a pair as state sets attributes of whatever stands before it.
    value = {"__defaults__": (), "__init__": 1, "__new__": 1, "__setstate__": 1, "base": 9}
    state = pickle.dumps(value, protocol=2)[2:-1]
    for name in (
        "torch._utils\n_rebuild_tensor_v2",
        "torch\nFloatStorage",
        "torch\nSize",
        "argparse\nNamespace",
        "collections\nOrderedDict",
        "__torch__\nNet",
    ):
        program = b"\x80\x02c" + name.encode() + b"\nN" + state + b"\x86b."
        refused(repacked(saved, "data.pkl", program))
    assert len(read_listing(saved).tensors) == len(TENSORS)
    assert type(collections.OrderedDict.__init__) is type(dict.__init__)


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # LONG_BINPUT far beyond the file
        b"\x80\x02}p99999999999\n.",  # PUT
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00.",  # BINBYTES8 of 2**56 bytes
        b"\x80\x02" + b"(" * 100_000 + b".",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        b"",
        b".",
        b"\x80\x02K\x01.",
        b"\x80\x02]q\x00h\x00a.",
    ],
)
def test_hostile_tables_are_one_line(saved: Path, program: bytes) -> None:
    assert refused(repacked(saved, "data.pkl", program))


def test_hostile_zips_are_refused(saved: Path, tmp_path: Path) -> None:
    bomb = repacked(saved, "data/0", bytes(2**20), zipfile.ZIP_DEFLATED)
    assert "compressed tensors" in refused(bomb)
    assert "points out of the archive" in refused(repacked(saved, "../../etc/cron.d/x", b""))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("readme.txt", "hello")
    assert "another kind" in refused(tmp_path / "other.zip")
    assert "big-endian" in refused(repacked(saved, "byteorder", b"big"))
    with zipfile.ZipFile(tmp_path / "many.pt", "w") as many:
        for number in range(60_000):
            many.writestr(f"whole/data/{number:0120d}", b"")
    assert "table of contents" in refused(tmp_path / "many.pt")


def test_numbers_that_are_not_there_are_noticed(saved: Path) -> None:
    assert "not all there" in refused(repacked(saved, "data/0", b"\0" * 4))
    content = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        place = content.find(archive.read("whole/data.pkl"))
    content[place + 40] ^= 0x20
    saved.write_bytes(content)
    assert "damaged" in refused(saved)  # the checksum of the entry


def test_a_tensor_much_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1).expand(1 << 14, 1 << 12)}, tmp_path / "wide.pt")
    assert "made from 4 bytes" in refused(tmp_path / "wide.pt")
    torch.save({"w": torch.ones(1).expand(64, 64)}, tmp_path / "narrow.pt")
    assert read_listing(tmp_path / "narrow.pt").tensors["w"].shape == (64, 64)


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_cut_anywhere_is_one_line(tmp_path: Path, form: str) -> None:
    path = tmp_path / "cut"
    WRITERS[form](path)
    whole = path.read_bytes()
    for length in sorted({*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1}):
        path.write_bytes(whole[:length])
        assert refused(path)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_byte_never_gives_anything_but_a_listing_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("changed") / "file"
    WRITERS[data.draw(st.sampled_from(sorted(WRITERS)))](path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert read_listing(path).tensors
    except CheckpointError as problem:
        assert "\n" not in str(problem)  # noqa: PT017  either outcome is right


def test_gzip_is_opened_and_its_bombs_are_not(tmp_path: Path) -> None:
    plain = io.BytesIO()
    torch.save({"model": {"w": torch.randn(50, 50)}, "epoch": 3}, plain)
    (tmp_path / "model.pth.gz").write_bytes(gzip.compress(plain.getvalue()))
    listing = read_listing(tmp_path / "model.pth.gz")
    assert listing.gzipped
    assert (listing.form, listing.wrapper, listing.scalars) == ("torch zip", "model", {"epoch": 3})
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2**24)))
    assert "grows more than" in refused(tmp_path / "bomb.gz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(plain.getvalue())[:2000])
    assert "damaged" in refused(tmp_path / "cut.gz")
