"""The look of a report: plain, and the same in print."""

from typing import Final

TIMELINE_STYLE: Final = """
.timeline text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #1a202c; }
.timeline text.count { font-size: 13px; font-weight: 600; fill: #fff; }
.timeline text.dark { fill: #1a202c; }
.timeline text.axis { fill: #4a5568; }
"""
"""Of the timeline alone, wherever it stands."""

_PAGE_STYLE: Final = """
:root { --ink: #1a202c; --soft: #4a5568; --line: #cbd5e0; --bad: #c53030;
  --good: #276749; --pale: #f7fafc; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink);
  max-width: 1180px; margin: 2rem auto; padding: 0 1.5rem; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0 0 .4rem; }
h4 { font-size: .95rem; margin: 0 0 .3rem; }
h5 { font-size: .85rem; margin: .4rem 0 .2rem; color: var(--soft); }
p { margin: .4rem 0; }
.lesson { font-size: 1.12rem; max-width: 62rem; }
.about, .note, .rule { color: var(--soft); font-size: .88rem; }
.why { font-style: italic; max-width: 62rem; }
.badge { font-size: .75rem; font-weight: 600; padding: .15rem .55rem;
  border-radius: 1rem; vertical-align: middle; white-space: nowrap; }
.badge.good { background: #c6f6d5; color: var(--good); }
.badge.bad { background: #fed7d7; color: var(--bad); }
.badge.later { background: #e6d3d3; color: #742a2a; }
.badge.plain { background: #e2e8f0; color: var(--soft); }
.verdict { font-weight: 600; }
.verdict.good { color: var(--good); }
.verdict.bad { color: var(--bad); }
.verdict.later { color: #742a2a; }
.verdict.plain { color: var(--soft); }
p.bad, .refused { color: var(--bad); }
.short { border-left: 6px solid var(--bad); background: #fff5f5;
  padding: .8rem 1.2rem; margin: 1.2rem 0; }
.short.good-box { border-color: var(--good); background: #f0fff4; }
.short h2 { margin-top: 0; }
.timeline { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .86rem; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left;
  vertical-align: top; }
th { background: var(--pale); font-weight: 600; }
table.anchors { width: auto; }
.count.last { background: #fefcbf; padding: .1rem .4rem; border-radius: .3rem; }
.count.none { background: #fed7d7; color: var(--bad); font-weight: 600;
  padding: .1rem .4rem; border-radius: .3rem; }
.state { display: inline-block; white-space: nowrap; padding: 0 .4rem;
  margin: 0 .2rem .1rem 0; border-radius: .3rem; background: #e2e8f0; }
.state.ok { background: #c6f6d5; color: var(--good); }
.state.stuck, .state.unreachable { background: #fed7d7; color: var(--bad);
  font-weight: 600; }
.state.would-be-stuck { background: #e6d3d3; color: #742a2a; font-weight: 600; }
.state.degraded { background: #fefcbf; }
.step { border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1.1rem;
  margin: .9rem 0; }
.trouble { border-left: 4px solid var(--bad); padding: .2rem .9rem; margin: .8rem 0; }
.trouble ol { margin: .2rem 0 .2rem 1.2rem; padding: 0; }
code, pre { font: 12px/1.45 "DejaVu Sans Mono", ui-monospace, monospace; }
code { background: #edf2f7; padding: .05rem .25rem; border-radius: .2rem;
  overflow-wrap: anywhere; }
pre { background: var(--pale); border: 1px solid var(--line); border-radius: .3rem;
  padding: .5rem .7rem; margin: .3rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere; }
pre .err { color: var(--bad); font-weight: 600; }
details { margin: .35rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; }
.sides pre { font-size: 11px; }
dt { font-weight: 600; margin-top: .4rem; }
dd { margin: 0 0 0 1.2rem; max-width: 60rem; }
@media (max-width: 760px) { .sides { grid-template-columns: 1fr; } }
@media print {
  body { margin: 0; max-width: none; font-size: 10.5pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section.short, .trouble, table, svg { break-inside: avoid; }
  h2, h3, h4, summary { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .sides { grid-template-columns: 1fr; }
}
"""

STYLE: Final = _PAGE_STYLE + TIMELINE_STYLE
"""Of a whole report."""
