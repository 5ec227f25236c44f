"""The draft as one self-contained page: the picture, the text, and what each sentence rests on.

No script, no link, no font, nothing is fetched: a content security policy in the page forbids it.
No patient attribute is shown, so that the page can be passed on for discussion.
"""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from cxr_edge.types import DISCLAIMER, Hit, Report
from cxr_edge.writers.evidence import (
    STAGES,
    Observed,
    flat,
    observed,
    origin,
    printable,
    sections,
)
from cxr_edge.writers.html_style import STYLE
from cxr_edge.writers.png import encode_grey

name = "html"
suffix = ".html"

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_MADE_BY = "Written by software from one picture. No person has checked it."
_SIGNS = {"positive": "+", "negative": "\N{MINUS SIGN}", "uncertain": "?"}


def render(report: Report) -> bytes:
    """One HTML document, UTF-8. Shows ``report.picture`` where there is one."""
    figure = _figure(report)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Draft chest X-ray report</title>
<style>{STYLE}</style>
</head>
<body>
<header class="banner"><strong>{_text(DISCLAIMER)}</strong><span>{_MADE_BY}</span></header>
<main>
<div class="{"top pictured" if figure else "top"}">
{figure}<div class="said-and-why">
{_draft(report)}
{_evidence(report)}
</div>
</div>
<div class="bottom">
{_observations(observed(report))}
{_provenance(report)}
</div>
</main>
<footer>{_text(DISCLAIMER)}</footer>
</body>
</html>
"""
    return page.encode()


def _text(value: str) -> str:
    """Text for any place in the page, attributes included."""
    return escape(printable(value), quote=True)


def _figure(report: Report) -> str:
    if report.picture is None:
        return ""
    data = b64encode(encode_grey(report.picture)).decode("ascii")
    height, width = report.picture.shape
    return (
        f'<figure><img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="The chest X-ray this draft was made from">'
        f"<figcaption>{_text(_view(report))}. Reduced picture, not for diagnosis.</figcaption>"
        "</figure>\n"
    )


def _view(report: Report) -> str:
    view = report.study.view
    return f"{view} view" if view else "View not stated in the header"


def _draft(report: Report) -> str:
    parts = [
        "<section><h1>Draft chest X-ray report</h1>",
        f'<p class="soft">Study {_text(report.study.study_instance_uid) or "without a UID"}</p>',
        f'<h3>Findings</h3><p class="said">{_text(report.findings) or "None drafted."}</p>',
        f'<h3>Impression</h3><p class="said">{_text(report.impression) or "None drafted."}</p>',
        _list("Notes", report.notes, "plain"),
        _list("Warnings", report.warnings, "plain warnings"),
        "</section>",
    ]
    return "".join(parts)


def _list(title: str, lines: Iterable[str], style: str) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f'<h3>{title}</h3><ul class="{style}">{items}</ul>' if items else ""


def _evidence(report: Report) -> str:
    if not report.sentences:
        return ""
    named = zip(report.sentences, sections(report), strict=True)
    items = "".join(_sentence(hit, section) for hit, section in named)
    return (
        "<section><h2>Evidence for each sentence</h2>"
        '<p class="soft">Score: of a retrieved sentence, how well it matches this picture; of one '
        "that the software wrote, how sure it was; comparable within one report only. Labels: what "
        f'the sentence says.</p><ol class="evidence">{items}</ol>'
        "</section>"
    )


def _sentence(hit: Hit, section: str) -> str:
    chips = "".join(
        f'<span class="chip {mention}">{_SIGNS[mention]} {_text(label)} {mention}</span>'
        for label, mention in hit.named_labels().items()
    )
    return (
        f"<li><p>{_text(hit.text)}</p><div>{chips}</div>"
        f'<div class="soft">{section.capitalize()}; score {hit.score:.4f}; '
        f"{_text(origin(hit))}</div></li>"
    )


def _observations(items: Iterable[Observed]) -> str:
    rows = "".join(map(_bar, items))
    return (
        "<section><h2>Observation probabilities</h2>"
        f'<table class="bars"><tbody>{rows}</tbody></table></section>'
    )


def _bar(item: Observed) -> str:
    width = f"{100 * item.probability:.1f}%"
    mark = "<small>muted: not reliable</small>" if item.muted else ""
    return (
        f'<tr{" class=muted" if item.muted else ""}><th scope="row">{_text(item.name)}{mark}</th>'
        f'<td><div class="track"><div class="fill" style="width:{width}"></div></div></td>'
        f"<td>{item.probability:.3f}</td></tr>"
    )


def _provenance(report: Report) -> str:
    image = ("image", report.study.sop_instance_uid)
    times = (
        (f"{stage} (ms)", f"{report.timings_ms[stage]:.1f}")
        for stage in STAGES
        if stage in report.timings_ms
    )
    rows = "".join(
        f'<tr><th scope="row">{_text(key)}</th><td>{_text(value)}</td></tr>'
        for key, value in (image, *flat(report.provenance), *times)
        if value
    )
    return (
        "<section><h2>Provenance and timings</h2>"
        f'<table class="facts"><tbody>{rows}</tbody></table></section>'
    )
