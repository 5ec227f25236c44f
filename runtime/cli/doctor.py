"""``cxr-run doctor``: what is installed, what each engine says, what to do about it."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from cxr_edge.bundle import Bundle
from cxr_edge.dicom.syntaxes import SYNTAXES
from cxr_edge.engines import default_threads, load_engine, probe_all
from cxr_edge.errors import CxrEdgeError
from cxr_edge.indexes.native import MISSING, reader
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.pipeline import locate

_PACKAGES = ("cxr-edge", "numpy", "pydicom", "click", "onnxruntime", "onnxruntime-gpu")


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


def _engines(bundle: Bundle | None) -> dict[str, tuple[bool, str]]:
    """What each engine says, and whether it really loads the image network of a sound bundle."""
    answers = {name: (answer.available, answer.detail) for name, answer in probe_all().items()}
    for name, (available, _) in answers.items():
        if available and bundle is not None:
            try:
                load_engine(name, bundle.read(bundle.network("image").file), 1).close()
            except CxrEdgeError as problem:
                answers[name] = (False, str(problem))
    return answers


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


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Show what is installed, what each engine says, and what to do about it.

    Exits with 1 when a plain cxr-run could not draft a report here.
    """
    packages = {name: _version(name) for name in _PACKAGES}
    codecs, readers = _decoders(), _readers()
    parts, bundle = _parts()
    engines = _engines(bundle)
    sound = any(ok for ok, _ in engines.values()) and all(ok for ok, _ in parts.values())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "python": platform.python_version(),
                    "system": platform.platform(),
                    "threads": default_threads(),
                    "packages": packages,
                    "engines": {
                        n: {"available": ok, "detail": d} for n, (ok, d) in engines.items()
                    },
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
        for title, answers in (
            ("engines", engines),
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
