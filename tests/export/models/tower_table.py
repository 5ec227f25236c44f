"""The image towers at reduced width: weights, checkpoint forms in the wild, and what is refused.

One row a tower; ``test_image_towers.py`` asks the same of every row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from image_towers import randomise, under
from torch import Tensor, nn

from cxr_edge.export.models import (
    albef_xrem,
    biovil,
    biovil_t,
    convirt,
    gloria,
    medclip_rn50,
    resnet18_baseline,
)
from cxr_edge.export.models.plain_resnet import TrunkConfig

State = dict[str, Tensor]
Change = tuple[Callable[[State], object], str]

TRUNK = TrunkConfig(True, 8, (4, 8, 8, 16), (1, 2, 1, 1))
BASIC = TrunkConfig(False, 8, (8, 8, 16, 24), (2, 1, 1, 2))


@dataclass(frozen=True)
class Tower:
    """What the shared tests need to know of one tower.

    Attributes:
        module: of ``cxr_edge.export.models``.
        config: what ``read`` is to find in the weights.
        build: the reduced network.
        seed: of its weights.
        forms: the same weights as files in the wild hold them; ``whole`` is as published.
        changes: what makes a checkpoint unfit, and words of the refusal.
        size: pixels a side for quick runs of torch.
        dimension: of the embedding.
        outputs: of the graph.
        stored: what stands before every key of the network in a bare file.
    """

    module: ModuleType
    config: object
    build: Callable[[], nn.Module]
    seed: int
    forms: Callable[[State], dict[str, State]]
    changes: tuple[Change, ...]
    size: int
    dimension: int
    outputs: tuple[str, ...] = ("embedding",)
    stored: str = ""

    def state(self) -> State:
        """The weights under the keys that ``load`` takes."""
        return under(self.stored, randomise(self.build(), self.seed))


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


def without_counters(state: State) -> State:
    return {key: tensor for key, tensor in state.items() if "num_batches" not in key}


def half(state: State, part: str = "conv") -> State:
    return {key: tensor.half() if part in key else tensor for key, tensor in state.items()}


def usual(whole: State, *, beside: State | None = None) -> dict[str, State]:
    """A published file and what trainers make of it."""
    together = {**whole, **(beside or {})}
    return {
        "whole": together,
        "data parallel": prefixed("module.", together),
        "no counters": without_counters(whole),
        "in part fp16": half(whole),
    }


def biovil_forms(state: State) -> dict[str, State]:
    return usual(state, beside={"encoder.encoder.fc.weight": torch.zeros(1000, 64)})


def biovil_t_forms(state: State) -> dict[str, State]:
    table = {"encoder.vit_pooler.pos_embed": torch.zeros(1, 196, 16)}
    return usual(state, beside={"encoder.encoder.fc.weight": torch.zeros(1000, 64), **table})


def medclip_forms(state: State) -> dict[str, State]:
    text = {
        "text_model.model.embeddings.position_ids": torch.arange(8)[None],
        "text_model.projection_head.weight": torch.zeros(4, 4),
        "logit_scale": torch.tensor(2.6),
    }
    return {"image side alone": state, **usual(prefixed("vision_model.", state), beside=text)}


def gloria_forms(state: State) -> dict[str, State]:
    whole = prefixed("gloria.img_encoder.", state)
    text = {"gloria.text_encoder.model.embeddings.position_ids": torch.arange(8)[None]}
    return {
        "image side alone": state,
        "saved after loading": {k.removeprefix("gloria."): t for k, t in {**whole, **text}.items()},
        "with a classifier": {**whole, "gloria.img_encoder.model.fc.weight": torch.zeros(3, 64)},
        **usual(whole, beside=text),
    }


POSITIONS = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def by_position(state: State) -> State:
    """A trunk made of the children of a ResNet, with two layers beside it."""
    form = {}
    for key, tensor in state.items():
        key = re.sub(r"^trunk\.(\w+)\.", lambda m: f"res_features.{POSITIONS[m[1]]}.", key)
        key = key.replace("projection.0.", "res_l1.").replace("projection.2.", "res_l2.")
        form[key] = tensor
    return form | {"bert_model.embeddings.weight": torch.zeros(2), "bert_l1.bias": torch.zeros(3)}


def convirt_forms(state: State) -> dict[str, State]:
    return {
        "trunk by position": by_position(state),
        "trunk bare": {k.removeprefix("trunk."): t for k, t in state.items()},
        "trainer's": {k.replace("trunk.", "module.img_encoder."): t for k, t in state.items()},
        **usual(state),
    }


def resnet18_forms(state: State) -> dict[str, State]:
    head = {"fc.0.weight": torch.zeros(24, 24), "fc.0.bias": torch.zeros(24)}
    queue = {"module.queue": torch.zeros(3, 3)}
    momentum = prefixed("module.encoder_k.", {k: t * 0 for k, t in {**state, **head}.items()})
    return {
        "classifier": prefixed("model.model.", {**state, **head}),
        "momentum contrast": {
            **prefixed("module.encoder_q.", {**state, **head}),
            **momentum,
            **queue,
        },
        **usual(state, beside=head),
    }


def albef_forms(state: State) -> dict[str, State]:
    training = {
        **{re.sub(r"^(visual_encoder|vision_proj)", r"\1_m", k): t * 0 for k, t in state.items()},
        "text_encoder.bert.embeddings.position_ids": torch.zeros(1, 512, dtype=torch.int64),
        "text_proj.weight": torch.zeros(24, 9),
        "image_queue": torch.zeros(24, 5),
        "queue_ptr": torch.zeros(1, dtype=torch.int64),
        "temp": torch.tensor(0.07),
    }
    return {**usual(state, beside=training), "in part fp16": half(state, "mlp")}


def lacks(key: str, words: str) -> Change:
    return lambda state: state.pop(key), words


def has(key: str, shape: tuple[int, ...], words: str) -> Change:
    return lambda state: state.update({key: torch.zeros(shape)}), words


def is_empty(name: str) -> Change:
    return lambda state: state.clear(), f"not a {name} checkpoint"


BIOVIL = biovil.BiovilConfig(TRUNK, 12, 10)
BIOVIL_T = biovil_t.BiovilTConfig(BIOVIL, 16, 2)
CONVIRT = convirt.ConvirtConfig(TRUNK, (64, 48, 20))
GLORIA = gloria.GloriaConfig(TRUNK, 24)
MEDCLIP = medclip_rn50.MedclipConfig(TRUNK, 24)
ALBEF = albef_xrem.AlbefConfig(size=64, patch=16, width=128, depth=2, hidden=192, projection=24)

TOWERS: dict[str, Tower] = {
    "albef-xrem": Tower(
        albef_xrem,
        ALBEF,
        lambda: albef_xrem.AlbefVisual(ALBEF),
        11,
        albef_forms,
        (
            lacks("visual_encoder.norm.bias", "1 keys missing (visual_encoder.norm.bias)"),
            has("visual_encoder.head.weight", (1,), "1 unknown"),
            has("visual_encoder.pos_embed", (1, 19, 128), "19 x 128"),
            lacks("visual_encoder.pos_embed", "visual_encoder.pos_embed missing"),
            has("visual_encoder.norm.bias", (5,), "visual_encoder.norm.bias is 5, expected 128"),
        ),
        64,
        24,
        ("embedding", "tokens"),
    ),
    "biovil": Tower(
        biovil,
        BIOVIL,
        lambda: biovil.BiovilImage(BIOVIL),
        8,
        biovil_forms,
        (
            lacks("projector.model.3.bias", "1 keys missing (projector.model.3.bias)"),
            has(
                "projector.model.0.weight",
                (12, 32, 1, 1),
                "projector.model.0.weight is 12x32x1x1, expected 12x64x1x1",
            ),
            has(
                "encoder.backbone_to_vit.weight",
                (2,),
                "1 unknown (encoder.backbone_to_vit.weight)",
            ),
            is_empty("biovil"),
        ),
        64,
        10,
    ),
    "biovil-t": Tower(
        biovil_t,
        BIOVIL_T,
        lambda: biovil_t.BiovilTImage(BIOVIL_T),
        13,
        biovil_t_forms,
        (
            lacks("encoder.missing_previous_emb", "1 keys missing (encoder.missing_previous_emb)"),
            lacks("encoder.backbone_to_vit.weight", "encoder.backbone_to_vit.weight missing"),
            has("head.weight", (2,), "1 unknown (head.weight)"),
            is_empty("biovil-t"),
        ),
        64,
        10,
    ),
    "convirt": Tower(
        convirt,
        CONVIRT,
        lambda: convirt.Convirt(CONVIRT),
        23,
        convirt_forms,
        (
            lacks("trunk.layer3.0.bn3.bias", "keys missing (trunk.layer3.0.bn3.bias)"),
            has("trunk.layer1.0.se.weight", (1,), "1 unknown"),
            has("projection.2.bias", (3,), "is 3, expected 20"),
            lacks("trunk.conv1.weight", "conv1.weight missing"),
        ),
        64,
        20,
    ),
    "gloria": Tower(
        gloria,
        GLORIA,
        lambda: gloria.GloriaImage(GLORIA),
        4,
        gloria_forms,
        (
            lacks("local_embedder.weight", "local_embedder.weight missing"),
            lacks("global_embedder.bias", "1 keys missing (global_embedder.bias)"),
            has("extra.weight", (2,), "1 unknown (extra.weight)"),
            is_empty("gloria"),
        ),
        224,
        24,
        ("embedding", "local"),
    ),
    "medclip-rn50": Tower(
        medclip_rn50,
        MEDCLIP,
        lambda: medclip_rn50.MedclipImage(MEDCLIP),
        1,
        medclip_forms,
        (
            lacks("model.fc.weight", "model.fc.weight missing"),
            lacks("model.layer2.1.bn1.bias", "1 keys missing (model.layer2.1.bn1.bias)"),
            has("model.bn1.bias", (9,), "model.bn1.bias is 9, expected 8"),
            has("model.fc.bias", (24,), "1 unknown (model.fc.bias)"),
            is_empty("medclip-rn50"),
        ),
        64,
        24,
    ),
    "resnet18-baseline": Tower(
        resnet18_baseline,
        BASIC,
        lambda: resnet18_baseline.Baseline(BASIC),
        21,
        resnet18_forms,
        (
            lacks("layer4.1.bn2.bias", "1 keys missing (trunk.layer4.1.bn2.bias)"),
            has("text", (1,), "1 unknown (trunk.text)"),
            has("bn1.bias", (5,), "trunk.bn1.bias is 5, expected 8"),
            lacks("conv1.weight", "conv1.weight missing"),
        ),
        64,
        24,
        stored="trunk.",
    ),
}
