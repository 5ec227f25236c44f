"""Every architecture at reduced width through the whole exporter in FP16; FP32 is tested apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from image_towers import randomise
from radiology_clip import made_up, small_config
from torch import Tensor

from cxr_edge.export.calibration import LIMIT
from cxr_edge.export.exporter import export_bundle
from cxr_edge.export.models import (
    albef_xrem,
    biovil,
    biovil_t,
    chexbert,
    convirt,
    dcrrg_decoder,
    eva02,
    gloria,
    liu2019,
    llm2clip4cxr_vision,
    medclip_rn50,
    resnet18_baseline,
)
from cxr_edge.export.models.bert import BertConfig
from cxr_edge.export.models.dcrrg_image import ImageConfig, PromptedImage
from cxr_edge.export.models.densenet import DenseConfig
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.export.registry import ARCHITECTURES, spec_builder

State = dict[str, Tensor]
TRUNK = TrunkConfig(True, 8, (4, 8, 8, 16), (1, 1, 1, 1))
BASIC = TrunkConfig(False, 8, (8, 8, 16, 24), (1, 1, 1, 1))


def under(prefix: str, state: State) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


def eva_state() -> State:
    config = eva02.Eva02Config(
        image_size=448, patch=56, width=128, layers=2, hidden=50, dimension=24
    )
    state = randomise(eva02.Eva02(config), 3)
    cosines, sines = eva02.rotary_tables(config.grid)
    tables = {key: cosines if key.endswith("cos") else sines for key in state if "rope." in key}
    return under("visual.", state | tables)


def dcrrg_state() -> State:
    config = dcrrg_decoder.DecoderConfig(
        width=128,
        hidden=160,
        layers=2,
        vocabulary=23,
        memory=40,
        projected=True,
        positions=12,
        prefix=3,
    )
    image = randomise(PromptedImage(ImageConfig(BASIC, 40)), 51)
    return randomise(dcrrg_decoder.Decoder(config), 5) | under("image.", image)


def liu_state() -> State:
    dense = DenseConfig(stem=8, growth=4, bottleneck=8, counts=(1, 2, 2, 1))
    config = liu2019.WriterConfig(dense, 24, 20, 19, 49, second=True, whole=False, slots=1)
    return randomise(liu2019.Writer(config), 41)


BERT = BertConfig(vocabulary=300, positions=512, width=128, hidden=256, layers=2)
ALBEF = albef_xrem.AlbefConfig(size=64, patch=16, width=128, depth=2, hidden=192, projection=24)
BIOVIL_T = biovil_t.BiovilTConfig(biovil.BiovilConfig(TRUNK, 12, 10), 16, 2)

STATES: dict[str, Callable[[], State]] = {
    "albef-xrem": lambda: randomise(albef_xrem.AlbefVisual(ALBEF), 11),
    "biovil": lambda: randomise(biovil.BiovilImage(biovil.BiovilConfig(TRUNK, 12, 10)), 8),
    "biovil-t": lambda: randomise(biovil_t.BiovilTImage(BIOVIL_T), 13),
    "chexbert": lambda: randomise(chexbert.CheXbert(BERT), 2),
    "convirt": lambda: randomise(convirt.Convirt(convirt.ConvirtConfig(TRUNK, (64, 48, 20))), 23),
    "cxr-repair-vit-b16-320": lambda: made_up(small_config(320, 16)),
    "cxr-repair-vit-b32": lambda: made_up(small_config()),
    "dcrrg-decoder": dcrrg_state,
    "gloria": lambda: randomise(gloria.GloriaImage(gloria.GloriaConfig(TRUNK, 24)), 4),
    "liu2019": liu_state,
    "llm2clip4cxr-vision": eva_state,
    "medclip-rn50": lambda: randomise(
        medclip_rn50.MedclipImage(medclip_rn50.MedclipConfig(TRUNK, 24)), 1
    ),
    "resnet18-baseline": lambda: randomise(resnet18_baseline.Baseline(BASIC).trunk, 6),
}


def test_none_is_left_out() -> None:
    # chexzero is the network of cxr-repair-vit-b32; dcclip and llm2vec4cxr-text have their own tests.
    assert set(STATES) | {"chexzero", "dcclip", "llm2vec4cxr-text"} == set(ARCHITECTURES)
    assert llm2clip4cxr_vision.SIZE == 448


@pytest.mark.parametrize("name", sorted(STATES))
def test_the_gate_is_passed_in_half(name: str, tmp_path: Path) -> None:
    torch.save(STATES[name](), tmp_path / "made-up.pt")
    tokenizer = None
    if name == "chexbert":
        tokenizer = tmp_path / "vocab.txt"
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        tokenizer.write_text("\n".join([*special, *(f"w{k}" for k in range(296)), ""]))
    spec = spec_builder(name)(tmp_path / "made-up.pt", tokenizer)
    pictures = None
    for graph in spec.graphs:
        if graph.role == "image":
            (pictures,) = graph.samples(8, np.random.default_rng(1))
    bundle = export_bundle(spec, tmp_path / "out", precision="fp16", calibration=pictures)
    for role, record in bundle.manifest["parity"].items():
        assert record["failures"] == [], role
        assert record["status"] == "passed", (role, record)
        assert 0 < record["range"]["largest"] <= LIMIT
