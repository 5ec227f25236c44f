"""The files of an index and what their sections mean.

``index.bin`` (N rows, D dimensions; offsets as in ``contents``):

=================== =============== ========= ==================================================
name                dtype           shape     content
=================== =============== ========= ==================================================
vectors             float32, 16     (N, D)    one embedding a row; unit length for cosine
text                uint8           (bytes,)  UTF-8 of all texts, one after the other
text_offsets        uint64          (N+1,)
report_ids          uint8           (bytes,)  UTF-8 of all report ids, each once
report_ids_offsets  uint64          (I+1,)
sources             uint32          (S,)      positions in report_ids, row after row
sources_offsets     uint64          (N+1,)
labels              int8            (N, 14)   ``Mention`` per observation
attributes          uint8           (N,)      ``Attribute`` flags
section             uint8           (N,)      position in ``SECTION_NAMES``
frequency           uint32          (N,)      how often the corpus holds this very text
cluster_size        uint32          (N,)      how many different texts the row stands for
links               uint32          (N, R)    optional: the graph, see ``contents.Graph``
entry               uint32          (E,)      optional, with links
codes               int8            (N, D)    optional, with links
steps               float32         (D,)      optional, with links
=================== =============== ========= ==================================================

``clusters.bin``, optional (M texts before compression): text, text_offsets, report_ids,
report_ids_offsets, sources, sources_offsets, frequency over the M texts; members uint32 (M,) and
members_offsets uint64 (N+1,). It is checked when it is first touched, not when an index is opened.

A file that another process shortens in place while it is mapped ends every reader with SIGBUS: an
index is never edited, only replaced by a rename.
"""

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.errors import SentenceIndexError
from cxr_edge.indexes.layout import Arrays, Layout, Section, all_finite, rising
from cxr_edge.manifest import read_manifest, verified

MANIFEST = "index.json"
DATA = "index.bin"
CLUSTERS = "clusters.bin"
SCHEMA = "cxr-edge/index/2"
SECTION_NAMES = ("", "findings", "impression")

_TEXTS = {
    "text": Section(("uint8",), ("text",)),
    "text_offsets": Section(("uint64",), ("texts+1",)),
    "report_ids": Section(("uint8",), ("report_ids",)),
    "report_ids_offsets": Section(("uint64",), ("reports+1",)),
    "sources": Section(("uint32",), ("sources",)),
    "sources_offsets": Section(("uint64",), ("texts+1",)),
}
INDEX_LAYOUT = Layout(
    b"CXREDGE\x02",
    ("texts", "dimension"),
    {
        "vectors": Section(("float32", "float16"), ("texts", "dimension")),
        **_TEXTS,
        "labels": Section(("int8",), ("texts", "14")),
        "attributes": Section(("uint8",), ("texts",)),
        "section": Section(("uint8",), ("texts",)),
        "frequency": Section(("uint32",), ("texts",)),
        "cluster_size": Section(("uint32",), ("texts",)),
        "links": Section(("uint32",), ("texts", "degree"), "the graph"),
        "entry": Section(("uint32",), ("entries",), "the graph"),
        "codes": Section(("int8",), ("texts", "dimension"), "the graph"),
        "steps": Section(("float32",), ("dimension",), "the graph"),
    },
)
CLUSTERS_LAYOUT = Layout(
    b"CXRCLUS\x01",
    ("texts", "rows"),
    {
        **_TEXTS,
        "frequency": Section(("uint32",), ("texts",)),
        "members": Section(("uint32",), ("texts",)),
        "members_offsets": Section(("uint64",), ("rows+1",)),
    },
)


def open_container(directory: Path) -> tuple[dict[str, Any], Arrays]:
    """Map an index and check it whole: manifest, digest, geometry, offsets, values.

    Returns:
        The manifest, and the sections of ``index.bin`` as read-only arrays over the map.

    Raises:
        SentenceIndexError: anything missing, damaged, foreign or inconsistent.
    """
    manifest = read_manifest(directory, MANIFEST, SCHEMA, SentenceIndexError)
    known = {"texts": manifest.get("count"), "dimension": manifest.get("dimension")}
    arrays = _map(directory / DATA, INDEX_LAYOUT, manifest, "sections", known)
    if not (_described(manifest) and _sound(arrays, manifest)):
        raise _inconsistent(directory / DATA)
    return manifest, arrays


def open_clusters(directory: Path, manifest: Mapping[str, Any]) -> Arrays:
    """Map ``clusters.bin`` of an opened index and check it whole.

    Raises:
        SentenceIndexError: the index has none, or it is damaged or inconsistent.
    """
    if CLUSTERS not in manifest["files"]:
        raise SentenceIndexError(
            f"index {directory} was built without clusters; build it with compression"
        )
    path = directory / CLUSTERS
    known = {"rows": manifest["count"]}
    arrays = _map(path, CLUSTERS_LAYOUT, manifest, "clusters", known)
    members = arrays["members"]
    sound = (
        _texts_sound(arrays)
        and rising(arrays["members_offsets"], members.size, strictly=True)
        and (members.size == 0 or members.max() < members.size)
        and bool(np.all(np.bincount(members) == 1))
    )
    if not sound:
        raise _inconsistent(path)
    return arrays


def _map(
    path: Path,
    layout: Layout,
    manifest: Mapping[str, Any],
    records: str,
    known: Mapping[str, Any],
) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as problem:
        raise SentenceIndexError(f"{path} cannot be mapped: {problem}; restore it") from None
    # Hashed through the very map that is then searched.
    view = memoryview(mapped)
    try:
        verified(view, manifest["files"][path.name], path, SentenceIndexError)
        if any(type(size) is not int for size in known.values()):
            raise TypeError
        return layout.read(view, manifest[records], known)
    except (KeyError, TypeError, ValueError, AttributeError, struct.error):
        raise _inconsistent(path) from None


def _inconsistent(path: Path) -> SentenceIndexError:
    return SentenceIndexError(f"{path} is damaged: its geometry is inconsistent; build it again")


def _described(manifest: Mapping[str, Any]) -> bool:
    """Whether the entries that every reader relies on are there."""
    return (
        isinstance(manifest.get("space"), str)
        and isinstance(manifest.get("unit"), str)
        and manifest.get("key", "text") in ("text", "image")
        and manifest.get("metric") in ("cosine", "inner_product")
        and isinstance(manifest.get("graph", {}), dict)
        and manifest["dimension"] > 0
    )


def _sound(arrays: Arrays, manifest: Mapping[str, Any]) -> bool:
    """Whether no value of ``index.bin`` leads outside its range.

    Links are not walked here: the reader checks each one when it follows it, ``verify`` all.
    """
    vectors, rows = arrays["vectors"], len(arrays["vectors"])
    sound = (
        vectors.dtype.name == manifest.get("dtype")
        and _texts_sound(arrays)
        and all_finite(vectors)
        and (rows == 0 or arrays["labels"].min() >= 0)
        and (rows == 0 or arrays["labels"].max() <= 3)
        and (rows == 0 or arrays["section"].max() < len(SECTION_NAMES))
    )
    if sound and "links" in arrays:
        entry = arrays["entry"]
        sound = bool(rows and entry.size and entry.max() < rows) and all_finite(arrays["steps"])
    return sound


def _texts_sound(arrays: Arrays) -> bool:
    sources, reports = arrays["sources"], len(arrays["report_ids_offsets"]) - 1
    return (
        rising(arrays["text_offsets"], arrays["text"].size)
        and rising(arrays["report_ids_offsets"], arrays["report_ids"].size)
        and rising(arrays["sources_offsets"], sources.size, strictly=True)
        and (sources.size == 0 or bool(sources.max() < reports))
    )
