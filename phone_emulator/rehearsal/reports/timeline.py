"""The timeline of a report: a bar a step, phones by state, as inline SVG.

Numbers stand in the bars and states have patterns of their own, so that it can be read
in print and by people who do not see colours.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.impact import (
    Impact,
)
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.reports.html_text import Html, join, tag

COLOURS: Final = {
    PhoneStatus.OK: "#2f855a",
    PhoneStatus.DEGRADED: "#d69e2e",
    PhoneStatus.STUCK: "#c53030",
    PhoneStatus.UNREACHABLE: "#6b46c1",
    PhoneStatus.WOULD_BE_STUCK: "#9b6b6b",
    PhoneStatus.NOT_RESTARTED: "#a3b8aa",
    PhoneStatus.OFF: "#a0aec0",
    PhoneStatus.NEW: "#e2e8f0",
}
WORDS: Final = {
    PhoneStatus.OK: "holds what is served",
    PhoneStatus.DEGRADED: "a file is missing",
    PhoneStatus.STUCK: "stuck: refuses the cluster's files",
    PhoneStatus.UNREACHABLE: "no TFTP server answers",
    PhoneStatus.WOULD_BE_STUCK: "would be stuck when it next starts",
    PhoneStatus.NOT_RESTARTED: ("not restarted; a copy of it booted well"),
    PhoneStatus.OFF: "off",
    PhoneStatus.NEW: "not booted yet",
}
_DARK: Final = frozenset(
    {
        PhoneStatus.OFF,
        PhoneStatus.NEW,
        PhoneStatus.DEGRADED,
        PhoneStatus.NOT_RESTARTED,
    }
)
_HATCHED_STATES: Final = frozenset({PhoneStatus.STUCK, PhoneStatus.WOULD_BE_STUCK})
_HATCHED: Final = "url(#hatch)"

_LEFT, _TOP, _HEIGHT = 46.0, 12.0, 190.0
_WIDTH, _LEAST_SLOT, _GREATEST_SLOT = 1000.0, 130.0, 230.0
_BAR_SHARE = 0.72
_CHAR, _TITLE_LINES, _LINE = 6.6, 3, 13.0
_LEAST_LABELLED = 13.0
_LEGEND_WIDTH = 250.0


def timeline(steps: Sequence[StepReport]) -> Html:
    """Draw the phones of all groups by state, a stacked bar for each step."""
    slot = min(_GREATEST_SLOT, max(_LEAST_SLOT, _WIDTH / max(1, len(steps))))
    width = _LEFT + len(steps) * slot
    columns = max(1, int(width // _LEGEND_WIDTH))
    seen = [state for state in PhoneStatus if _total(steps, state)]
    rows = -(-len(seen) // columns)
    below = _TOP + _HEIGHT + (_TITLE_LINES + 3) * _LINE
    height = below + rows * 20
    return tag(
        "svg",
        _patterns(),
        *_axis(steps, width),
        *(part for index, step in enumerate(steps) for part in _bar(index, slot, step)),
        *_legend(seen, columns, below),
        viewBox=f"0 0 {max(width, _LEGEND_WIDTH):g} {height:g}",
        role="img",
        aria_label="Phones by state after each step",
        class_="timeline",
        style=f"max-width:{max(width, _LEGEND_WIDTH):g}px",
    )


def _total(steps: Sequence[StepReport], state: PhoneStatus) -> int:
    return sum(_states(step)[state] for step in steps)


def _states(step: StepReport) -> Counter[PhoneStatus]:
    states: Counter[PhoneStatus] = Counter()
    for status in step.statuses:
        states.update(status.states)
    return states


def _patterns() -> Html:
    line = tag(
        "line", x1=0, y1=0, x2=0, y2=7, stroke="#fff", stroke_width=2, opacity="0.35"
    )
    attributes = {"patternUnits": "userSpaceOnUse", "patternTransform": "rotate(45)"}
    pattern = tag("pattern", line, id="hatch", width=7, height=7, **attributes)
    return tag("defs", pattern)


def _axis(steps: Sequence[StepReport], width: float) -> Iterator[Html]:
    phones = max((_states(step).total() for step in steps), default=0)
    for count in sorted({0, phones // 2, phones}):
        y = round(_TOP + _HEIGHT * (1 - count / max(1, phones)), 2)
        yield tag("line", x1=_LEFT, y1=y, x2=width, y2=y, stroke="#cbd5e0")
        place = {"x": _LEFT - 6, "y": round(y + 4, 2)}
        yield tag("text", str(count), text_anchor="end", class_="axis", **place)


def _bar(index: int, slot: float, step: StepReport) -> Iterator[Html]:
    states = _states(step)
    total = states.total() or 1
    middle, y = _LEFT + (index + 0.5) * slot, _TOP + _HEIGHT
    for state in PhoneStatus:
        height = _HEIGHT * states[state] / total
        y -= height
        if height:
            block = _Block(middle, y, slot * _BAR_SHARE, height)
            yield from block.draw(state, states[state])
    yield from _caption(middle, slot, step)


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of a bar."""

    middle: float
    y: float
    width: float
    height: float

    def draw(self, state: PhoneStatus, count: int) -> Iterator[Html]:
        """Draw the phones of one state."""
        place = {
            "x": round(self.middle - self.width / 2, 2),
            "y": round(self.y, 2),
            "width": round(self.width, 2),
            "height": round(self.height, 2),
        }
        title = tag("title", f"{counted(count, 'phone')}: {WORDS[state]}")
        yield tag("g", title, tag("rect", fill=COLOURS[state], **place))
        if state in _HATCHED_STATES:
            yield tag("rect", fill=_HATCHED, **place)
        if self.height >= _LEAST_LABELLED:
            yield tag(
                "text",
                str(count),
                x=self.middle,
                y=round(self.y + self.height / 2 + 4, 2),
                text_anchor="middle",
                class_="count dark" if state in _DARK else "count",
            )


def _caption(x: float, slot: float, step: StepReport) -> Iterator[Html]:
    y = _TOP + _HEIGHT + _LINE + 4
    for line in _wrapped(f"{step.number}. {step.step.title}", int(slot / _CHAR)):
        yield tag("text", line, x=x, y=y, text_anchor="middle", class_="caption")
        y += _LINE
    if tone := _dial_tone(step):
        kind = "caption bad" if step.impact.unregistered else "caption tone"
        yield tag("text", tone, x=x, y=y + 2, text_anchor="middle", class_=kind)
        y += _LINE
    if lost := _calls(step.impact):
        kind = "caption bad"
        yield tag("text", lost, x=x, y=y + 2, text_anchor="middle", class_=kind)


def _calls(impact: Impact) -> str:
    """Count calls that fail or are less secure than before."""
    parts = []
    if impact.failed_calls:
        parts.append(f"{counted(impact.failed_calls, 'call')} failed")
    if impact.weaker_calls:
        parts.append(f"{counted(impact.weaker_calls, 'call')} less secure")
    return ", ".join(parts)


def _dial_tone(step: StepReport) -> str:
    """Count phones that are registered over TLS and in clear; or those that are not.

    Both would run into the words of the next step.
    """
    found = [status.registrations for status in step.statuses]
    without = sum(each.without for each in found)
    secure = sum(each.secure for each in found)
    clear = sum(each.phones for each in found) - without - secure
    if without:
        return f"{without} without dial tone"
    parts = []
    if secure:
        parts.append(f"{secure} secure")
    if clear:
        parts.append(f"{clear} in clear")
    return f"dial tone: {', '.join(parts)}" if parts else ""


def _wrapped(text: str, width: int) -> list[str]:
    """Break a title into few short lines; what does not fit ends in an ellipsis."""
    lines = textwrap.wrap(text, width)
    if len(lines) > _TITLE_LINES:
        lines = [*lines[: _TITLE_LINES - 1], f"{lines[_TITLE_LINES - 1]} …"]
    return lines


def _legend(seen: Sequence[PhoneStatus], columns: int, below: float) -> Iterator[Html]:
    for index, state in enumerate(seen):
        x = _LEFT + (index % columns) * _LEGEND_WIDTH
        y = below + (index // columns) * 20
        place = {"x": x, "y": y - 10, "width": 13, "height": 13}
        swatch = tag("rect", fill=COLOURS[state], **place)
        if state in _HATCHED_STATES:
            swatch = join(swatch, tag("rect", fill=_HATCHED, **place))
        words = (
            f"{state}: {WORDS[state]}"
            if state.value not in WORDS[state]
            else WORDS[state]
        )
        yield join(swatch, tag("text", words, x=x + 19, y=y + 1, class_="legend"))
