"""The two losses of DCCLIP (Zhou & Wang, EMNLP 2024, section 3), in torch."""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Step 1: binary cross-entropy over what was labelled.

    Args:
        logits: float32 (N, K), log-odds.
        targets: float32 (N, K), 0..1; soft targets are allowed.
        mask: float32 (N, K), 1 where the target counts, 0 where the report was uncertain.

    Returns:
        The mean over all that counts; 0 where nothing does.
    """
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (each * mask).sum() / mask.sum().clamp_min(1.0)


def label_similarity(images: Tensor, texts: Tensor, same: Tensor) -> Tensor:
    """Equation 3: the cosine of label vectors.

    A vector without a positive has no direction; such a picture or text is taken as similar to its
    own partner and to nothing else, so that no division by zero reaches the loss.

    Args:
        images: float32 (N, K), 0 or 1, labels of the pictures.
        texts: float32 (M, K), labels of the texts.
        same: float32 (N, M), 1 where picture i and text j belong together.

    Returns:
        s, float32 (N, M), 0..1.
    """
    lengths = images.norm(dim=1)[:, None] * texts.norm(dim=1)[None, :]
    cosine = images @ texts.T / lengths.clamp_min(1e-12)
    return torch.where(lengths > 0, cosine, same)


def soft_targets(similarity: Tensor, neighbours: Tensor, sharpness: float = 1.0) -> Tensor:
    """Equations 4 to 6: ``y_ij = softmax_j(w_ij s_ij)``, ``w_ij = sim_ij / 2 + 0.5``.

    Args:
        similarity: s, float32 (N, N).
        neighbours: sim, float32 (N, N): cosine between the texts for the picture-to-text
            direction, between the pictures for the reverse; -1..1.
        sharpness: divides the product inside the softmax; 1 is the paper's.

    Returns:
        y, float32 (N, N), rows sum to 1.
    """
    weights = neighbours / 2 + 0.5
    return torch.softmax(weights * similarity / sharpness, dim=1)


def matching_loss(
    images: Tensor,
    texts: Tensor,
    similarity: Tensor,
    temperature: Tensor,
    sharpness: float = 1.0,
) -> Tensor:
    """Equations 3 to 9: both cross-entropies between logits and soft targets, averaged.

    The reverse weight is printed ``sim(v_i, v_i)``, which is always 1; it is read as
    ``sim(v_i, v_j)``. Targets are constants: no gradient flows through them.

    Args:
        images: float32 (N, P), L2-normalised.
        texts: float32 (N, P), L2-normalised; row i belongs to picture i.
        similarity: s of equation 3, float32 (N, N).
        temperature: tau, a positive scalar.
        sharpness: as in :func:`soft_targets`.

    Returns:
        The scalar loss.
    """
    logits = images @ texts.T / temperature
    with torch.no_grad():
        to_text = soft_targets(similarity, texts @ texts.T, sharpness)
        to_image = soft_targets(similarity.T, images @ images.T, sharpness)
    forward = -(to_text * F.log_softmax(logits, dim=1)).sum(dim=1).mean()
    backward = -(to_image * F.log_softmax(logits.T, dim=1)).sum(dim=1).mean()
    return (forward + backward) / 2


def balanced_weights(positive: Tensor, floor: float = 0.01) -> Tensor:
    """How often each sample is drawn, so that rare observations are seen more often.

    A sample weighs as much as its rarest positive observation, the square root of one over its
    frequency; the full inverse repeats a handful of pictures until they are learnt by heart.

    Args:
        positive: float32 (N, K), 1 where the observation is asserted.
        floor: lowest frequency that counts.

    Returns:
        float64 (N,), sums to 1.
    """
    frequency = positive.double().mean(dim=0).clamp_min(floor)
    weights = (positive.double() * frequency.rsqrt()).amax(dim=1).clamp_min(1.0)
    return weights / weights.sum()
