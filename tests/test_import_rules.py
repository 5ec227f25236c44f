"""The rooms of the house and who may enter them, read from the syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "runtime": "cxr_edge",
    "export": "cxr_edge.export",
    "indexes": "cxr_edge.indexes",
    "benchmarks": "cxr_edge.benchmarks",
    "serving": "cxr_edge.serving",
    "training": "cxr_edge.training",
}
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# Third-party module -> the only places (path prefixes) that may import it.
ALLOWED = {
    "torch": ("export/", "training/", "benchmarks/"),
    "transformers": ("export/", "training/"),
    "onnx": ("export/", "training/", "benchmarks/claims/baselines/", "benchmarks/gpu/"),
    "onnxscript": ("export/",),
    "safetensors": ("export/", "training/", "benchmarks/"),
    "onnxruntime": ("runtime/engines/", "export/"),
    "openvino": ("runtime/engines/",),
    # The engines import them by name, in tensorrt_library.py; nothing imports them by statement.
    "tensorrt": (),
    "tensorrt_rtx": (),
    "tensorrt_rtx_bindings": (),
    "pydicom": ("runtime/dicom/", "runtime/writers/", "benchmarks/"),
    "PIL": ("runtime/dicom/", "training/", "benchmarks/claims/baselines/"),
    "imagecodecs": ("runtime/dicom/", "benchmarks/"),
    "openjpeg": ("runtime/dicom/", "benchmarks/"),
    "tokenizers": ("runtime/tokenizers/llm2vec.py",),
    "hnswlib": ("indexes/graph/", "benchmarks/"),
    "usearch": ("benchmarks/",),
    "faiss": ("benchmarks/",),
    "matplotlib": ("benchmarks/",),
    "pyarrow": ("indexes/corpora/parquet.py",),
    "ray": ("indexes/engines/",),
    "cryptography": ("runtime/signing.py", "export/"),
}
NETWORK = {"socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "ftplib", "asyncio"}
CONNECTED = "serving/"  # the one room where a connection may be opened

# Our own rooms, left to right: a module may import only from its own rank or one further left.
RANKS = [
    ("cxr_edge.types", "cxr_edge.errors", "cxr_edge.labels"),
    ("cxr_edge.atomic", "cxr_edge.blas", "cxr_edge.processors"),
    ("cxr_edge.manifest", "cxr_edge.signing"),
    (
        "cxr_edge.dicom",
        "cxr_edge.preprocess",
        "cxr_edge.bundle",
        "cxr_edge.engines",
        "cxr_edge.labelers",
        "cxr_edge.tokenizers",
        "cxr_edge.decoding",
        "cxr_edge.indexes.search",
        "cxr_edge.indexes.codes",
        "cxr_edge.indexes.container",
        "cxr_edge.indexes.contents",
        "cxr_edge.indexes.current",
        "cxr_edge.indexes.layout",
        "cxr_edge.indexes.native",
        "cxr_edge.indexes.planner",
        "cxr_edge.indexes.scan",
    ),
    ("cxr_edge.networks", "cxr_edge.encoder"),
    ("cxr_edge.image_network",),
    ("cxr_edge.methods",),
    ("cxr_edge.pipeline",),
    ("cxr_edge.writers",),
    ("cxr_edge.cli",),
    ("cxr_edge.serving",),
    ("cxr_edge.export", "cxr_edge.indexes", "cxr_edge.benchmarks", "cxr_edge.training"),
]


def module_name(path: Path) -> str:
    relative = path.relative_to(ROOT)
    parts = [ROOMS[relative.parts[0]], *relative.with_suffix("").parts[1:]]
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""


def rank(name: str) -> int | None:
    best: tuple[int, int] | None = None
    for number, modules in enumerate(RANKS):
        for module in modules:
            if (name == module or name.startswith(module + ".")) and (
                best is None or len(module) > best[0]
            ):
                best = (len(module), number)
    return best[1] if best else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_third_party_modules_stay_in_their_rooms(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    strangers = [
        f"{place}:{line}: {name}"
        for line, name in imports(path)
        if (name.split(".")[0] in NETWORK and not place.startswith(CONNECTED))
        or (name.split(".")[0] in ALLOWED and not place.startswith(ALLOWED[name.split(".")[0]]))
    ]
    assert strangers == []


def test_only_the_command_that_asks_for_it_reaches_the_client() -> None:
    client = "cxr_edge.serving.client"
    users = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(name.startswith(client) for _, name in imports(path))
    ]
    assert users == ["benchmarks/load/command.py"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_left(path: Path) -> None:
    own = rank(module_name(path))
    if own is None:  # runtime/__init__.py loads its public names lazily
        assert module_name(path) == "cxr_edge"
        return
    backward = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for line, name in imports(path)
        if name.startswith("cxr_edge.") and (rank(name) or 0) > own
    ]
    assert backward == []


def test_nothing_of_ours_is_a_top_level_module() -> None:
    """Imported from elsewhere than the root, no folder name shows up as a global module."""
    code = (
        "import sys, cxr_edge.pipeline, cxr_edge.cli.run, cxr_edge.indexes.cli,"
        "cxr_edge.export.cli,"
        " cxr_edge.training.cli, cxr_edge.benchmarks.cli;"
        f"print([m for m in {sorted(ROOMS)} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_listings_and_help_never_load_torch() -> None:
    code = (
        "import sys, cxr_edge.cli.run, cxr_edge.indexes.cli, cxr_edge.export.cli,"
        " cxr_edge.training.cli, cxr_edge.benchmarks.cli;"
        "print([m for m in ('torch', 'onnx', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
