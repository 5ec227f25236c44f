"""Decoders that know a few real reports by heart: what they write can be told in advance."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxr_edge.dicom import StudyReader
from cxr_edge.export.models import dcrrg_decoder, liu2019
from cxr_edge.export.models.dcrrg_decoder import Decoder, DecoderConfig
from cxr_edge.export.models.dcrrg_image import ImageConfig, PromptedImage
from cxr_edge.export.models.dcrrg_reference import hidden_states
from cxr_edge.export.models.densenet import DenseConfig
from cxr_edge.export.models.liu2019 import Sentence, Word, Writer, WriterConfig
from cxr_edge.export.models.plain_resnet import TrunkConfig
from cxr_edge.preprocess import Recipe, apply

_REPORTS = 5
_DICOM = "gdcm_CR-MONO1-10-chest.dcm"
_DICOM_REPORT = "The cardiac silhouette is normal. No focal opacity in the right lung."
_MEMORY = 40
_GOOD = 0.01


@dataclass(frozen=True)
class Learned:
    """Pictures with the reports that a checkpoint was trained to write."""

    checkpoint: Path
    vocabulary: Path
    pictures: tuple[Path, ...]
    reports: tuple[str, ...]


def material(shared_data: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Open-I pictures with their findings, and a DICOM file with a report of ours."""
    folder = shared_data / "openi"
    pairs = [(shared_data / "dicom" / _DICOM, _DICOM_REPORT)]
    for line in (folder / "studies.jsonl").read_text().splitlines():
        study = json.loads(line)
        text = study["findings"]
        frontal = [i["file"] for i in study["images"] if i["projection"] == "Frontal"]
        plain = 60 < len(text) < 160 and "XXXX" not in text and text.count(".") <= 4
        if frontal and plain and text not in [report for _, report in pairs]:
            pairs.append((folder / "images" / frontal[0], text))
        if len(pairs) > _REPORTS:
            break
    pictures, reports = zip(*pairs, strict=True)
    return pictures, reports


def cut(text: str) -> list[str]:
    """Lower-case words; a punctuation mark is one of its own, as the published code cuts."""
    return re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower())


def pixels(recipe: Recipe, pictures: tuple[Path, ...]) -> Tensor:
    with StudyReader() as reader:
        arrays = [apply(recipe, reader.read(str(path)).image) for path in pictures]
    return torch.from_numpy(np.concatenate(arrays))


def padded(rows: list[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Token rows int64 (N, L) and which of them count."""
    length = max(map(len, rows))
    tokens = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    counts = torch.tensor([[k < len(row) for k in range(length)] for row in rows])
    return tokens, counts


def loss_of(logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
    """Mean cross-entropy of every token after the first."""
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return losses[counts[:, 1:].flatten()].mean()


def dcrrg(shared_data: Path, folder: Path) -> Learned:
    """A reduced DCRRG with a soft prompt.

    The vocabulary is R2Gen's kind: words from 1 on, 0 is start, end and padding.
    """
    pictures, reports = material(shared_data)
    torch.manual_seed(0)
    image = PromptedImage(ImageConfig(TrunkConfig(False, 8, (8, 8, 16, 24), (1, 1, 1, 1)), _MEMORY))
    seen = pixels(dcrrg_decoder.RECIPE, pictures)
    with torch.no_grad():
        for _ in range(30):
            image.train().trunk(seen)  # statistics of its BatchNorms
        features = image.eval().trunk(seen)
        weight = torch.randn_like(image.head.project.weight) / 6
        weight[:, : features.shape[1]] /= features.std(0).clamp_min(1e-3)
        image.head.project.weight.copy_(weight)
        image.head.project.bias.copy_(-(weight[:, : features.shape[1]] @ features.mean(0)))
        memory = image.head.prompted(image.head.unprompted(features))
    words = {word: n + 1 for n, word in enumerate(sorted({w for r in reports for w in cut(r)}))}
    tokens, counts = padded([[0, *(words[w] for w in cut(r)), 0] for r in reports], 0)
    decoder = Decoder(DecoderConfig(64, 128, 2, len(words) + 1, _MEMORY, True, 48, 2))
    for parameter in decoder.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(decoder.embedding.weight, 0, 0.3)
    optimizer = torch.optim.Adam(decoder.parameters(), 3e-3)
    for _ in range(300):
        logits = decoder.head(hidden_states(decoder, memory, tokens[:, :-1]))
        loss = loss_of(logits, tokens, counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < _GOOD:
            break
    assert loss.item() < _GOOD
    state = {**decoder.state_dict(), **{f"image.{k}": v for k, v in image.state_dict().items()}}
    torch.save({"state_dict": state}, folder / "dcrrg.pt")
    (folder / "token2idx.json").write_text(json.dumps(words))
    return Learned(folder / "dcrrg.pt", folder / "token2idx.json", pictures, reports)


def liu(shared_data: Path, folder: Path) -> Learned:
    """A reduced CNN-RNN-RNN. Its vocabulary is an embeddings file, ids 0 to 3 are special."""
    pictures, reports = (all_of_them[:4] for all_of_them in material(shared_data))
    torch.manual_seed(0)
    told = [re.findall(r"[^.]+\.", report) for report in reports]
    vocabulary = sorted({w for r in reports for w in cut(r)})
    ids = {word: n + 4 for n, word in enumerate(vocabulary)}
    config = WriterConfig(
        DenseConfig(8, 4, 8, (1, 2, 2, 1)), 48, 20, len(ids) + 4, 49, True, False, 1
    )
    writer = Writer(config)
    seen = pixels(liu2019.RECIPE, pictures)
    with torch.no_grad():
        for _ in range(30):
            writer.train().image_feats(seen)
        writer.eval()
        cells = writer.image_feats(seen).flatten(2).transpose(1, 2)
    rows = [(n, k) for n, report in enumerate(told) for k in range(len(report))]
    tokens, counts = padded([[1, *(ids[w] for w in cut(told[n][k])), 3] for n, k in rows], 0)
    stops = torch.tensor([[float(k >= len(report)) for k in range(5)] for report in told])
    picture, place = torch.tensor(rows).T
    fixed = ("image_feats", "vs_att")  # a trained attention of such a size looks at nothing
    trained = [p for name, p in writer.named_parameters() if not name.startswith(fixed)]
    writer.vs_att_h.weight.data *= 8
    optimizer = torch.optim.Adam(trained, 1e-2)
    sentence, word = Sentence(writer), Word(writer)
    for _ in range(400):
        grid = torch.relu(writer.image_proj(cells))
        mean = torch.relu(writer.image_proj2(cells).mean(dim=1))
        hidden = cell = torch.zeros_like(mean)
        topics, chances = [], []
        for _ in range(5):
            topic, stop, hidden, cell = sentence(mean, hidden, cell)
            topics.append(topic)
            chances.append(stop)
        topic = torch.stack(topics, 1)[picture, place]
        hidden = cell = torch.zeros_like(topic)
        logits = []
        for k in range(tokens.shape[1] - 1):
            said, hidden, cell, _ = word(
                tokens[:, k], mean[picture], topic, grid[picture], hidden, cell
            )
            logits.append(said)
        loss = loss_of(torch.stack(logits, 1), tokens, counts)
        loss = loss + F.binary_cross_entropy(torch.stack(chances, 1), stops)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 2 * _GOOD:
            break
    assert loss.item() < 2 * _GOOD
    torch.save({"model": writer.state_dict()}, folder / "liu.pt")
    lines = [f"{len(ids) + 1} 2", "<unk> 0 0", *(f"{w} 0.1 0.2" for w in vocabulary)]
    (folder / "words.txt").write_text("\n".join(lines) + "\n")
    return Learned(folder / "liu.pt", folder / "words.txt", pictures, reports)
