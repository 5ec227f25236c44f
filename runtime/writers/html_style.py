"""The style sheet of the HTML report: light, dark and print, no resource outside the page.

Positive and negative differ by sign and border as well as by colour (orange and blue, which people
with any common colour blindness tell apart); muted bars are hatched and say so.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #1b1f24; --soft: #5a6470; --line: #d9dde3;
  --bar: #2f6f9f; --track: #e8ebef; --hatch: #a9b1bb;
  --caution: #fff4d6; --caution-ink: #5c4300; --caution-line: #e0a800;
  --positive: #a84300; --negative: #1f5f8f; --uncertain: #5a6470;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1d2127; --ink: #e6e9ed; --soft: #9aa4b0; --line: #343b44;
    --bar: #5aa3d6; --track: #2b313a; --hatch: #66707c;
    --caution: #3a2f10; --caution-ink: #ffe19a; --caution-line: #c79a1e;
    --positive: #ff9d5c; --negative: #7cc0f0; --uncertain: #b4bdc8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
.banner {
  background: var(--caution); color: var(--caution-ink);
  border-bottom: 3px solid var(--caution-line); padding: .75rem 1.25rem; text-align: center;
}
.banner strong { font-size: 1.15rem; }
.banner span { display: block; font-size: .9rem; }
main { max-width: 72rem; margin: 0 auto; padding: 1.25rem; display: grid; gap: 1.25rem; }
.top { display: grid; gap: 1.25rem; grid-template-columns: 1fr; }
.top.pictured { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); align-items: start; }
.said-and-why { display: grid; gap: inherit; min-width: 0; }
.bottom { display: grid; gap: 1.25rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
section, figure {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 0;
  padding: 1.1rem 1.35rem; min-width: 0;
}
figure { padding: 0; position: sticky; top: 1rem; overflow: hidden; background: #000; }
figure img { display: block; width: 100%; height: auto; max-height: 40rem; object-fit: contain; }
figcaption {
  padding: .5rem 1rem; font-size: .85rem; color: var(--soft); background: var(--card);
}
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h3 {
  font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft);
  margin: 1.1rem 0 .2rem;
}
p { margin: 0 0 .5rem; }
.said { font-size: 1.1rem; }
.soft { color: var(--soft); font-size: .87rem; overflow-wrap: anywhere; }
ul.plain { margin: 0; padding-left: 1.15rem; }
ul.warnings {
  border-left: 4px solid var(--caution-line); padding-left: 1.6rem; margin-top: .2rem;
}
ol.evidence { list-style: none; margin: 0; padding: 0; }
ol.evidence > li { padding: .7rem 0; border-top: 1px solid var(--line); break-inside: avoid; }
ol.evidence > li:first-child { border-top: 0; padding-top: .2rem; }
ol.evidence p { margin: 0 0 .25rem; }
.chip {
  display: inline-block; font-size: .8rem; line-height: 1.3; padding: .1rem .5rem;
  margin: 0 .3rem .25rem 0; border-radius: 999px; border: 1.5px solid currentColor;
}
.positive { color: var(--positive); font-weight: 600; }
.negative { color: var(--negative); }
.uncertain { color: var(--uncertain); border-style: dashed; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: 400; text-align: left; }
.bars th { width: 42%; padding: .2rem .6rem .2rem 0; font-size: .93rem; line-height: 1.25; }
.bars td { padding: .2rem 0; }
.bars td:last-child { width: 3.6rem; text-align: right; font-variant-numeric: tabular-nums; }
.track {
  height: .8rem; background: var(--track); border-radius: 2px; overflow: hidden;
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.fill { height: 100%; background: var(--bar); }
.muted th, .muted td { color: var(--soft); }
.muted .fill {
  background: repeating-linear-gradient(
    45deg, var(--hatch) 0 3px, transparent 3px 6px
  );
}
.muted small { display: block; }
.facts th { width: 34%; color: var(--soft); vertical-align: top; padding: .15rem .6rem .15rem 0; }
.facts td { padding: .15rem 0; overflow-wrap: anywhere; }
.facts { font-size: .87rem; font-variant-numeric: tabular-nums; }
footer { text-align: center; padding: 0 1rem 1.5rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 46rem) {
  .top.pictured, .bottom { grid-template-columns: minmax(0, 1fr); }
  figure { position: static; }
  main { padding: .8rem; gap: .8rem; }
}
@media print {
  :root {
    --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --bar: #2f6f9f;
    --track: #e8ebef; --hatch: #999; --caution: #fff; --caution-ink: #000;
    --caution-line: #000; --positive: #8a3700; --negative: #1f5f8f; --uncertain: #444;
  }
  body { font-size: 9.5pt; }
  main { padding: .5rem 0; gap: .6rem; max-width: none; }
  figure, tr { break-inside: avoid; }
  figure { position: static; }
}
"""
