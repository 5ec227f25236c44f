"""DCRRG's decoder on whole sequences, without a cache: what the two exported graphs must equal.

Every sequence is computed anew from its first token, with the P-Tuning v2 prompt concatenated
before the keys and values of every layer and a causal mask.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from cxr_edge.export.models.dcrrg_decoder import Attention, Decoder, Layer
from cxr_edge.export.plain_search import Tokens, plain_search
from cxr_edge.export.spec import Written


def hidden_states(decoder: Decoder, memory: Tensor, tokens: Tensor) -> Tensor:
    """The last layer's output for whole sequences.

    Args:
        decoder: the reference module; differentiable.
        memory: float32 (N, S, P).
        tokens: int64 (N, T), the start included.

    Returns:
        float32 (N, T, d); ``decoder.head`` makes logits of it.
    """
    count, length = tokens.shape
    config = decoder.config
    x = decoder.embedding(tokens)
    if decoder.position is not None:
        x = x + decoder.position(torch.arange(length, device=tokens.device))
    if decoder.memory is not None:
        memory = decoder.memory(memory)
    past = torch.ones(length, config.prefix, dtype=torch.bool, device=tokens.device)
    own = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
    visible = torch.cat([past, own], dim=1)
    for number, module in enumerate(decoder.layers):
        layer = cast(Layer, module)
        before = None
        if decoder.prefix is not None:
            slots = decoder.prefix.view(config.prefix, config.layers, 2, config.width)[:, number]
            before = tuple(slots[:, k].expand(count, -1, -1) for k in (0, 1))
        x = layer.norm1(x + _attend(layer.self_attn, x, x, visible, before))
        x = layer.norm2(x + _attend(layer.multihead_attn, x, memory))
        x = layer.norm3(x + layer.linear2(torch.relu(layer.linear1(x))))
    return cast(Tensor, x)


def _attend(
    attention: Attention,
    asking: Tensor,
    asked: Tensor,
    visible: Tensor | None = None,
    before: tuple[Tensor, ...] | None = None,
) -> Tensor:
    """Attention of (N, T, d) over (N, S, d), with further keys and values (N, m, d) before them."""
    weights = attention.in_proj_weight.chunk(3)
    biases = attention.in_proj_bias.chunk(3)
    queries, keys, values = (
        F.linear(x, w, b) for x, w, b in zip((asking, asked, asked), weights, biases, strict=True)
    )
    if before is not None:
        keys, values = (torch.cat(pair, 1) for pair in zip(before, (keys, values), strict=True))

    def split(x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], attention.heads, -1).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(split(queries), split(keys), split(values), visible)
    return cast(Tensor, attention.out_proj(mixed.transpose(1, 2).flatten(2)))


def write(
    decoder: Decoder, seen: Mapping[str, NDArray[np.float32]], decoding: Mapping[str, Any]
) -> Written:
    """One report of each picture, as ``cxr_edge.decoding.CachedDecoder.write`` should write it."""
    return [
        [_report(decoder, torch.from_numpy(memory[None]), decoding)] for memory in seen["memory"]
    ]


def _report(decoder: Decoder, memory: Tensor, decoding: Mapping[str, Any]) -> Tokens:
    def following(sequences: Sequence[Tokens]) -> NDArray[np.float32]:
        tokens = torch.tensor(sequences)
        with torch.inference_mode():
            last = hidden_states(decoder, memory.expand(len(tokens), -1, -1), tokens)[:, -1]
            return np.asarray(decoder.head(last).float().numpy())

    return plain_search(following, **{k: decoding[k] for k in ("start", "end", "beams", "limit")})
