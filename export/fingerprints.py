"""By what names and shapes each architecture's checkpoint is known.

Where a network's sizes are its owner's choice, they are read from the file: a fingerprint then asks
that the shapes agree with one another.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cxr_edge.export import layouts
from cxr_edge.export.layouts import Shape, Shapes, affine, batch_norm, prefixed

_RESNET50 = (3, 4, 6, 3)
_COUNTERS = r"num_batches_tracked$|position_ids$"
"""Left out or kept as the writing program pleased."""


@dataclass(frozen=True)
class Fingerprint:
    """How to know one architecture's checkpoint.

    Attributes:
        expected: what the file should hold, given the shapes it has.
        prefixes: may stand in front of every name, in any order.
        renames: pattern and replacement of names that other programs use.
        unused: pattern of names that may be there and are not read.
    """

    expected: Callable[[Shapes], Shapes]
    prefixes: tuple[str, ...]
    unused: str
    renames: tuple[tuple[str, str], ...] = ()

    def bare(self, shapes: Mapping[str, Shape]) -> Shapes:
        """The file's tensors under the names of ``expected``, without the unused ones."""
        found: Shapes = {}
        for name, shape in shapes.items():
            short = name
            while leading := next((p for p in self.prefixes if short.startswith(p)), None):
                short = short[len(leading) :]
            for pattern, replacement in self.renames:
                short = re.sub(pattern, replacement, short)
            if not re.search(rf"{_COUNTERS}|{self.unused}", short):
                found.setdefault(short, shape)
        return found


def _size(shapes: Shapes, name: str, axis: int, default: int) -> int:
    """One size as the file has it, or a usual one where the file does not say."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else default


def _trunk(prefix: str) -> Shapes:
    return prefixed(prefix, layouts.resnet(_RESNET50, bottleneck=True))


def _chexbert(_: Shapes) -> Shapes:
    heads = [affine(f"linear_heads.{k}", 4 if k < 13 else 2, 768) for k in range(14)]
    return prefixed("bert.", layouts.bert(30522)) | layouts.merged(heads)


def _dcclip(found: Shapes) -> Shapes:
    dimension = _size(found, "image.head.project.weight", 0, 128)
    bert = _size(found, "text.bert.embeddings.word_embeddings.weight", 0, 0)
    if "image.trunk.conv1.weight" in found:
        trunk, features = _trunk("image.trunk."), 2048
    else:
        width = _size(found, "image.trunk.stem.0.weight", 0, 32)
        channels = _size(found, "image.trunk.stem.0.weight", 1, 1)
        trunk, features = prefixed("image.trunk.", _small_trunk(width, channels)), 16 * width
    if bert:
        # Retrieval does without the pooler.
        encoder = prefixed("text.bert.", layouts.bert(bert))
        text, hidden = {k: s for k, s in encoder.items() if ".pooler." not in k}, 768
    else:
        hidden = _size(found, "text.body.0.weight", 0, 256)
        vocabulary = _size(found, "text.body.0.weight", 1, 2048)
        text = {
            "log_temperature": (),
            "tokenizer.weights": (vocabulary,),
            **affine("text.body.0", hidden, vocabulary),
            **affine("text.body.3", hidden, hidden),
        }
    return {
        **trunk,
        **affine("image.head.project", dimension, features + 14),
        **affine("image.head.observe", 14, dimension),
        **text,
        **affine("text.head.project", dimension, hidden + 14),
        **affine("text.head.observe", 14, dimension),
    }


def _small_trunk(width: int, channels: int) -> Shapes:
    shapes: Shapes = {"stem.0.weight": (width, channels, 7, 7)} | batch_norm("stem.1", width)
    inputs = width
    for stage, outputs in enumerate((width, 2 * width, 4 * width, 8 * width)):
        name = f"stages.{stage}"
        for k, of in ((1, inputs), (2, outputs)):
            shapes[f"{name}.conv{k}.weight"] = (outputs, of, 3, 3)
            shapes |= batch_norm(f"{name}.bn{k}", outputs)
        if stage > 0:
            shapes[f"{name}.shortcut.1.weight"] = (outputs, inputs, 1, 1)
            shapes |= batch_norm(f"{name}.shortcut.2", outputs)
        inputs = outputs
    return shapes


def _dcrrg(found: Shapes) -> Shapes:
    vocabulary = _size(found, "embedding.weight", 0, 0)
    width = _size(found, "embedding.weight", 1, 512)
    hidden = _size(found, "layers.0.linear1.weight", 0, 4 * width)
    count = len({name.split(".")[1] for name in found if name.startswith("layers.")}) or 2
    attention: Shapes = {
        "in_proj_weight": (3 * width, width),
        "in_proj_bias": (3 * width,),
        **affine("out_proj", width, width),
    }
    layer = layouts.merged(
        [
            prefixed("self_attn.", attention),
            prefixed("multihead_attn.", attention),
            affine("linear1", hidden, width),
            affine("linear2", width, hidden),
            *(affine(f"norm{k}", width) for k in (1, 2, 3)),
        ]
    )
    shapes = {"embedding.weight": (vocabulary, width), **affine("head", vocabulary, width)}
    shapes |= layouts.merged(prefixed(f"layers.{k}.", layer) for k in range(count))
    if "memory.weight" in found or "memory.bias" in found:
        shapes |= affine("memory", width, _size(found, "memory.weight", 1, width))
    if "position.weight" in found:
        shapes["position.weight"] = (_size(found, "position.weight", 0, 0), width)
    if "prefix" in found:
        shapes["prefix"] = (_size(found, "prefix", 0, 0), 2 * count * width)
    if "image.trunk.conv1.weight" in found:
        shapes |= _dcrrg_image(found, _size(found, "memory.weight", 1, width))
    return shapes


def _dcrrg_image(found: Shapes, memory: int) -> Shapes:
    """The image side, where it is stored with the decoder: its embeddings are the memory."""
    return {
        **_trunk("image.trunk."),
        **affine("image.head.project", memory, 2048 + 14),
        **affine("image.head.observe", 14, memory),
    }


def _eva02(found: Shapes) -> Shapes:
    places = _size(found, "pos_embed", 1, 1025)
    dimension = _size(found, "head.weight", 0, 1280)
    return layouts.eva02_large(places if places in (577, 1025) else 1025, dimension)


def _llm2vec(found: Shapes) -> Shapes:
    width = _size(found, "embed_tokens.weight", 1, 2048)
    latents = _size(found, "latent_attn.latents", 0, 512)
    return {
        **layouts.llama(
            _size(found, "embed_tokens.weight", 0, 128256),
            width,
            _size(found, "layers.0.mlp.gate_proj.weight", 0, 8192),
            len({name.split(".")[1] for name in found if name.startswith("layers.")}) or 16,
            _size(found, "layers.0.self_attn.k_proj.weight", 0, 512),
        ),
        "latent_attn.latents": (latents, width),
        "latent_attn.multihead_attn.in_proj_weight": (3 * width, width),
        "latent_attn.multihead_attn.in_proj_bias": (3 * width,),
        **affine("latent_attn.multihead_attn.out_proj", width, width),
        **affine("latent_attn.mlp.0", width, width),
        **affine("latent_attn.mlp.2", width, width),
    }


def _liu2019(found: Shapes) -> Shapes:
    width = _size(found, "image_proj.weight", 0, 256)
    vocabulary = _size(found, "embeddings.weight", 0, 0)
    embedding = _size(found, "embeddings.weight", 1, width)
    places = _size(found, "vs_att_v.weight", 0, 49)
    end = "_l0" if "lstm_sent.weight_ih_l0" in found else ""
    word = 2 * width + embedding
    return {
        **prefixed("image_feats.", layouts.densenet121()),
        **affine("image_proj", width, 1024),
        **(affine("image_proj2", width, 1024) if "image_proj2.weight" in found else {}),
        **_lstm("lstm_sent", end, width, width),
        **affine("topic_dense", width, width),
        **affine("stop_dense", 1, width),
        "vs_att_h.weight": (1, places),
        **{f"vs_att_{part}.weight": (places, width) for part in "vgs"},
        "vs_dense1.weight": (width, word),
        "vs_dense2.weight": (width, width),
        **_lstm("lstm_word", "", word, width),
        "embeddings.weight": (vocabulary, embedding),
        "word_dense.weight": (vocabulary, width),
    }


def _lstm(name: str, end: str, inputs: int, width: int) -> Shapes:
    return {
        f"{name}.weight_ih{end}": (4 * width, inputs),
        f"{name}.weight_hh{end}": (4 * width, width),
        f"{name}.bias_ih{end}": (4 * width,),
        f"{name}.bias_hh{end}": (4 * width,),
    }


def _projector(features: int) -> Shapes:
    return {
        "projector.model.0.weight": (128, features, 1, 1),
        **batch_norm("projector.model.1", 128),
        **affine("projector.model.3", 128, 128, 1, 1),
    }


def _albef(found: Shapes) -> Shapes:
    places = _size(found, "visual_encoder.pos_embed", 1, 257)
    shapes = prefixed("visual_encoder.", layouts.albef_visual(577 if places == 577 else 257))
    if places != 577 or "vision_proj.weight" in found:
        shapes |= affine("vision_proj", _size(found, "vision_proj.weight", 0, 256), 768)
    return shapes


def _convirt(found: Shapes) -> Shapes:
    hidden = _size(found, "projection.0.weight", 0, 2048)
    shapes = _trunk("") | affine("projection.0", hidden, 2048)
    if "projection.2.weight" in found:
        shapes |= affine("projection.2", _size(found, "projection.2.weight", 0, 512), hidden)
    return shapes


_CLIP_PREFIXES = ("module.", "model.", "clip_model.", "clip.")
_CLIP_UNUSED = r"^(input_resolution|context_length|vocab_size)$"
_B32 = Fingerprint(lambda _: layouts.clip(32, 224, 512), _CLIP_PREFIXES, _CLIP_UNUSED)
_DENSE_NAMES = (
    (r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2."),
    (r"^(image_feats\.)(?:features\.)?conv0\.", r"\g<1>0."),
    (r"^(image_feats\.)(?:features\.)?norm0\.", r"\g<1>1."),
    (r"^(image_feats\.)(?:features\.)?norm5\.", r"\g<1>11."),
    *(
        (rf"^(image_feats\.)(?:features\.)?denseblock{k}\.", rf"\g<1>{2 + 2 * k}.")
        for k in range(1, 5)
    ),
    *(
        (rf"^(image_feats\.)(?:features\.)?transition{k}\.", rf"\g<1>{3 + 2 * k}.")
        for k in range(1, 4)
    ),
)
_RESNET_POSITIONS = {0: "conv1", 1: "bn1", 4: "layer1", 5: "layer2", 6: "layer3", 7: "layer4"}

FINGERPRINTS: dict[str, Fingerprint] = {
    "cxr-repair-vit-b32": _B32,
    "chexzero": _B32,
    "cxr-repair-vit-b16-320": Fingerprint(
        lambda _: layouts.clip(16, 320, 768), _CLIP_PREFIXES, _CLIP_UNUSED
    ),
    "chexbert": Fingerprint(
        _chexbert,
        ("module.", "model."),
        r"^(bert\.)?cls\.",
        ((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
    ),
    "dcclip": Fingerprint(
        _dcclip,
        ("module.", "model."),
        r"^image\.trunk\.fc\.|^text\.bert\.(cls|pooler)\.",
        ((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
    ),
    "dcrrg-decoder": Fingerprint(_dcrrg, ("module.", "decoder."), r"^$"),
    "llm2clip4cxr-vision": Fingerprint(
        _eva02,
        ("module.", "model.", "visual."),
        r"^text\.|^logit_scale$|^mask_token$|rope\.freqs_",
        ((r"attn\.([qv])_bias$", r"attn.\1_proj.bias"),),
    ),
    # The language model's own file; the other one is known as llm2clip4cxr-vision.
    "llm2vec4cxr-text": Fingerprint(
        _llm2vec,
        ("module.", "text.core.", "text.model.", "base_model.", "model."),
        r"^visual\.|^text\.projection\.|^logit_scale$|\.lora_|rotary_emb\.inv_freq$|^lm_head\.",
        ((r"\.base_layer\.", "."),),
    ),
    "liu2019": Fingerprint(_liu2019, ("module.", "model."), r"classifier\.", _DENSE_NAMES),
    "medclip-rn50": Fingerprint(
        lambda _: _trunk("model.") | {"model.fc.weight": (512, 2048)},
        ("module.", "vision_model."),
        r"^text_model\.|^logit_scale$",
    ),
    "gloria": Fingerprint(
        lambda _: (
            _trunk("model.")
            | affine("global_embedder", 768, 2048)
            | {"local_embedder.weight": (768, 1024, 1, 1)}
        ),
        ("module.", "model.gloria.", "gloria.", "img_encoder."),
        r"^text_encoder\.|^model\.fc\.",
    ),
    "biovil": Fingerprint(
        lambda _: _trunk("encoder.encoder.") | _projector(2048),
        ("module.", "model.", "image_model.", "image_encoder."),
        r"^encoder\.encoder\.fc\.|^classifier\.",
    ),
    "biovil-t": Fingerprint(
        lambda _: (
            _trunk("encoder.encoder.")
            | prefixed("encoder.", layouts.temporal_pooler())
            | _projector(512)
        ),
        ("module.", "model.", "image_model.", "image_encoder."),
        r"^encoder\.encoder\.fc\.|^classifier\.",
    ),
    "albef-xrem": Fingerprint(_albef, ("module.",), r"^(?!visual_encoder\.|vision_proj\.)"),
    "resnet18-baseline": Fingerprint(
        lambda _: layouts.resnet((2, 2, 2, 2), bottleneck=False),
        ("module.", "model.", "encoder_q.", "backbone."),
        r"^fc\.|^encoder_k\.|^queue",
    ),
    "convirt": Fingerprint(
        _convirt,
        ("module.", "model.", "img_encoder.", "image_encoder.", "backbone.", "trunk."),
        r"^(bert|text|txt)_|^fc\.",
        (
            *((rf"^res_features\.{k}\.", f"{name}.") for k, name in _RESNET_POSITIONS.items()),
            (r"^res_l1\.", "projection.0."),
            (r"^res_l2\.", "projection.2."),
            (r"^projection\.(weight|bias)$", r"projection.0.\1"),
        ),
    ),
}
"""By architecture. The first two are one network, trained by different authors."""
