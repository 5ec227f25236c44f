"""The options of the main command."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from cxr_edge.benchmarks.claims.asked import Asked, names_of
from cxr_edge.benchmarks.claims.baselines import NEEDS
from cxr_edge.benchmarks.claims.made_up import MADE_UP, RECIPES, WRITERS
from cxr_edge.benchmarks.claims.result import GENERATIVE
from cxr_edge.indexes.compression import LEVELS

Function = TypeVar("Function", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_THERE = click.Path(exists=True, path_type=Path)
_MOST = 0.99


def _levels(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[float, ...]:
    found: list[float] = []
    for value in given or ("0.15",):
        if value == "all":
            found += LEVELS
            continue
        try:
            level = float(value)
        except ValueError:
            level = -1.0
        if not 0 <= level <= _MOST:
            raise click.BadParameter(f"{value}: expected 'all' or a number from 0 to {_MOST}")
        found.append(level)
    return tuple(sorted(set(found)))


def _generator(_: click.Context, __: click.Parameter, given: str | None) -> tuple[Path | None, str]:
    """A bundle, or the architecture of one to make up."""
    if given is None:
        return None, ""
    if given.startswith(MADE_UP):
        name = given.removeprefix(MADE_UP)
        if name not in WRITERS:
            raise click.BadParameter(f"{given}: expected {MADE_UP}{' or '.join(WRITERS)}")
        return None, name
    if not Path(given).exists():
        raise click.BadParameter(f"{given} is not there; expected the folder of a bundle")
    return Path(given), ""


_OPTIONS = (
    click.option(
        "--compression",
        "levels",
        multiple=True,
        callback=_levels,
        metavar="L",
        help="Level of compression, 0 to 0.99, or 'all' for the paper's six; may be repeated. "
        "Level 0 is always measured beside it.  [default: 0.15]",
    ),
    click.option("--bundle", type=_PATH, help="Default: $CXR_EDGE_BUNDLE, else the embedded one."),
    click.option(
        "--index",
        type=_PATH,
        help="An index, or a directory of levels that 'cxr-index build --compression all' wrote. "
        "Default: $CXR_EDGE_INDEX, else the embedded one.",
    ),
    click.option("--corpus", type=_THERE, help="Reports to build the levels of, in one pass."),
    click.option("--corpus-split", help="Take only the reports of this split."),
    click.option(
        "--corpus-size",
        type=click.IntRange(min=1000),
        metavar="N",
        help="So many synthetic sentences, for speed alone.",
    ),
    click.option("--graph", is_flag=True, help="With --corpus-size: build graphs; slow."),
    click.option(
        "--keep",
        type=_PATH,
        help="With --corpus or --corpus-size: folder in which the levels are kept, in 'levels', "
        "for another run's --index.",
    ),
    click.option(
        "--studies",
        default="generated",
        show_default=True,
        metavar="WHERE",
        help="A folder, a data set in a known layout, or 'generated'.",
    ),
    click.option("--split", help="Take only the studies of this split."),
    click.option("--count", type=click.IntRange(min=1), help="Studies.  [default: 8, or 100]"),
    click.option(
        "--method",
        "methods",
        type=click.Choice(["select", "top-k", "guided"]),
        multiple=True,
        help="Of ours; may be repeated, and all are measured side by side. Baselines take the "
        "first that they can do.  [default: select]",
    ),
    click.option("-k", "k", type=click.IntRange(min=1), default=6, show_default=True),
    click.option("--engine", default="auto", show_default=True, help="As cxr-run has it."),
    click.option("--precision", type=click.Choice(["fp32", "fp16", "int8"])),
    click.option("--threads", type=click.IntRange(1, 1024), help="Processors.  [default: all]"),
    click.option(
        "--baseline",
        "baselines",
        type=click.Choice([*NEEDS, "all", "none"]),
        multiple=True,
        help="What to compare with; may be repeated.  [default: all]",
    ),
    click.option(
        "--generator",
        callback=_generator,
        metavar="BUNDLE",
        help="A bundle that writes reports, as the baseline 'generative'; or "
        f"{' or '.join(MADE_UP + name for name in WRITERS)}: that network at its full size with "
        "made-up weights, for speed alone.",
    ),
    click.option("--chexbert", type=_THERE, help="A bundle of CheXbert, for F1 and s_emb."),
    click.option(
        "--architecture",
        help="Instead of a bundle: one of this architecture with made-up weights, for speed alone.",
    ),
    click.option(
        "--calibration",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="With --architecture: radiographs for --precision int8 and fp16.",
    ),
    click.option(
        "--recipe",
        type=click.Choice(RECIPES),
        default=RECIPES[0],
        show_default=True,
        help="Of a network with made-up weights: its own preprocessing, or window and resize as "
        "the embedded default has them.",
    ),
    click.option(
        "--samples",
        type=click.IntRange(min=1),
        default=30,
        show_default=True,
        help="Of each system at least; as many as there are studies if these are more.",
    ),
    click.option(
        "--fresh",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Processes started for the first report and the memory; of a baseline one.",
    ),
    click.option("--json", "target", type=_PATH, help="Write the record with every sample here."),
    click.option("--html", "page", type=_PATH, help="Write the record as a page with pictures."),
    click.option("--out", type=_PATH, help="Folder for claims.json, the table, the page."),
)


def main_options(function: Function) -> Function:
    """Give a command all options, in the order above."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def asked_for(given: dict[str, Any]) -> Asked:
    """What the options ask for.

    Raises:
        UsageError: some exclude each other.
    """
    sources = [name for name in ("index", "corpus", "corpus_size") if given[name] is not None]
    if len(sources) > 1:
        shown = " and ".join(f"--{name.replace('_', '-')}" for name in sources)
        raise click.UsageError(f"{shown} exclude each other")
    if given["architecture"] is not None:
        if given["bundle"] is not None:
            raise click.UsageError("--bundle and --architecture exclude each other")
        if not sources or sources == ["corpus"]:
            raise click.UsageError(
                "--architecture has made-up weights: give --corpus-size N, or --index of such a run"
            )
        if given["precision"] not in (None, "fp32") and given["calibration"] is None:
            raise click.UsageError("below fp32, --architecture needs --calibration")
    elif given["calibration"] is not None:
        raise click.UsageError("--calibration is for --architecture")
    generator, made_up = given["generator"]
    if given["recipe"] != RECIPES[0] and not (given["architecture"] or made_up):
        raise click.UsageError(f"--recipe is for --architecture and --generator {MADE_UP}NAME")
    if given["corpus_split"] is not None and given["corpus"] is None:
        raise click.UsageError("--corpus-split is for --corpus")
    if given["graph"] and given["corpus_size"] is None:
        raise click.UsageError("--graph is for --corpus-size; cxr-index build makes others")
    if given["keep"] is not None and sources not in (["corpus"], ["corpus_size"]):
        raise click.UsageError("--keep is for --corpus and --corpus-size")
    names, insisted = names_of(given["baselines"])
    if (generator or made_up) and GENERATIVE not in names:
        names = (*names, GENERATIVE)
    known = {one.name for one in fields(Asked)}
    chosen = {name: value for name, value in given.items() if name in known}
    chosen |= {"baselines": names, "insisted": insisted}
    chosen |= {"generator": generator, "made_up_generator": made_up}
    chosen["methods"] = tuple(dict.fromkeys(given["methods"])) or ("select",)
    return Asked(**chosen)
