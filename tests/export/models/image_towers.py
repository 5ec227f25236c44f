"""What the tests of image towers share: published key lists, random weights, references, graphs."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cxr_edge.types import SourceImage

KEYS = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "checkpoint-keys"


def published(name: str) -> tuple[dict[str, Tensor], int]:
    """The tensors of a published checkpoint without their values, and its count of parameters."""
    path = KEYS / f"{name}.tsv"
    if not path.is_file():
        pytest.skip(f"the published key list is not here: {path} is missing")
    head, *lines = path.read_text().splitlines()
    tensors = {}
    for line in lines:
        key, shape, dtype = line.split("\t")
        sizes = () if shape == "scalar" else tuple(map(int, shape.split("x")))
        tensors[key] = torch.empty(sizes, dtype=getattr(torch, dtype), device="meta")
    count = re.search(r"parameters: (\d+)", head)
    assert count is not None
    return tensors, int(count[1])


def shapes(tensors) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def randomise(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """Plausible weights under the keys of a module: signals neither vanish nor grow."""
    torch.manual_seed(seed)
    state = {}
    for key, tensor in module.state_dict().items():
        kind = key.rsplit(".", 1)[-1]
        if kind == "num_batches_tracked":
            state[key] = torch.tensor(7)
        elif kind == "running_var":
            state[key] = torch.rand(tensor.shape) + 0.5
        elif tensor.ndim > 1:
            state[key] = torch.randn(tensor.shape) * (tensor[0].numel()) ** -0.5
        else:
            state[key] = torch.randn(tensor.shape) * 0.1 + (1.0 if kind == "weight" else 0.0)
    return state


def transformers_trunk(state: dict[str, Tensor]) -> nn.Module:
    """transformers' ResNet, its sizes and weights taken from keys of the widespread names."""
    from transformers import ResNetConfig, ResNetModel

    stages = range(1, 5)
    last = "conv3" if "layer1.0.conv3.weight" in state else "conv2"
    counts = [len({k.split(".")[1] for k in state if k.startswith(f"layer{s}.")}) for s in stages]
    config = ResNetConfig(
        embedding_size=state["conv1.weight"].shape[0],
        hidden_sizes=[state[f"layer{s}.0.{last}.weight"].shape[0] for s in stages],
        depths=counts,
        layer_type="bottleneck" if last == "conv3" else "basic",
    )
    renamed = {}
    for key, tensor in state.items():
        key = re.sub(r"^(conv|bn)1\.", r"embedder.embedder.\g<1>.", key)
        key = re.sub(
            r"^layer(\d)\.(\d)\.downsample\.(\d)\.",
            lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}.shortcut.{m[3]}.",
            key,
        )
        key = re.sub(
            r"^layer(\d)\.(\d)\.(conv|bn)(\d)\.",
            lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}.layer.{int(m[4]) - 1}.{m[3]}.",
            key,
        )
        key = key.replace(".shortcut.0.", ".shortcut.convolution.")
        key = key.replace(".shortcut.1.", ".shortcut.normalization.")
        key = key.replace(".conv.", ".convolution.").replace(".bn.", ".normalization.")
        renamed[key] = tensor
    model = ResNetModel(config)
    model.load_state_dict(renamed)
    return model.eval()


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}


def answers(graph: bytes, pixels: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime makes of a batch."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {"pixels": pixels})


def agree(spec, graph: bytes, batches=(1, 2, 5)) -> None:
    """The graph has standard operators only and says what its reference says, in any batch."""
    model = onnx.load_from_string(graph)
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    assert model.opset_import[0].version >= 18
    chance = np.random.default_rng(31)
    for size in batches:
        (pixels,) = spec.samples(size, chance)
        with torch.inference_mode():
            wanted = spec.module(torch.from_numpy(pixels))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = answers(graph, pixels)
        assert [g.shape for g in got] == [tuple(w.shape) for w in wanted]
        for a, b in zip(got, wanted, strict=True):
            assert np.abs(a - b.numpy()).max() < 1e-4
            assert b.numpy().std(axis=0).mean() > 1e-3 or size == 1


def operators(graph: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(graph).graph.node]


def radiograph(shared_data: Path) -> np.ndarray:
    """A real chest X-ray, uint8 (1024, 1024)."""
    with Image.open(sorted((shared_data / "nih").glob("*.png"))[3]) as file:
        return np.asarray(file.convert("L"))


def wide_picture() -> np.ndarray:
    """Twelve bits, wider than high, with odd margins everywhere: uint16 (611, 745)."""
    rows, columns = np.mgrid[0:611, 0:745]
    waves = np.sin(rows / 37.0) * np.cos(columns / 53.0) + rows / 400.0
    noise = np.random.default_rng(32).normal(0.0, 0.05, waves.shape)
    grey = waves + noise
    return np.rint((grey - grey.min()) / np.ptp(grey) * 3800 + 150).astype(np.uint16)


def source(stored: np.ndarray, *, inverted: bool = False) -> SourceImage:
    return SourceImage(stored, 8 * stored.itemsize, inverted=inverted)


def eight_bits(stored: np.ndarray) -> np.ndarray:
    """Min-max to 8 bits, rounded down, as MIMIC-CXR-JPG and hi-ml do it: uint8, same shape."""
    grey = stored.astype(np.float64)
    grey = (grey - grey.min()) / (grey.max() - grey.min()) * 255
    return grey.astype(np.uint8)


def centre(picture: np.ndarray, side: int) -> np.ndarray:
    """The crop that torchvision takes."""
    top = round((picture.shape[0] - side) / 2.0)
    left = round((picture.shape[1] - side) / 2.0)
    return picture[top : top + side, left : left + side]


def shortest(picture: np.ndarray, side: int, kernel: Image.Resampling) -> np.ndarray:
    """Pillow's resize of 8 bits to the size that torchvision asks of it."""
    height, width = picture.shape
    if height <= width:
        size = (int(side * width / height), side)
    else:
        size = (side, int(side * height / width))
    return np.asarray(Image.fromarray(picture).resize(size, kernel))
