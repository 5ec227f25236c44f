"""``cxr-export`` as a user meets it: checks of files, bad input, and never half a bundle."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from cxr_edge.bundle import Bundle
from cxr_edge.engines import load_engine
from cxr_edge.errors import BundleError
from cxr_edge.export.cli import main
from cxr_edge.export.models.dcclip import export_spec

SCRIPT = Path(sys.executable).with_name("cxr-export")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


def test_check_says_what_a_file_is(weights: Path, tmp_path: Path) -> None:
    known = invoke("--check", weights)
    assert known.exit_code == 0
    assert "fits dcclip" in known.output
    told = json.loads(invoke("--check", weights, "--json").output)
    assert told["fits"] == ["dcclip"]
    assert told["form"] == "safetensors"
    torch.save({"state_dict": {"a.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    foreign = invoke("--check", tmp_path / "other.pt")
    assert foreign.exit_code == 1
    assert "fits none of the models" in foreign.output
    assert "cannot be read" in one_line(invoke("--check", tmp_path / "missing.pt"))


def test_check_loads_no_torch(weights: Path) -> None:
    code = (
        "import sys; from cxr_edge.export.cli import main\n"
        f"main(['--check', {str(weights)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wrong_use() -> None:
    assert invoke().exit_code == 2
    assert invoke("--model", "dcclip").exit_code == 2
    assert invoke("--precision", "fp8").exit_code == 2


@pytest.mark.parametrize("model", ["cxr-repair-vit-b32", "chexbert", "biovil", "liu2019"])
def test_a_checkpoint_of_another_network(model: str, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    message = one_line(invoke("--model", model, "--checkpoint", weights, "--out", out))
    assert model in message
    assert not out.exists()


def test_files_that_are_no_checkpoints(weights: Path, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    torch.save({"state_dict": Hostile()}, tmp_path / "code.pt")
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:3000])
    (tmp_path / "mp_rank_00_model_states.pt").write_bytes(b"PK\x03\x04")
    out = tmp_path / "out"
    for file in ("code.pt", "cut.safetensors", "mp_rank_00_model_states.pt"):
        for model in ("dcclip", "gloria"):
            one_line(invoke("--model", model, "--checkpoint", tmp_path / file, "--out", out))
    assert not out.exists()
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig

    trunk = PlainResNet(TrunkConfig(False, 8, (4, 8, 8, 16), (1, 1, 1, 1)))
    torch.save(trunk.state_dict(), tmp_path / "trunk.pt")
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    files = ("--checkpoint", tmp_path / "trunk.pt", "--tokenizer", tmp_path / "vocab.txt")
    result = invoke("--model", "resnet18-baseline", *files, "--out", tmp_path / "out")
    assert "resnet18-baseline takes no --tokenizer" in one_line(result)


@pytest.mark.parametrize("file", ["--checkpoint", "--tokenizer", "--language-model"])
def test_a_pipe_is_not_waited_for(file: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    arguments = ("--model", "llm2vec4cxr-text", file, tmp_path / "pipe")
    assert "is a pipe" in one_line(invoke(*arguments, "--out", tmp_path / "out"))


def test_a_place_that_is_taken_is_told_before_the_work(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    command = ("--model", "dcclip", "--out", tmp_path / "out", "--checkpoint")
    # The checkpoint is missing too, which is found only when the export begins.
    assert "exists; remove it" in one_line(invoke(*command, tmp_path / "missing"))
    assert "something else" in one_line(invoke(*command, tmp_path / "missing", "--replace"))


def other_axes(state: dict[str, torch.Tensor]) -> None:
    state["conv1.weight"] = torch.tensor(1.0)


def other_type(state: dict[str, torch.Tensor]) -> None:
    state["bn1.weight"] = state["bn1.weight"].to(torch.int8)


def complex_numbers(state: dict[str, torch.Tensor]) -> None:
    state["conv1.weight"] = state["conv1.weight"].to(torch.complex64)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (other_axes, "sizes of the network cannot be read"),
        (other_type, "trunk.bn1.weight is torch.int8, expected torch.float32"),
        (complex_numbers, "1 of another type"),
    ],
)
def test_tensors_that_cannot_be_weights_are_one_line(spoil, said: str, tmp_path: Path) -> None:
    from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig

    state = PlainResNet(TrunkConfig(False, 8, (4, 8, 8, 16), (1, 1, 1, 1))).state_dict()
    spoil(state)
    torch.save(state, tmp_path / "odd.pt")
    arguments = ("--checkpoint", tmp_path / "odd.pt", "--out", tmp_path / "out")
    assert said in one_line(invoke("--model", "resnet18-baseline", *arguments))


def test_missing_keys_are_counted(tmp_path: Path) -> None:
    from cxr_edge.export.models.plain_resnet import PlainResNet, TrunkConfig

    trunk = PlainResNet(TrunkConfig(False, 8, (4, 8, 8, 16), (1, 1, 1, 1)))
    state = trunk.state_dict()
    state.pop("layer2.0.conv1.weight")
    torch.save(state, tmp_path / "holes.pt")
    arguments = ("--checkpoint", tmp_path / "holes.pt", "--out", tmp_path / "out")
    assert "missing" in one_line(invoke("--model", "resnet18-baseline", *arguments))


def test_a_key_that_cannot_sign_is_found_before_the_export(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="extra 'sign' is not installed")
    arguments = ("--checkpoint", weights, "--out", tmp_path / "out", "--sign", tmp_path / "no.pem")
    assert "no.pem" in one_line(invoke("--model", "dcclip", *arguments))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    def confine() -> None:
        # The system refuses to let a file grow, as on a full disk, instead of ending the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [SCRIPT, "--model", "dcclip", "--checkpoint", weights, "--out", tmp_path / "out"]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        preexec_fn=confine,
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_a_killed_export_leaves_no_bundle(weights: Path, tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
import numpy as np
from cxr_edge.bundle import write_bundle
from cxr_edge.export.models.dcclip import export_spec
import cxr_edge.export.exporter as exporter

def dying(out, manifest, files, *, replace):
    def parts():
        yield files["image.onnx"][:1000]
        os.kill(os.getpid(), signal.SIGKILL)
    return write_bundle(out, manifest, {{**files, "image.onnx": parts()}}, replace=replace)

exporter.write_bundle = dying
exporter.export_bundle(export_spec(Path({str(weights)!r})), Path({str(tmp_path / "out")!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not (tmp_path / "out").exists()
    with pytest.raises(BundleError, match="no bundle"):
        Bundle.load(tmp_path / "out")
    again = invoke("--model", "dcclip", "--checkpoint", weights, "--out", tmp_path / "out")
    assert again.exit_code == 0, again.output


def test_json_tells_what_was_written(weights: Path, tmp_path: Path) -> None:
    arguments = ("--checkpoint", weights, "--out", tmp_path / "out", "--json")
    result = invoke("--model", "dcclip", *arguments)
    written = json.loads(result.stdout)
    bundle = Bundle.load(tmp_path / "out")
    assert written["sha256"] == bundle.digest
    assert bundle.manifest["provenance"]["checkpoint"] == weights.name
    known = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert bundle.manifest["provenance"]["checkpoint_sha256"] == known
    assert written["parity"]["image"]["status"] == "passed"
    assert "image.embedding: passed" in result.stderr


def test_the_embedded_default_is_exported_again_without_a_checkpoint(tmp_path: Path) -> None:
    embedded = Path(__file__).resolve().parents[2] / "runtime" / "data" / "bundle"
    if not embedded.is_dir():
        pytest.skip(f"the embedded bundle is not here: {embedded} is missing")
    result = invoke("--model", "dcclip", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    again, known = Bundle.load(tmp_path / "out"), Bundle.load(embedded)
    assert again.space == known.space
    assert again.read("ngrams.json") == known.read("ngrams.json")
    assert again.recipe == known.recipe
    (pixels,) = export_spec(None).graphs[0].samples(2, np.random.default_rng(0))
    feed = {"pixels": pixels}
    answers = [load_engine("cpu", b.read("image.onnx")).run(feed) for b in (again, known)]
    for name in ("embedding", "probabilities"):
        np.testing.assert_allclose(answers[0][name], answers[1][name], atol=1e-6)
