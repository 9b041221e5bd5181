"""A played rehearsal as one picture: commands, timeline, reasons, remedies.

    python -m tools.readme_picture REHEARSAL FILE.svg

Made for a README: one SVG that names no other host, on a background of its own, with
the fonts that the reader has.
"""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.causes import plain_cause
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import (
    Played,
    rehearsal_folder,
    run_script,
)
from tokenless.phone_emulator.rehearsal.reports.html_text import Html, style_sheet, tag
from tokenless.phone_emulator.rehearsal.reports.timeline import timeline
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts

_PHONES: Final = 99  # and one of a fixed group: a round number
_WIDTH: Final = 1000
_MARGIN: Final = 28
_TIMELINE_HEIGHT: Final = 306
_BAR_HEIGHT: Final = 40
_STYLE: Final = """
text { font: 15px system-ui, "DejaVu Sans", sans-serif; fill: #1a202c; }
.command { font: 15px ui-monospace, "DejaVu Sans Mono", monospace; fill: #e2e8f0; }
.lesson { font-size: 17px; }
.head { font-weight: 600; }
.bad { fill: #c53030; font-weight: 600; }
.timeline text.caption, .timeline text.legend { font-size: 12.5px; }
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of text below another."""

    words: str
    kind: str
    height: int = 22
    indent: int = 0


def picture(played: Played) -> str:
    """Draw a rehearsal in which phones refuse something."""
    above = list(_lesson(played))
    below = list(_verdict(played))
    top = _BAR_HEIGHT + 18 + _height(above)
    height = top + _TIMELINE_HEIGHT + _height(below) + 24
    drawing = tag(
        "svg",
        tag("title", f"Rehearsal {played.script.name}: phones by state"),
        tag("style", style_sheet("timeline.css"), Html(_STYLE)),
        *_card(height),
        *_terminal_bar(played),
        *_lines(above, _BAR_HEIGHT + 10),
        _plot(played, top),
        *_lines(below, top + _TIMELINE_HEIGHT),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        role="img",
    )
    return f"{drawing}\n"


def _card(height: int) -> Iterator[Html]:
    """Draw the paper, so that the picture is legible on dark pages, too."""
    paper = {"x": 0.5, "y": 0.5, "width": _WIDTH - 1, "height": height - 1, "rx": 10}
    yield tag("rect", fill="#ffffff", stroke="#cbd5e0", **paper)


def _terminal_bar(played: Played) -> Iterator[Html]:
    bar = {"x": 0.5, "y": 0.5, "width": _WIDTH - 1, "height": _BAR_HEIGHT, "rx": 10}
    yield tag("rect", fill="#1a202c", **bar)
    square = {"x": 0.5, "y": _BAR_HEIGHT / 2, "width": _WIDTH - 1}
    yield tag("rect", fill="#1a202c", height=_BAR_HEIGHT / 2, **square)
    typed = f"$ tokenless rehearse run {played.script.name} --phones {played.phones}"
    yield tag("text", typed, x=_MARGIN - 8, y=26, class_="command")


def _plot(played: Played, top: int) -> Html:
    return tag(
        "svg",
        timeline(played.steps),
        x=_MARGIN - 16,
        y=top,
        width=_WIDTH - 2 * _MARGIN + 16,
        height=_TIMELINE_HEIGHT,
    )


def _lesson(played: Played) -> Iterator[_Line]:
    for words in textwrap.wrap(played.script.lesson, 105):
        yield _Line(words, "lesson", 24)


def _verdict(played: Played) -> Iterator[_Line]:
    """Tell about the group that is worst off after the first step that harms."""
    step, status = next(
        (step, each) for step in played.steps for each in step.statuses if each.refusals
    )
    stuck = counted(len(step.stuck), "phone")
    silent = step.impact.unregistered
    without = f", {silent} of them without dial tone" if silent else ""
    yield _Line(
        f"Step {step.number} leaves {stuck} stuck{without}. "
        f"Why those of {status.group}?",
        "bad",
        26,
    )
    for words in textwrap.wrap(plain_cause(next(iter(status.refusals)).code), 120):
        yield _Line(words, "text")
    yield from _remedies(status)


def _remedies(status: GroupStatus) -> Iterator[_Line]:
    yield _Line("What recovers them?", "head", 28)
    for remedy in status.remedies:
        first, *others = textwrap.wrap(remedy.text.replace("`", ""), 115)
        yield _Line(f"• {first}", "text")
        for words in others:
            yield _Line(words, "text", indent=11)


def _height(lines: Sequence[_Line]) -> int:
    return sum(line.height for line in lines)


def _lines(lines: Sequence[_Line], top: int) -> Iterator[Html]:
    y = top
    for line in lines:
        y += line.height
        yield tag("text", line.words, x=_MARGIN + line.indent, y=y, class_=line.kind)


def draw(name: str, phones: int = _PHONES) -> str:
    """Play a rehearsal and draw it."""
    (script,) = find_scripts(name)
    with rehearsal_folder(None) as folder:
        return picture(run_script(script, phones, folder, ProgressListener()))


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(sys.argv[1]), encoding="utf-8")
