"""All of a benchmark as one page: tables, pictures, machine, command, what differs from the paper.

Nothing is fetched and nothing runs: a content security policy in the page forbids it. Pictures
stand in it as SVG with real text.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from cxr_edge.benchmarks.pictures import paper
from cxr_edge.benchmarks.pictures.canvas import Picture
from cxr_edge.benchmarks.pictures.gallery import Gallery, draw, slug
from cxr_edge.benchmarks.pictures.page_style import STYLE
from cxr_edge.benchmarks.pictures.tables import Table, tables
from cxr_edge.types import DISCLAIMER

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TITLE = "cxr-edge: what a draft costs and how good it is"


def render(records: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """One HTML document, UTF-8; the same records give the same bytes.

    Args:
        records: each with a name, which heads its chapter.

    Raises:
        CxrEdgeError: a record holds nothing to show, or is damaged.
    """
    return compose([(name, record, draw(record, name)) for name, record in records])


def compose(chapters: Sequence[tuple[str, Mapping[str, Any], Gallery]]) -> bytes:
    """As ``render``, of what was drawn already."""
    body = "\n".join(_chapter(*chapter) for chapter in chapters)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_TITLE}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{_TITLE}</h1>
<p class="draft">What is measured here are drafts. {_text(DISCLAIMER)}</p>
</header>
<main>
{body}
</main>
<footer><p class="soft">{_text(DISCLAIMER)}</p></footer>
</body>
</html>
"""
    return page.encode()


def _chapter(name: str, record: Mapping[str, Any], gallery: Gallery) -> str:
    mark = slug(name)
    notes = "".join(f"<li>{_text(note)}</li>\n" for note in record["notes"])
    parts = [
        f'<section aria-labelledby="{mark}-name">',
        f'<h2 id="{mark}-name">{_text(name)}</h2>',
        f"<ul>\n{notes}</ul>" if notes else "",
        *(
            _table(table, f"{mark}-table-{i}")
            for i, table in enumerate(tables(record, gallery.rows))
        ),
    ]
    if gallery.rows:
        parts.append(f"<h3>What differs from the paper</h3><p>{_text(paper.DIFFERS)}</p>")
    parts.append("<h3>Pictures</h3>")
    parts += map(_figure, gallery.pictures)
    parts += [f"<p>{_text(reason)}</p>" for reason in gallery.left_out]
    parts += [_origin(record), "</section>"]
    return "\n".join(parts)


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _table(table: Table, mark: str) -> str:
    heads = "".join(f'<th scope="col">{_text(head)}</th>' for head in table.heads)
    lines = "".join(
        f'<tr><th scope="row">{_text(line[0])}</th>'
        + "".join(f"<td>{_text(cell)}</td>" for cell in line[1:])
        + "</tr>\n"
        for line in table.lines
    )
    words = ' class="words"' if table.words else ""
    # What may scroll must be reachable by keyboard, and then needs a name.
    return (
        f'<h3 id="{mark}">{_text(table.title)}</h3>\n'
        f'<div class="wide" role="region" aria-labelledby="{mark}" tabindex="0">'
        f"<table{words}><caption>{_text(table.caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>"
    )


def _figure(picture: Picture) -> str:
    # A drawing inside a page has no prologue.
    svg = re.sub(r"^.*?(?=<svg )", "", picture.svg.decode(), flags=re.DOTALL)
    return f"<figure>\n{svg}<figcaption>{_text(picture.caption)}</figcaption>\n</figure>"


def _origin(record: Mapping[str, Any]) -> str:
    """Command, machine and versions, all that the record says of them."""
    command = " ".join(["cxr-bench", *map(shlex.quote, record["arguments"] or [])])
    lines = [
        f'<tr><th scope="row">command</th><td><code>{_text(command)}</code></td></tr>',
        *(_line(key, value) for key, value in record["subject"].items()),
        *(_line(key, value) for key, value in record["runs"].items()),
        *(_line(key, value) for key, value in record["machine"].items()),
    ]
    return (
        '<h3>Command, machine and versions</h3><div class="wide"><table class="words">'
        "<caption>As the record says; it also holds every single sample.</caption>\n"
        '<thead><tr><th scope="col">what</th><th scope="col">value</th></tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody></table></div>"
    )


def _line(key: str, value: object) -> str:
    shown = _text(_plain(value)) or "none"
    return f'<tr><th scope="row">{_text(key.replace("_", " "))}</th><td>{shown}</td></tr>\n'


def _plain(value: object) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return str(value)
