"""Names and shapes of the published networks' tensors, written as rules and built on demand.

Only what a loader needs is built: counters of batch normalisation, unused classifiers and tables
that are computed anew are left out. No torch: ``cxr-export --check`` uses this.
"""

from collections.abc import Iterable

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    """The same under longer names."""
    return {prefix + name: shape for name, shape in shapes.items()}


def merged(parts: Iterable[Shapes]) -> Shapes:
    """All parts together."""
    return {name: shape for part in parts for name, shape in part.items()}


def affine(name: str, *shape: int) -> Shapes:
    """A weight and a bias as long as its first axis: Linear, Conv2d, LayerNorm."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def batch_norm(name: str, channels: int) -> Shapes:
    """BatchNorm2d without its counter."""
    running = {f"{name}.running_{kind}": (channels,) for kind in ("mean", "var")}
    return affine(name, channels) | running


def resnet(counts: tuple[int, ...], *, bottleneck: bool) -> Shapes:
    """A residual trunk without its classifier (He et al., CVPR 2016).

    Args:
        counts: blocks of each stage; (3, 4, 6, 3) with ``bottleneck`` is ResNet-50.
        bottleneck: three convolutions a block instead of two.
    """
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7)} | batch_norm("bn1", 64)
    inputs = 64
    for stage, count in enumerate(counts):
        planes = 64 * 2**stage
        outputs = planes * (4 if bottleneck else 1)
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            sizes = [(planes, inputs, 3), (outputs, planes, 3)]
            if bottleneck:
                sizes = [(planes, inputs, 1), (planes, planes, 3), (outputs, planes, 1)]
            for k, (to, of, side) in enumerate(sizes, start=1):
                shapes[f"{name}.conv{k}.weight"] = (to, of, side, side)
                shapes |= batch_norm(f"{name}.bn{k}", to)
            if block == 0 and (inputs != outputs or stage > 0):
                shapes[f"{name}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                shapes |= batch_norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    return shapes


def densenet121() -> Shapes:
    """DenseNet-121's features by position (Huang et al., CVPR 2017)."""
    shapes: Shapes = {"0.weight": (64, 3, 7, 7)} | batch_norm("1", 64)
    channels = 64
    for block, count in enumerate((6, 12, 24, 16)):
        for layer in range(count):
            name, inputs = f"{4 + 2 * block}.denselayer{layer + 1}", channels + 32 * layer
            shapes |= batch_norm(f"{name}.norm1", inputs) | batch_norm(f"{name}.norm2", 128)
            shapes[f"{name}.conv1.weight"] = (128, inputs, 1, 1)
            shapes[f"{name}.conv2.weight"] = (32, 128, 3, 3)
        channels += 32 * count
        if block < 3:
            name = f"{5 + 2 * block}"
            shapes |= batch_norm(f"{name}.norm", channels)
            shapes[f"{name}.conv.weight"] = (channels // 2, channels, 1, 1)
            channels //= 2
    return shapes | batch_norm("11", channels)


def clip(patch: int, image: int, dimension: int) -> Shapes:
    """CLIP with a ViT-B image tower (Radford et al., ICML 2021)."""
    places = (image // patch) ** 2 + 1
    visual = {
        "class_embedding": (768,),
        "positional_embedding": (places, 768),
        "proj": (768, dimension),
        "conv1.weight": (768, 3, patch, patch),
        **affine("ln_pre", 768),
        **affine("ln_post", 768),
        **_clip_blocks(768),
    }
    return {
        "positional_embedding": (77, 512),
        "text_projection": (512, dimension),
        "logit_scale": (),
        "token_embedding.weight": (49408, 512),
        **affine("ln_final", 512),
        **_clip_blocks(512),
        **prefixed("visual.", visual),
    }


def _clip_blocks(width: int) -> Shapes:
    block = merged(
        [
            {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)},
            affine("attn.out_proj", width, width),
            affine("ln_1", width),
            affine("ln_2", width),
            affine("mlp.c_fc", 4 * width, width),
            affine("mlp.c_proj", width, 4 * width),
        ]
    )
    return merged(prefixed(f"transformer.resblocks.{k}.", block) for k in range(12))


def bert(vocabulary: int) -> Shapes:
    """BERT-base (Devlin et al., NAACL 2019)."""
    layer = merged(
        [
            *(affine(f"attention.self.{part}", 768, 768) for part in ("query", "key", "value")),
            affine("attention.output.dense", 768, 768),
            affine("attention.output.LayerNorm", 768),
            affine("intermediate.dense", 3072, 768),
            affine("output.dense", 768, 3072),
            affine("output.LayerNorm", 768),
        ]
    )
    return {
        "embeddings.word_embeddings.weight": (vocabulary, 768),
        "embeddings.position_embeddings.weight": (512, 768),
        "embeddings.token_type_embeddings.weight": (2, 768),
        **affine("embeddings.LayerNorm", 768),
        **merged(prefixed(f"encoder.layer.{k}.", layer) for k in range(12)),
        **affine("pooler.dense", 768, 768),
    }


def llama(vocabulary: int, width: int, hidden: int, layers: int, shared: int) -> Shapes:
    """Llama 3 (arXiv 2407.21783); ``shared`` channels of keys and of values."""
    layer = {
        "self_attn.q_proj.weight": (width, width),
        "self_attn.k_proj.weight": (shared, width),
        "self_attn.v_proj.weight": (shared, width),
        "self_attn.o_proj.weight": (width, width),
        "mlp.gate_proj.weight": (hidden, width),
        "mlp.up_proj.weight": (hidden, width),
        "mlp.down_proj.weight": (width, hidden),
        "input_layernorm.weight": (width,),
        "post_attention_layernorm.weight": (width,),
    }
    return {
        "embed_tokens.weight": (vocabulary, width),
        **merged(prefixed(f"layers.{k}.", layer) for k in range(layers)),
        "norm.weight": (width,),
    }


def eva02_large(places: int, dimension: int) -> Shapes:
    """EVA02-L/14 (Fang et al., 2023), its rotary tables left out."""
    block = merged(
        [
            affine("norm1", 1024),
            affine("attn.q_proj", 1024, 1024),
            {"attn.k_proj.weight": (1024, 1024)},
            affine("attn.v_proj", 1024, 1024),
            affine("attn.inner_attn_ln", 1024),
            affine("attn.proj", 1024, 1024),
            affine("norm2", 1024),
            affine("mlp.w1", 2730, 1024),
            affine("mlp.w2", 2730, 1024),
            affine("mlp.ffn_ln", 2730),
            affine("mlp.w3", 1024, 2730),
        ]
    )
    return {
        "cls_token": (1, 1, 1024),
        "pos_embed": (1, places, 1024),
        **affine("patch_embed.proj", 1024, 3, 14, 14),
        **merged(prefixed(f"blocks.{k}.", block) for k in range(24)),
        **affine("norm", 1024),
        **affine("head", dimension, 1024),
    }


def albef_visual(places: int) -> Shapes:
    """ALBEF's ViT-B/16 (Li et al., NeurIPS 2021)."""
    block = merged(
        [
            affine("norm1", 768),
            affine("attn.qkv", 2304, 768),
            affine("attn.proj", 768, 768),
            affine("norm2", 768),
            affine("mlp.fc1", 3072, 768),
            affine("mlp.fc2", 768, 3072),
        ]
    )
    return {
        "cls_token": (1, 1, 768),
        "pos_embed": (1, places, 768),
        **affine("patch_embed.proj", 768, 3, 16, 16),
        **merged(prefixed(f"blocks.{k}.", block) for k in range(12)),
        **affine("norm", 768),
    }


def temporal_pooler() -> Shapes:
    """What BioViL-T has beyond BioViL (Bannur et al., CVPR 2023)."""
    block = merged(
        [
            affine("norm1", 256),
            {f"attn.proj_{part}.weight": (256, 256) for part in "qkv"},
            affine("attn.proj", 256, 256),
            affine("norm2", 256),
            affine("mlp.fc1", 256, 256),
            affine("mlp.fc2", 256, 256),
        ]
    )
    return {
        "missing_previous_emb": (1, 256, 1, 1),
        "backbone_to_vit.weight": (256, 2048, 1, 1),
        "vit_pooler.type_embed": (2, 1, 256),
        **merged(prefixed(f"vit_pooler.blocks.{k}.", block) for k in range(3)),
        **affine("vit_pooler.norm_post", 256),
    }
