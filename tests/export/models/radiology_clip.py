"""Small CLIPs with made-up weights, and the same in the words of ``transformers``."""

import torch
from torch import Tensor

from cxr_edge.export.models.clip import Clip, ClipConfig

VOCABULARY = 49408


def small_config(
    image_size: int = 224, patch: int = 32, vocabulary: int = VOCABULARY
) -> ClipConfig:
    """Two heads in the image tower, one in the text tower, two blocks each."""
    return ClipConfig(image_size, patch, 128, 2, 77, vocabulary, 64, 2, 32)


def made_up(config: ClipConfig, seed: int = 0) -> dict[str, Tensor]:
    """A state dict with activations of the size that trained ones have."""
    source = torch.Generator().manual_seed(seed)
    state = {}
    for key, tensor in Clip(config).state_dict().items():
        drawn = torch.randn(tensor.shape, generator=source)
        if ".ln_" in key or key.startswith("ln_"):
            state[key] = drawn * 0.2 + float(key.endswith("weight"))
        elif tensor.ndim == 0:
            state[key] = torch.tensor(4.6)
        else:
            state[key] = drawn * 2.0 / max(tensor[0].numel(), 16) ** 0.5
    return state


def as_the_loader_leaves_it(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """FP16 where OpenAI's code converts: kernels, Linear layers, attention and both projections."""
    kept = ("embedding", "ln_", "logit_scale")
    return {
        key: tensor if any(word in key for word in kept) else tensor.half()
        for key, tensor in state.items()
    }


def _blocks(state: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    names = {
        "attn.out_proj": "self_attn.out_proj",
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
    }
    renamed = {}
    for key, tensor in state.items():
        if not key.startswith(old):
            continue
        number, _, rest = key.removeprefix(old).partition(".")
        start = f"{new}{number}."
        if rest.startswith("attn.in_proj_"):
            kind = rest.removeprefix("attn.in_proj_")
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                renamed[f"{start}self_attn.{part}_proj.{kind}"] = piece
        else:
            stem, _, kind = rest.rpartition(".")
            renamed[f"{start}{names[stem]}.{kind}"] = tensor
    return renamed


def transformers_towers(config: ClipConfig, state: dict[str, Tensor], activation="quick_gelu"):
    """The image and the text tower of ``transformers`` with the same weights."""
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    vision = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=config.width,
            intermediate_size=4 * config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.width // 64,
            image_size=config.image_size,
            patch_size=config.patch,
            projection_dim=config.dimension,
            hidden_act=activation,
        )
    )
    parts = {
        "embeddings.class_embedding": state["visual.class_embedding"],
        "embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "pre_layrnorm.weight": state["visual.ln_pre.weight"],
        "pre_layrnorm.bias": state["visual.ln_pre.bias"],
        "post_layernorm.weight": state["visual.ln_post.weight"],
        "post_layernorm.bias": state["visual.ln_post.bias"],
        **_blocks(state, "visual.transformer.resblocks.", "encoder.layers."),
    }
    _fill(
        vision,
        {f"vision_model.{key}": tensor for key, tensor in parts.items()}
        | {"visual_projection.weight": state["visual.proj"].T},
    )
    text = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.text_width,
            intermediate_size=4 * config.text_width,
            num_hidden_layers=config.text_layers,
            num_attention_heads=config.text_width // 64,
            max_position_embeddings=config.context,
            projection_dim=config.dimension,
            hidden_act=activation,
            eos_token_id=config.vocabulary - 1,
            bos_token_id=config.vocabulary - 2,
        )
    )
    parts = {
        "embeddings.token_embedding.weight": state["token_embedding.weight"],
        "embeddings.position_embedding.weight": state["positional_embedding"],
        "final_layer_norm.weight": state["ln_final.weight"],
        "final_layer_norm.bias": state["ln_final.bias"],
        **_blocks(state, "transformer.resblocks.", "encoder.layers."),
    }
    _fill(
        text,
        {f"text_model.{key}": tensor for key, tensor in parts.items()}
        | {"text_projection.weight": state["text_projection"].T},
    )
    return vision.eval(), text.eval()


def _fill(module: torch.nn.Module, tensors: dict[str, Tensor]) -> None:
    answer = module.load_state_dict(tensors, strict=False)
    assert not answer.unexpected_keys
    assert all(key.endswith("position_ids") for key in answer.missing_keys)
