"""ReXrank's JSON: an object of studies by their id, with reports, paths of images and views.

The same layout, with ``model_prediction`` added, is what is sent to the leaderboard.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxr_edge.benchmarks.quality.cases import Case, same_split
from cxr_edge.benchmarks.quality.texts import split_report
from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora.images import image_files

_FOLDERS = ("images", "files", "PNG", ".")
_NAMES = (("iuxray", "Open-I"), ("iu_xray", "Open-I"), ("mimic", "MIMIC-CXR"))
_KEYS = frozenset(("section_findings", "section_impression", "model_prediction", "image_path"))


def rexrank_name(path: Path) -> str | None:
    """The data set of a ReXrank file by its name; None where the file is none of ReXrank's."""
    try:
        studies = read_studies(path)
    except CorpusError:
        return None
    if not all(_KEYS & study.keys() for study in studies.values()):
        return None
    name = path.name.lower()
    if "chexpert" in name:
        return "CheXpert Plus"
    return next((data for part, data in _NAMES if part in name), path.stem)


def read_studies(path: Path) -> dict[str, dict[str, Any]]:
    """The objects of a file by their id.

    Raises:
        CorpusError: it cannot be read, is no object of objects, or has an id twice.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_distinct)
    except OSError as problem:
        raise CorpusError(f"{path} cannot be read: {problem}") from None
    except (ValueError, RecursionError) as problem:
        raise CorpusError(f"{path} is no JSON: {problem}") from None
    if (
        not isinstance(read, dict)
        or not read
        or not all(isinstance(v, dict) for v in read.values())
    ):
        raise CorpusError(f"{path}: expected an object of studies by their id")
    return read


def sections_of(study: dict[str, Any]) -> tuple[str, str]:
    """Findings and impression of a study's report; empty where it has none."""
    findings = study.get("section_findings", study.get("findings")) or ""
    impression = study.get("section_impression", study.get("impression")) or ""
    if not findings and not impression:
        return split_report(str(study.get("report") or ""))
    return " ".join(str(findings).split()), " ".join(str(impression).split())


def rexrank_studies(path: Path, split: str | None) -> Iterator[Case]:
    """The studies of a file, the key image first.

    Raises:
        CorpusError: as ``read_studies``, or no study is of the split.
    """
    folders = [path.parent / name for name in _FOLDERS]
    others: set[str] = set()
    met = False
    for name, study in read_studies(path).items():
        own = str(study.get("split") or "")
        if split is not None and not same_split(own, split):
            others.add(own)
            continue
        met = True
        files = [file for image in _image_names(study) for file in image_files(folders, image)]
        yield Case(name, tuple(dict.fromkeys(files)), *sections_of(study))
    if not met:
        raise CorpusError(
            f"{path} has no study of the split {split!r}; there are: "
            + (", ".join(sorted(filter(None, others))) or "no names of splits")
        )


def _image_names(study: dict[str, Any]) -> list[str]:
    listed = study.get("image_path") or []
    names = [study.get("key_image_path"), *(listed if isinstance(listed, list) else [listed])]
    root = str(study.get("img_root_dir") or "").strip("/")
    names += [f"{root}/{image}" for image in study.get("dicom_id") or ()]
    return [name.lstrip("/") for name in names if isinstance(name, str) and name]


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found
