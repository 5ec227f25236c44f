"""The networks that can be exported, as data and import paths: listing them loads no torch.

To add one: write ``export/models/<name>.py`` and its entry below. See docs/export.md.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal, cast

from cxr_edge.errors import CheckpointError
from cxr_edge.export.spec import ExportSpec

Keys = Literal["published", "own", "read", "other", "none"]

KEYS: dict[Keys, str] = {
    "published": "verified: the loader was tested against the key list of the published code",
    "own": "verified: written by cxr-train; nobody else publishes weights of it",
    "read": "unverified: keys were read from the authors' code, no list or file was at hand",
    "other": "unverified: keys are those of a public re-implementation, not of the authors",
    "none": "unverified: no published key list could be checked",
}
"""What the loader was tested against, and how that is said."""

SpecBuilder = Callable[..., ExportSpec]
"""Takes the paths of a checkpoint and of a tokenizer and, where the entry says so, of a language
model; None for what is not given."""


@dataclass(frozen=True)
class Architecture:
    """One line of ``cxr-export --list``.

    Attributes:
        name: what ``--model`` takes.
        paper: who describes it.
        parameters: of the published network; None where the checkpoint decides.
        input: what the image or text network takes.
        embedding: what comes out of it, and how two are compared.
        files: what ``--checkpoint`` and ``--tokenizer`` take.
        keys: what the loader was tested against; see ``KEYS``.
        builder: ``module:function`` that makes the ``ExportSpec``.
        language_model: it takes a second file with weights.
    """

    name: str
    paper: str
    parameters: int | None
    input: str
    embedding: str
    files: str
    keys: Keys
    builder: str
    language_model: bool = False

    @property
    def verified(self) -> bool:
        """The loader was tested against keys that the network's owner publishes."""
        return self.keys in ("published", "own")

    def to_json(self) -> dict[str, Any]:
        """The entry as plain values, without the import path."""
        values = {**asdict(self), "verified": self.verified, "status": KEYS[self.keys]}
        del values["builder"]
        return values


def _model(module: str) -> str:
    return f"cxr_edge.export.models.{module}:export_spec"


_MERGES = "CLIP's bpe_simple_vocab_16e6.txt.gz or merges.txt (for a text network)"

_TABLE = (
    Architecture(
        "albef-xrem",
        "X-REM (Jeong et al., MIDL 2023), CXR-ReDonE (Ramesh et al., ML4H 2022): ALBEF ViT-B/16",
        86_041_600,
        "256 x 256 or 384 x 384 pixels, 3 channels",
        "256, or 768 without vision_proj; cosine",
        "checkpoint_59.pth, {'model': ...}",
        "published",
        _model("albef_xrem"),
    ),
    Architecture(
        "biovil",
        "BioViL (Boecking et al., ECCV 2022)",
        23_786_944,
        "480 x 480 pixels, 3 channels",
        "128, cosine",
        "biovil_image_resnet50_proj_size_128.pt",
        "published",
        _model("biovil"),
    ),
    Architecture(
        "biovil-t",
        "BioViL-T (Bannur et al., CVPR 2023)",
        25_300_928,
        "448 x 448 pixels, 3 channels",
        "128, cosine",
        "biovil_t_image_model_proj_size_128.pt",
        "published",
        _model("biovil_t"),
    ),
    Architecture(
        "chexbert",
        "CheXbert (Smit et al., EMNLP 2020)",
        109_523_766,
        "up to 512 WordPiece ids and their mask",
        "768, cosine; and 54 logits of fourteen observations",
        "chexbert.pth, {'model_state_dict': ...}; --tokenizer vocab.txt of bert-base-uncased",
        "published",
        _model("chexbert"),
    ),
    Architecture(
        "chexzero",
        "CheXzero (Tiu et al., Nature Biomedical Engineering 2022): CLIP ViT-B/32",
        151_277_313,
        "224 x 224 pixels, 3 channels",
        "512, cosine",
        f"best_64_5e-05_original_*.pt; --tokenizer {_MERGES}",
        "published",
        _model("chexzero"),
    ),
    Architecture(
        "convirt",
        "ConVIRT (Zhang et al., MLHC 2022): ResNet-50",
        None,
        "224 x 224 pixels, 3 channels",
        "from the weights, cosine",
        "a state dict of a ResNet and its projection",
        "none",
        _model("convirt"),
    ),
    Architecture(
        "cxr-repair-vit-b16-320",
        "CXR-RePaiR (Endo et al., ML4H 2021), trained from scratch: CLIP ViT-B/16",
        150_105_089,
        "320 x 320 pixels, 3 channels",
        "768, cosine",
        f"a state dict of 302 keys; --tokenizer {_MERGES}",
        "published",
        _model("cxr_repair_vit_b16_320"),
    ),
    Architecture(
        "cxr-repair-vit-b32",
        "CXR-RePaiR (Endo et al., ML4H 2021): CLIP ViT-B/32",
        151_277_313,
        "224 x 224 pixels, 3 channels",
        "512, cosine",
        f"clip-imp-pretrained_128_6_after_4.pt; --tokenizer {_MERGES}",
        "published",
        _model("cxr_repair_vit_b32"),
    ),
    Architecture(
        "dcclip",
        "DCCLIP (Zhou & Wang, EMNLP 2024): ResNet-50 or a small network; the embedded default",
        None,
        "the size the weights were trained at (embedded: 128 x 128, 1 channel)",
        "from the weights, cosine; and fourteen probabilities",
        ".safetensors of cxr-train; without --checkpoint the weights this package carries; or both "
        "towers with a BERT for text, under names of our own (none is published); --tokenizer "
        "vocab.txt of that BERT",
        "own",
        _model("dcclip_bert"),
    ),
    Architecture(
        "dcrrg-decoder",
        "DCRRG (Zhou & Wang, EMNLP 2024): report decoder on DCCLIP's embeddings",
        None,
        "rows of prompted embeddings and a token",
        "none: logits over the vocabulary",
        "a state dict with the keys of torch.nn.TransformerDecoder; --tokenizer its words "
        "(vocab.txt, JSON of words and ids)",
        "none",
        _model("dcrrg_decoder"),
    ),
    Architecture(
        "gloria",
        "GLoRIA (Huang et al., ICCV 2021): ResNet-50",
        25_868_096,
        "224 x 224 pixels, 3 channels",
        "768 and a 19 x 19 grid of local ones, cosine",
        "a Lightning .ckpt, keys under gloria.img_encoder.",
        "published",
        _model("gloria"),
    ),
    Architecture(
        "liu2019",
        "Clinically accurate generation (Liu et al., MLHC 2019): DenseNet-121 and two LSTMs",
        None,
        "224 x 224 pixels, 3 channels",
        "from the weights (256 or 512), cosine; sentences and words by two more graphs",
        "a state dict with the keys of ysmiura/ifcc's re-implementation; --tokenizer its word "
        "embeddings, or JSON of words and ids",
        "other",
        _model("liu2019"),
    ),
    Architecture(
        "llm2clip4cxr-vision",
        "LLM2CLIP4CXR: EVA02-L/14 image tower",
        305_416_384,
        "448 x 448 pixels, 3 channels",
        "1280, inner product",
        "a whole state dict with visual.*, or stock EVA02-CLIP-L/14-336",
        "published",
        _model("llm2clip4cxr_vision"),
    ),
    Architecture(
        "llm2vec4cxr-text",
        "LLM2VEC4CXR, text tower of LLM2CLIP4CXR: bidirectional Llama 3.2 1B, latent attention",
        1_264_667_904,
        "up to 512 ids, their mask, and which of them are pooled",
        "1280, inner product; the space of llm2clip4cxr-vision",
        "LLM2CLIP4CXR's whole state dict; --language-model model.safetensors and --tokenizer "
        "tokenizer.json of LLM2VEC4CXR",
        "read",
        _model("llm2vec4cxr_text"),
        language_model=True,
    ),
    Architecture(
        "medclip-rn50",
        "MedCLIP (Wang et al., EMNLP 2022): ResNet-50",
        24_556_608,
        "224 x 224 pixels, 3 channels",
        "512, cosine",
        "pytorch_model.bin, keys under vision_model.model.",
        "published",
        _model("medclip_rn50"),
    ),
    Architecture(
        "resnet18-baseline",
        "Retrieval baseline of CXR-RePaiR (Endo et al., ML4H 2021): ResNet-18",
        None,
        "320 x 320 pixels, 3 channels",
        "512, cosine",
        "a classifier trained on CheXpert, or a momentum-contrast checkpoint",
        "none",
        _model("resnet18_baseline"),
    ),
)

ARCHITECTURES: dict[str, Architecture] = {entry.name: entry for entry in _TABLE}
"""All of them, by name."""


def spec_builder(architecture: str) -> SpecBuilder:
    """The function that turns a checkpoint of an architecture into its ``ExportSpec``.

    Args:
        architecture: a name of ``ARCHITECTURES``, or the path of a Python file of one's own that
            defines ``export_spec``. The file is run: it is the user's own program.

    Raises:
        CheckpointError: no such architecture, or the file does not define it.
    """
    if architecture.endswith(".py"):
        return _own_builder(Path(architecture))
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise CheckpointError(
            f"unknown model {architecture!r}: expected one of {known}, or a .py file of your own; "
            "see cxr-export --list"
        )
    module, _, function = ARCHITECTURES[architecture].builder.partition(":")
    return _guarded(architecture, getattr(import_module(module), function))


def _guarded(architecture: str, builder: SpecBuilder) -> SpecBuilder:
    """Builders read the sizes of a network from its tensors, before ``fit`` compares all shapes.

    A tensor with another number of axes makes that reading stumble.
    """

    @wraps(builder)
    def build(*files: Path | None) -> ExportSpec:
        try:
            return builder(*files)
        except (IndexError, ValueError) as problem:
            reason = " ".join(str(problem).split())[:200]
            raise CheckpointError(
                f"not a {architecture} checkpoint: the sizes of the network cannot be read from it "
                f"({reason}); check --model and the file"
            ) from problem

    return build


def _own_builder(path: Path) -> SpecBuilder:
    description = spec_from_file_location(f"cxr_export_{path.stem}", path)
    if not path.is_file() or description is None or description.loader is None:
        raise CheckpointError(f"{path}: no such file; expected a Python file with export_spec")
    module = module_from_spec(description)
    description.loader.exec_module(module)
    builder = getattr(module, "export_spec", None)
    if not callable(builder):
        raise CheckpointError(
            f"{path} does not define export_spec(checkpoint, tokenizer); see docs/export.md"
        )
    return cast(SpecBuilder, builder)


def listing() -> str:
    """All architectures as text, one paragraph each."""
    paragraphs = []
    for entry in ARCHITECTURES.values():
        count = "set by the weights" if entry.parameters is None else f"{entry.parameters:,}"
        rows = {
            "paper": entry.paper,
            "parameters": count,
            "input": entry.input,
            "embedding": entry.embedding,
            "files": entry.files,
            "keys": KEYS[entry.keys],
        }
        body = "\n".join(f"  {name:11} {value}" for name, value in rows.items())
        paragraphs.append(f"{entry.name}\n{body}")
    return "\n\n".join(paragraphs)
