"""The style sheet of the page: light, for screen and print, no resource outside the page."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body {
  margin: 0; background: #fff; color: #1b1f24;
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
.draft {
  border: 2px solid #1b1f24; padding: .5rem .9rem; font-weight: 600; margin: 1rem 0;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.25rem 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; border-bottom: 2px solid #1b1f24; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.soft { color: #4a5460; font-size: .9rem; }
.wide { overflow-x: auto; }
.wide:focus { outline: 2px solid #0072B2; }
table { border-collapse: collapse; margin: .4rem 0 1rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #4a5460; font-size: .9rem; padding-bottom: .3rem; }
th, td { border-bottom: 1px solid #c4cad2; padding: .25rem .55rem; text-align: right; }
th { font-weight: 600; vertical-align: bottom; }
td, tbody th { vertical-align: top; }
table:not(.words) :is(th[scope="row"], td) { white-space: nowrap; }
tbody th, thead th:first-child, .words td { text-align: left; }
thead th { border-bottom: 2px solid #1b1f24; }
.words thead th { text-align: left; }
figure { margin: 1rem 0 1.8rem; break-inside: avoid; }
figure svg { display: block; max-width: 100%; width: 52rem; height: auto; }
figcaption { color: #4a5460; font-size: .9rem; margin-top: .4rem; max-width: 52rem; }
code { font-family: "DejaVu Sans Mono", Consolas, monospace; font-size: .9em; }
code { overflow-wrap: anywhere; }
footer { margin-top: 2rem; padding-bottom: 2rem; }
@page { margin: 14mm; }
@media print {
  :root { font-size: 10pt; }
  body { font-size: 10pt; }
  header, main, footer { max-width: none; padding: 0; }
  .wide { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: .15rem .3rem; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  figure svg { width: 7in; }
}
"""
