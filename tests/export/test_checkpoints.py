"""Every form in which trainers leave tensors opens to the same tensors; the rest is one line."""

import argparse
import collections
import gzip
import os
import pathlib
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cxr_edge.errors import CheckpointError
from cxr_edge.export.archive import WRAPPERS
from cxr_edge.export.checkpoints import read_checkpoint, read_state_dict
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.models.resnet18_baseline import Baseline, load

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Net(nn.Module):
    """Two layers of different kinds, a shared weight and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4))
        self.head[1].weight = nn.Parameter(torch.randn(4, 4))
        self.register_buffer("table", torch.arange(4.0).repeat(2, 1).T)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).mean((2, 3))) + self.table[:, 0]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return Net().state_dict()


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def write_script(path: Path, state: dict[str, Tensor]) -> None:
    net = Net()
    net.load_state_dict(state)
    torch.jit.trace(net, torch.randn(2, 1, 8, 8)).save(str(path))


def lightning(state: dict[str, Tensor]) -> dict[str, object]:
    """What ``Trainer.save_checkpoint`` of PyTorch Lightning 2 writes, without its own classes."""
    optimizer = torch.optim.AdamW([torch.ones(3, requires_grad=True)])
    return {
        "epoch": 4,
        "global_step": 1200,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 5}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best": np.float64(0.25)}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "lr": 1e-4,
            "args": argparse.Namespace(size=224, out=pathlib.PurePosixPath("/tmp")),
            "classes": {1, 2},
            "counts": collections.defaultdict(int, a=1),
        },
    }


WRITERS: dict[str, Callable[[Path, dict[str, Tensor]], object]] = {
    "torch zip": lambda path, state: torch.save(state, path),
    "torch legacy": lambda path, state: torch.save(
        state, path, _use_new_zipfile_serialization=False
    ),
    "safetensors": lambda path, state: save_file(
        {name: tensor.contiguous() for name, tensor in state.items()}, path
    ),
    "torchscript": write_script,
    "lightning": lambda path, state: torch.save(lightning(state), path),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".ckpt"])
def test_every_form_opens_to_the_same_tensors(
    tmp_path: Path, state: dict[str, Tensor], form: str, suffix: str
) -> None:
    path = tmp_path / f"net{suffix}"
    WRITERS[form](path, state)
    checkpoint = read_checkpoint(path)
    assert checkpoint.form == form
    assert_same(checkpoint.tensors, state)
    assert_same(read_state_dict(path), state)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("half", [False, True])
def test_a_loader_takes_every_form(tmp_path: Path, form: str, half: bool) -> None:
    torch.manual_seed(1)
    network = Baseline(TrunkConfig(False, 8, (8, 8, 8, 8), (1, 1, 1, 1))).eval()
    path = tmp_path / "baseline"
    if form == "torchscript":
        torch.jit.trace(network.trunk, torch.randn(2, 3, 64, 64)).save(str(path))
    else:
        state = network.trunk.state_dict()
        if half:
            state = {k: v.half() if "conv" in k else v for k, v in state.items()}
            network.trunk.load_state_dict(state)
        WRITERS[form](path, {f"model.{name}": tensor for name, tensor in state.items()})
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(load(read_state_dict(path))(pictures), network(pictures))


def test_torch_agrees_about_the_script(tmp_path: Path, state: dict[str, Tensor]) -> None:
    write_script(tmp_path / "net.pt", state)
    assert_same(
        read_state_dict(tmp_path / "net.pt"), torch.jit.load(tmp_path / "net.pt").state_dict()
    )


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("legacy", [False, True])
def test_wrappers_are_taken_off(
    tmp_path: Path, state: dict[str, Tensor], wrapper: str, legacy: bool
) -> None:
    content = {"epoch": 7, "best": 0.5, wrapper: state, "note": "x", "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=not legacy)
    checkpoint = read_checkpoint(tmp_path / "net.pth")
    assert_same(checkpoint.tensors, state)
    assert checkpoint.scalars == {"epoch": 7, "best": 0.5}
    assert set(checkpoint.others) == {"note", "optimizer"}


def test_the_first_wrapper_in_order_wins_and_wrappers_may_be_nested(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    other = {"other": torch.zeros(1)}
    torch.save({"model": other, "state_dict": state}, tmp_path / "both.pt")
    assert_same(read_state_dict(tmp_path / "both.pt"), state)
    torch.save({"model": {"state_dict": state, "args": {}}}, tmp_path / "nested.pt")
    assert_same(read_state_dict(tmp_path / "nested.pt"), state)
    torch.save({"state_dict": {}, "model": state}, tmp_path / "empty.pt")
    assert_same(read_state_dict(tmp_path / "empty.pt"), state)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_of_wrapping_modules_are_taken_off(
    tmp_path: Path, state: dict[str, Tensor], prefix: str
) -> None:
    torch.save({f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "p.pt")
    assert_same(read_state_dict(tmp_path / "p.pt"), state)


def test_data_parallel_and_parameters_open(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(nn.DataParallel(Net()).state_dict(), tmp_path / "parallel.pt")
    assert_same(read_state_dict(tmp_path / "parallel.pt"), state)
    torch.save(dict(Net().named_parameters()), tmp_path / "parameters.pt")
    wanted = {name: p.detach() for name, p in Net().named_parameters()}
    assert_same(read_state_dict(tmp_path / "parameters.pt"), wanted)


def test_mixed_types_views_and_shared_storages_keep_their_values(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float16)
    tensors = {
        "half": base,
        "part": base[4:10],
        "turned": base.reshape(4, 6).T,
        "step": base[::5],
        "again": base,
        "brain": torch.randn(3).bfloat16(),
        "double": torch.randn(2, 2, dtype=torch.float64),
        "flags": torch.tensor([[True], [False]]),
        "scalar": torch.tensor(-3),
        "small": torch.tensor([1, 65535], dtype=torch.uint16),
        "none": torch.empty(0, 3),
    }
    for legacy in (False, True):
        torch.save(tensors, tmp_path / "t.pt", _use_new_zipfile_serialization=not legacy)
        assert_same(read_state_dict(tmp_path / "t.pt"), tensors)


class OldArchive(nn.Module):
    """As OpenAI's archives: three sizes stand among the weights as scalar tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 2).half())
        self.register_buffer("input_resolution", torch.tensor(224))
        self.length: int = 77

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.float() * self.length


def test_numbers_of_a_script_are_kept_apart_from_its_tensors(tmp_path: Path) -> None:
    torch.jit.script(OldArchive()).save(str(tmp_path / "old.pt"))
    checkpoint = read_checkpoint(tmp_path / "old.pt")
    assert checkpoint.form == "torchscript"
    assert checkpoint.tensors.keys() == {"weight", "input_resolution"}
    assert int(checkpoint.tensors["input_resolution"]) == 224
    assert checkpoint.scalars == {"length": 77}


def test_lightning_keeps_its_settings_to_itself(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(lightning(state), tmp_path / "last.ckpt")
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint.scalars == {"epoch": 4, "global_step": 1200}
    assert {"hyper_parameters", "optimizer_states", "callbacks"} <= set(checkpoint.others)


def test_objects_of_trainers_are_passed_over_where_their_packages_are_missing(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a Lightning 1 checkpoint has them: a callback's class as a key, an OmegaConf tree as value.
    classes = []
    for module, name in [
        ("omegaconf.dictconfig", "DictConfig"),
        ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    ]:
        made = type(name, (), {"__module__": module})
        classes.append(made)
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            parent = ".".join(parts[:depth])
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        setattr(sys.modules[module], name, made)
    settings = classes[0]()
    settings.content = {"lr": 0.1, "weight": torch.ones(3)}
    content = {
        "epoch": 9,
        "pytorch-lightning_version": "1.1.4",
        "callbacks": {classes[1]: {"best_model_score": torch.tensor(0.5)}},
        "state_dict": state,
        "hyper_parameters": settings,
    }
    torch.save(content, tmp_path / "last.ckpt")
    monkeypatch.undo()
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert_same(checkpoint.tensors, state)
    assert checkpoint.form == "lightning"
    assert not {"omegaconf.dictconfig", "pytorch_lightning"} & set(sys.modules)


def test_gzip_opens(tmp_path: Path, state: dict[str, Tensor]) -> None:
    with gzip.open(tmp_path / "model.gz", "wb") as out:
        torch.save({"model": state}, out)
    assert_same(read_state_dict(tmp_path / "model.gz"), state)


def test_a_damaged_number_is_noticed(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "net.pt"
    torch.save(state, path)
    content = bytearray(path.read_bytes())
    place = content.find(state["head.1.weight"].numpy().tobytes())
    assert place > 0
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        read_checkpoint(path)


def make_bad(kind: str, folder: Path, state: dict[str, Tensor]) -> Path:
    """A path that holds no checkpoint, in one of many ways."""
    path = folder / "bad.pt"
    names = {
        "DeepSpeed file": "mp_rank_00_model_states.pt",
        "ZeRO file": "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt",
        "shard": "model-00001-of-00003.safetensors",
        "bin shard": "pytorch_model-00002-of-00002.bin",
        "index": "pytorch_model.bin.index.json",
    }
    if kind in names:
        torch.save(state, folder / names[kind])
        return folder / names[kind]
    contents: dict[str, object] = {
        "list": [1, 2],
        "no tensors": {"epoch": 3},
        "one tensor": torch.ones(2),
        "unknown wrapper": {"generator": state},
    }
    if kind in contents:
        torch.save(contents[kind], path)
    elif kind == "whole model":
        torch.save(Net(), path)
    elif kind == "truncated":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "directory":
        path.mkdir()
    elif kind in ("DeepSpeed folder", "distributed folder"):
        path.mkdir()
        (path / ("mp_rank_01_model_states.pt" if "Deep" in kind else "__0_0.distcp")).touch()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "missing":
        path.write_bytes(
            {"empty": b"", "text": b"version https://git-lfs", "png": b"\x89PNG"}[kind]
        )
    return path


BAD = {
    "missing": "No such file",
    "empty": "is empty",
    "text": "no checkpoint",
    "png": "no checkpoint",
    "truncated": "damaged or cut short",
    "directory": "is a directory",
    "pipe": "is a pipe",
    "list": "holds a list",
    "no tensors": r"found: epoch",
    "one tensor": "expected a state dict",
    "unknown wrapper": r"found: generator",
    "whole model": r"import test_checkpoints\.Net",
    "DeepSpeed file": "zero_to_fp32",
    "ZeRO file": "zero_to_fp32",
    "DeepSpeed folder": "zero_to_fp32",
    "distributed folder": "several shards",
    "shard": "several shards",
    "bin shard": "several shards",
    "index": "several shards",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line(tmp_path: Path, state: dict[str, Tensor], kind: str) -> None:
    path = make_bad(kind, tmp_path, state)
    with pytest.raises(CheckpointError, match=BAD[kind]) as caught:
        read_checkpoint(path)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    assert ";" in line  # what to do


def test_a_single_shard_is_a_whole_file(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "pytorch_model-00001-of-00001.bin")
    assert_same(read_state_dict(tmp_path / "pytorch_model-00001-of-00001.bin"), state)


def test_loading_runs_nothing_and_writes_nothing(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "touched",)

    torch.save({"state_dict": {"w": torch.ones(1)}, "hook": Touch()}, tmp_path / "bad.ckpt")
    with pytest.raises(CheckpointError, match="asks Python to import"):
        read_checkpoint(tmp_path / "bad.ckpt")
    torch.save({"state_dict": {"w": torch.ones(1)}, "tree": Quiet()}, tmp_path / "bad.ckpt")
    with pytest.raises(CheckpointError, match=r"asks Python to import shutil\.rmtree"):
        read_checkpoint(tmp_path / "bad.ckpt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.ckpt"]


class Quiet:
    """Would remove a folder if it were unpickled without care."""

    def __reduce__(self):
        return shutil.rmtree, ("/nonexistent",)
