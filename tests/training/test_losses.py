"""The losses against plain loops in float64 that follow the paper's equations one by one."""

import math

import numpy as np
import pytest
import torch

from cxr_edge.training.losses import (
    balanced_weights,
    label_similarity,
    masked_cross_entropy,
    matching_loss,
    soft_targets,
)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def reference_matching_loss(v, t, l_img, l_txt, tau, sharpness) -> float:
    """Equations 3 to 9, scalar by scalar."""
    n = len(v)
    s = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            if l_img[i].any() and l_txt[j].any():
                s[i][j] = cosine(l_img[i], l_txt[j])  # (3)
            else:
                s[i][j] = 1.0 if i == j else 0.0
    total = 0.0
    for queries, keys, transposed in ((v, t, False), (t, v, True)):
        loss = 0.0
        for i in range(n):
            weighed, logits = [], []
            for j in range(n):
                w = cosine(keys[i], keys[j]) / 2 + 0.5  # (4)
                s_ij = s[j][i] if transposed else s[i][j]
                weighed.append(w * s_ij / sharpness)
                logits.append(cosine(queries[i], keys[j]) / tau)  # (6)
            y = [math.exp(x) / sum(math.exp(z) for z in weighed) for x in weighed]  # (5)
            y_hat = [math.exp(x) / sum(math.exp(z) for z in logits) for x in logits]  # (7)
            loss -= sum(a * math.log(b) for a, b in zip(y, y_hat, strict=True))  # (8)
        total += loss / n
    return total / 2  # (9)


def sample(n: int = 7, p: int = 5, seed: int = 0):
    rng = np.random.default_rng(seed)
    v, t = rng.standard_normal((2, n, p))
    l_img, l_txt = rng.integers(0, 2, (2, n, 14)).astype(float)
    l_img[2] = 0  # a picture whose report asserts nothing
    l_txt[4] = 0
    return v, t, l_img, l_txt


@pytest.mark.parametrize("sharpness", [1.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_matching_loss_is_the_papers(seed: int, sharpness: float) -> None:
    v, t, l_img, l_txt = sample(seed=seed)
    tensors = [torch.tensor(a, dtype=torch.float64) for a in (v, t, l_img, l_txt)]
    images, texts = (torch.nn.functional.normalize(x, dim=1) for x in tensors[:2])
    same = torch.eye(len(v), dtype=torch.float64)
    similarity = label_similarity(tensors[2], tensors[3], same)
    got = matching_loss(images, texts, similarity, torch.tensor(0.07), sharpness)
    want = reference_matching_loss(v, t, l_img, l_txt, 0.07, sharpness)
    assert float(got) == pytest.approx(want, rel=1e-6)


def test_a_label_vector_without_a_positive_gives_no_nan() -> None:
    nothing = torch.zeros(3, 14)
    similarity = label_similarity(nothing, nothing, torch.eye(3))
    assert torch.equal(similarity, torch.eye(3))
    images = torch.nn.functional.normalize(torch.randn(3, 4), dim=1).requires_grad_()
    loss = matching_loss(images, images.detach(), similarity, torch.tensor(0.07))
    loss.backward()
    assert torch.isfinite(loss)
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()


def test_targets_carry_no_gradient() -> None:
    v, t, l_img, l_txt = (torch.tensor(a, dtype=torch.float64) for a in sample())
    similarity = label_similarity(l_img, l_txt, torch.eye(len(v), dtype=torch.float64))
    fixed = soft_targets(similarity, torch.nn.functional.normalize(t, dim=1) @ t.T)
    assert not fixed.requires_grad
    torch.testing.assert_close(fixed.sum(1), torch.ones(len(v), dtype=torch.float64))


def test_cross_entropy_leaves_uncertain_out() -> None:
    rng = np.random.default_rng(1)
    logits, targets = rng.standard_normal((4, 14)), rng.integers(0, 2, (4, 14)).astype(float)
    mask = rng.integers(0, 2, (4, 14)).astype(float)
    terms = [
        -(y * math.log(1 / (1 + math.exp(-z))) + (1 - y) * math.log(1 - 1 / (1 + math.exp(-z))))
        for z, y, m in zip(logits.flat, targets.flat, mask.flat, strict=True)
        if m
    ]
    got = masked_cross_entropy(*(torch.tensor(a) for a in (logits, targets, mask)))
    assert float(got) == pytest.approx(sum(terms) / len(terms))
    assert float(masked_cross_entropy(torch.randn(2, 3), torch.ones(2, 3), torch.zeros(2, 3))) == 0


def test_balance_draws_by_the_rarest_observation() -> None:
    positive = torch.zeros(100, 2)
    positive[:50, 0] = 1  # one in two: weight sqrt(2)
    positive[0, 1] = 1  # one in a hundred: weight 10
    weights = balanced_weights(positive)
    assert float(weights.sum()) == pytest.approx(1.0)
    assert float(weights[0] / weights[99]) == pytest.approx(10.0)
    assert float(weights[1] / weights[99]) == pytest.approx(math.sqrt(2))
