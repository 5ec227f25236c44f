"""A bundle: the networks of one encoder with all that is needed to run them, in one directory.

``bundle.json`` names the networks by role, the preprocessing recipe, the tokenizer, what is known
about each observation, and the SHA-256 of every file. See docs/bundle.md.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cxr_edge.errors import BundleError
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.manifest import (
    SIGNATURE_SUFFIX,
    canonical,
    read_manifest,
    verified,
    verify_file,
    write_directory,
)
from cxr_edge.preprocess import Recipe
from cxr_edge.signing import require_signature
from cxr_edge.types import Attribute

MANIFEST = "bundle.json"
SCHEMA = "cxr-edge/bundle/1"
METRICS = ("cosine", "inner_product")
_NO_PICTURES = {"tone": "voi", "steps": [{"op": "repeat", "channels": 1}]}
"""Stands for the recipe of a bundle of text networks alone, which has none; changes nothing."""
UNOBSERVED = (
    "This image encoder does not estimate observations: the probability of 0.5 shown for each of "
    "the fourteen means unknown."
)


@dataclass(frozen=True)
class Network:
    """One ONNX graph of a bundle."""

    file: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    data: str = ""
    """File of the weights that a large graph keeps outside; empty where they are in ``file``."""


@dataclass(frozen=True)
class ObservationGate:
    """What a bundle knows of its own ability to see one observation, measured on ``valid``."""

    gate: float
    """Probability from which a draft may assert the observation, 0..1."""
    clear: float
    """Probability below which a draft may deny it, 0..gate; in between nothing is said of it."""
    muted: bool
    """True: never asserted, and the draft says so."""
    auroc: float | None
    attributes: Attribute
    """What may be said beside it: only what was better than chance."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; files are read and verified when they are asked for."""

    directory: Path
    manifest: Mapping[str, Any]
    name: str
    space: str
    metric: str
    """``cosine`` or ``inner_product``."""
    dimension: int
    precision: str
    networks: Mapping[str, Network]
    """By role: ``image``, ``text``."""
    recipe: Recipe
    decoding: Mapping[str, Any]
    """How the bundle's decoder writes; empty where it has none. See ``cxr_edge.decoding``."""
    gates: tuple[ObservationGate, ...]
    """Fourteen, in ``OBSERVATIONS`` order."""

    @classmethod
    def load(
        cls, directory: str | Path, *, public_key: str | os.PathLike[str] | None = None
    ) -> "Bundle":
        """Open a bundle and check its manifest.

        Args:
            directory: the bundle.
            public_key: PEM file of the Ed25519 key whose owner must have signed the bundle; without
                it a signature is not looked at.

        Raises:
            BundleError: nothing there, damaged, not signed by that key, or of a schema this version
                does not read.
        """
        directory = Path(directory)
        manifest = read_manifest(directory, MANIFEST, SCHEMA, BundleError)
        if public_key is not None:
            signature = directory / f"{MANIFEST}{SIGNATURE_SUFFIX}"
            # A manifest that was read is in canonical form: these are the bytes of its file.
            require_signature(canonical(manifest), signature, Path(public_key))
        return _parse(directory, manifest)

    @cached_property
    def muted(self) -> tuple[str, ...]:
        """Names of the observations this bundle does not trust itself with."""
        return tuple(n for n, g in zip(OBSERVATIONS, self.gates, strict=True) if g.muted)

    @property
    def default_method(self) -> str:
        """``generate`` where the bundle holds a decoder; else ``guided`` or ``select``.

        ``guided`` where it knows an observation well enough: on ``valid``, guided drafts of the
        embedded default agree best with the reports (docs/model-card.md).
        """
        if self.decoding:
            return "generate"
        blind = not self.observes or all(gate.muted for gate in self.gates)
        return "select" if blind else "guided"

    @property
    def observes(self) -> bool:
        """Whether the image network estimates the fourteen observations at all."""
        image = self.networks.get("image")
        return image is not None and "probabilities" in image.outputs

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every report made with this bundle must say, such as a forced parity gate."""
        stated = tuple(str(text) for text in self.manifest.get("warnings", ()))
        return stated if self.observes else (*stated, UNOBSERVED)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the manifest, and through it of every file."""
        return str(self.manifest["digest"])

    def network(self, role: str) -> Network:
        """The network of a role, or a ``BundleError`` that names the roles there are."""
        if role not in self.networks:
            raise BundleError(
                f"bundle {self.name} has no {role} network; "
                f"it has {', '.join(sorted(self.networks))}"
            )
        return self.networks[role]

    def verify(self, but: Collection[str] = ()) -> None:
        """Check every file, also those that drafting does not need, a part at a time.

        Args:
            but: files that are left out, because they are about to be read, which checks them.

        Raises:
            BundleError: a file is not readable, or changed.
        """
        for file, entry in self.manifest["files"].items():
            if file not in but:
                verify_file(self.directory / file, entry, BundleError)

    def read(self, file: str) -> bytes:
        """One file of the bundle, checked against its digest.

        Raises:
            BundleError: the file is not listed, not readable, or changed.
        """
        path = self.directory / file
        if file not in self.manifest["files"]:
            raise BundleError(f"{path} is not listed in {MANIFEST}; export the bundle again")
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise BundleError(f"{path}: {problem.strerror}; restore it") from None
        verified(data, self.manifest["files"][file], path, BundleError)
        return data


def _parse(directory: Path, manifest: Mapping[str, Any]) -> Bundle:
    try:
        return Bundle(
            directory=directory,
            manifest=manifest,
            name=str(manifest["name"]),
            space=str(manifest["space"]),
            metric=_one_of(manifest["metric"], METRICS),
            dimension=int(manifest["dimension"]),
            precision=str(manifest["precision"]),
            networks={role: _network(role, n) for role, n in manifest["networks"].items()},
            recipe=Recipe.from_json(manifest["recipe"] or _NO_PICTURES),
            decoding=dict(manifest.get("decoding", {})),
            gates=tuple(_gate(manifest["observations"][name]) for name in OBSERVATIONS),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise BundleError(
            f"{directory / MANIFEST} lacks or misstates {problem}; export the bundle again"
        ) from None


def _one_of(value: object, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"metric {value!r} (one of {', '.join(choices)})")
    return str(value)


def _network(role: str, entry: Mapping[str, Any]) -> Network:
    inputs = tuple(str(name) for name in entry["inputs"])
    outputs = tuple(str(name) for name in entry["outputs"])
    if role == "image" and (len(inputs) != 1 or "embedding" not in outputs):
        raise ValueError("image network: one input and an output 'embedding' are needed")
    return Network(str(entry["file"]), inputs, outputs, str(entry.get("data", "")))


def _gate(entry: Mapping[str, Any]) -> ObservationGate:
    attributes = Attribute.NONE
    for name in entry["attributes"]:
        attributes |= Attribute[str(name).upper()]
    auroc = entry["auroc"]
    gate, clear = float(entry["gate"]), float(entry["clear"])
    if not 0.0 <= clear <= gate <= 1.0:
        raise ValueError(f"0 <= clear <= gate <= 1: clear {clear}, gate {gate}")
    return ObservationGate(
        gate=gate,
        clear=clear,
        muted=bool(entry["muted"]),
        auroc=None if auroc is None else float(auroc),
        attributes=attributes,
    )


def write_bundle(
    out: Path,
    manifest: Mapping[str, Any],
    files: Mapping[str, Iterable[bytes] | bytes | Path],
    *,
    replace: bool = False,
) -> Bundle:
    """Write a bundle, whole or not at all, and open it.

    Args:
        out: directory to create.
        manifest: ``name architecture space metric dimension precision networks recipe tokenizer
            observations parity provenance``, and ``decoding`` where there is a decoder; schema,
            file hashes and digest are added.
        files: content by file name.
        replace: put it in the place of an older one.

    Raises:
        OutputError: ``out`` exists or cannot be written.
        BundleError: the manifest lacks something; nothing was written.
    """
    _parse(out, manifest)
    write_directory(out, MANIFEST, {**manifest, "schema": SCHEMA}, files, replace=replace)
    return Bundle.load(out)
