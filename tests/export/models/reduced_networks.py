"""Every architecture at reduced width, with weights whose outputs differ from input to input."""

from collections.abc import Callable
from pathlib import Path

import torch
from image_towers import randomise
from radiology_clip import made_up, small_config
from torch import Tensor
from tower_table import BASIC, TOWERS, prefixed

from cxr_edge.export.models import chexbert, dcrrg_decoder, eva02, liu2019
from cxr_edge.export.models.bert import BertConfig
from cxr_edge.export.models.dcrrg_image import ImageConfig, PromptedImage
from cxr_edge.export.models.densenet import DenseConfig
from cxr_edge.export.registry import spec_builder
from cxr_edge.export.spec import ExportSpec

State = dict[str, Tensor]


def eva_state() -> State:
    config = eva02.Eva02Config(
        image_size=448, patch=56, width=128, layers=2, hidden=50, dimension=24
    )
    state = randomise(eva02.Eva02(config), 3)
    cosines, sines = eva02.rotary_tables(config.grid)
    tables = {key: cosines if key.endswith("cos") else sines for key in state if "rope." in key}
    return prefixed("visual.", state | tables)


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
    return randomise(dcrrg_decoder.Decoder(config), 5) | prefixed("image.", image)


def liu_state() -> State:
    dense = DenseConfig(stem=8, growth=4, bottleneck=8, counts=(1, 2, 2, 1))
    config = liu2019.WriterConfig(dense, 24, 20, 19, 49, second=True, whole=False, slots=1)
    return randomise(liu2019.Writer(config), 41)


BERT = BertConfig(vocabulary=300, positions=512, width=128, hidden=256, layers=2)

STATES: dict[str, Callable[[], State]] = {
    "chexbert": lambda: randomise(chexbert.CheXbert(BERT), 2),
    "cxr-repair-vit-b16-320": lambda: made_up(small_config(320, 16)),
    "cxr-repair-vit-b32": lambda: made_up(small_config()),
    "dcrrg-decoder": dcrrg_state,
    "liu2019": liu_state,
    "llm2clip4cxr-vision": eva_state,
    **{name: tower.state for name, tower in TOWERS.items()},
}


def reduced_spec(name: str, folder: Path) -> ExportSpec:
    """What the exporter makes of a checkpoint of such a network, written to ``folder``."""
    state = STATES[name]()
    saved = TOWERS[name].forms(state)["whole"] if name in TOWERS else state
    torch.save(saved, folder / "made-up.pt")
    tokenizer = None
    if name == "chexbert":
        tokenizer = folder / "vocab.txt"
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        tokenizer.write_text("\n".join([*special, *(f"w{k}" for k in range(296)), ""]))
    return spec_builder(name)(folder / "made-up.pt", tokenizer)
