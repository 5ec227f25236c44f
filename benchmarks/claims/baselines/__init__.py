"""What else could be used: other ways from a study to a draft, over the same bundle and index."""

from importlib.util import find_spec

NEEDS: dict[str, dict[str, str]] = {
    "released-code": {"torch": "export", "onnx": "export"},
    "torch": {"torch": "export", "onnx": "export"},
    "ort-hnswlib": {"hnswlib": "bench"},
    "generative": {},
}
"""Baselines, the packages each needs beside the runtime's own, and the extra each comes with."""
METHODS = ("select", "top-k")
"""What the baselines that retrieve can do."""


def missing(name: str) -> str:
    """Why a baseline cannot be measured here; empty where it can."""
    lacking = [package for package in NEEDS[name] if find_spec(package) is None]
    if not lacking:
        return ""
    wanted = ",".join(sorted({NEEDS[name][package] for package in lacking}))
    return f"{', '.join(lacking)} not installed: pip install 'cxr-edge[{wanted}]'"
