"""``cxr-run doctor``: what is installed, what each engine says, what to do about it."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from cxr_edge.bundle import Bundle
from cxr_edge.dicom.syntaxes import SYNTAXES
from cxr_edge.engines import default_threads
from cxr_edge.engines.diagnosis import Diagnosis, diagnose
from cxr_edge.engines.libraries import nvidia_driver
from cxr_edge.errors import CxrEdgeError
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import locate

_PACKAGES = ("cxr-edge", "numpy", "pydicom", "click", "onnxruntime", "onnxruntime-gpu", "openvino")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _decoders() -> dict[str, tuple[bool, str]]:
    """What decodes each family of transfer syntaxes."""
    found = _version("imagecodecs")
    present = found != "not installed"
    detail = f"imagecodecs {found}" if present else "run: pip install 'cxr-edge[codecs]'"
    families = dict.fromkeys(syntax.codec for syntax in SYNTAXES.values())
    own = ("native", "rle")
    return {name: (True, "built in") if name in own else (present, detail) for name in families}


def _readers() -> dict[str, tuple[bool, str]]:
    """What searches an index. Nothing here keeps a draft from being made."""
    answers = {"exact": (True, "every row is scored, by numpy")}
    if reader is None:
        cost = (
            "graphs are not followed, and the half-precision rows of indexes above 20000 rows are "
            "converted before they are scored, which takes several times as long"
        )
        return answers | {"graph": (False, f"{MISSING}; without it {cost}")}
    kernel = reader.kernels()[0]
    if kernel != "scalar":
        answers["exact"] = (True, f"every row is scored, by the compiled reader ({kernel})")
    return answers | {"graph": (True, f"compiled reader ({kernel})")}


def _parts() -> tuple[dict[str, tuple[bool, str]], Bundle | None]:
    """The bundle and the index a plain ``cxr-run`` would use, and whether they are sound.

    The bundle is returned too where it is.
    """
    answers = {}
    bundle = sound = None
    try:
        bundle = Bundle.load(locate("bundle", None))
        bundle.verify()
        sound = bundle
        answers["bundle"] = (True, f"{bundle.name} {bundle.digest[:12]} at {bundle.directory}")
    except CxrEdgeError as problem:
        answers["bundle"] = (False, str(problem))
    try:
        index = SentenceIndex.open(locate("index", None))
        if bundle is not None:
            index.require_space(bundle.space, bundle.metric)
        answers["index"] = (True, f"{len(index)} rows {index.digest[:12]} at {index.directory}")
    except CxrEdgeError as problem:
        answers["index"] = (False, str(problem))
    return answers, sound


def _print_engine(engine: Diagnosis) -> None:
    only = "" if engine.automatic else "; only with --engine"
    click.echo(f"  {engine.name:16} {'ok' if engine.available else 'NO'}  {engine.detail}{only}")
    for need in engine.needs:
        wanted = f">= {need.required}" if need.required else ""
        fix = f"; {need.fix}" if need.fix else ""
        click.echo(f"    {need.name:20} {wanted:9} found {need.found or 'none'}{fix}")


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Show what is installed, what each engine says, and what to do about it.

    Exits with 1 when a plain cxr-run could not draft a report here.
    """
    packages = {name: _version(name) for name in _PACKAGES}
    codecs, readers = _decoders(), _readers()
    parts, bundle = _parts()
    engines = diagnose(bundle)
    drafting = any(engine.available and engine.automatic for engine in engines)
    sound = drafting and all(ok for ok, _ in parts.values())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "python": platform.python_version(),
                    "system": platform.platform(),
                    "threads": default_threads(),
                    "packages": packages,
                    "nvidia_driver": nvidia_driver(),
                    "engines": {engine.name: engine.to_json() for engine in engines},
                    "decoders": {
                        n: {"available": ok, "detail": d} for n, (ok, d) in codecs.items()
                    },
                    "search": {n: {"available": ok, "detail": d} for n, (ok, d) in readers.items()},
                    **{n: {"sound": ok, "detail": d} for n, (ok, d) in parts.items()},
                    "ready": sound,
                }
            )
        )
    else:
        click.echo(f"Python {platform.python_version()} on {platform.platform()}")
        click.echo(f"threads {default_threads()}")
        click.echo("packages")
        for name, found in packages.items():
            click.echo(f"  {name:16} {found}")
        click.echo(f"NVIDIA driver {nvidia_driver() or 'not loaded'}")
        click.echo("engines")
        for engine in engines:
            _print_engine(engine)
        for title, answers in (
            ("decoders", codecs),
            ("search", readers),
            ("embedded parts", parts),
        ):
            click.echo(title)
            for name, (ok, detail) in answers.items():
                click.echo(f"  {name:16} {'ok' if ok else 'NO'}  {detail}")
        click.echo("ready" if sound else "not ready: see the lines marked NO")
    if not sound:
        sys.exit(1)
