"""The printed result of a preflight."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell
from tokenless.phone_emulator.rehearsal.preflight.calendar import (
    CalendarEntry,
    renewals_a_year,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import Check, Outcome

_STYLES: Final = {
    Outcome.ERROR: "bold red",
    Outcome.WARNING: "yellow",
    Outcome.NOT_TOLD: "magenta",
    Outcome.OK: "green",
}
_ORDER: Final = (Outcome.ERROR, Outcome.WARNING, Outcome.NOT_TOLD, Outcome.OK)


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Return the checks by outcome."""
    return sorted(checks, key=lambda check: _ORDER.index(check.outcome))


def preflight_view(checks: Sequence[Check], entries: Sequence[CalendarEntry]) -> Group:
    """Draw the verdict, the checks and the calendar."""
    parts: list[Text | Table] = [_verdict(checks)]
    for check in worst_first(checks):
        parts.append(Text(f"{check.outcome}: {check.message}", _STYLES[check.outcome]))
        if check.consequence and check.outcome is not Outcome.OK:
            parts.append(Text(f"  effect: {check.consequence}"))
        if check.remedy:
            parts.append(Text(f"  fix: {check.remedy}"))
    if entries:
        parts.append(_calendar(entries))
    return Group(*parts)


def _verdict(checks: Sequence[Check]) -> Text:
    count = {o: sum(check.outcome is o for check in checks) for o in Outcome}
    untold = count[Outcome.NOT_TOLD]
    said = f"{counted(untold, 'check')} could not be made; " if untold else ""
    warnings = counted(count[Outcome.WARNING], "warning")
    if count[Outcome.ERROR]:
        words = f"NOT READY: {counted(count[Outcome.ERROR], 'error')}"
        return Text(f"{words}; {said}{warnings}", "bold red")
    style = "yellow" if untold or count[Outcome.WARNING] else "green"
    return Text(f"no error; {said}{warnings}", style)


def _calendar(entries: Sequence[CalendarEntry]) -> Table:
    table = Table(title="Calendar", header_style="bold", show_lines=True)
    for title in ("ends", "days", "certificate", "next, if public", "its renewal"):
        table.add_column(title, overflow="fold")
    for each in entries:
        known = each.certificate
        whose = f"{known.unit} of {known.node}" if known.node else known.unit
        ends = "" if known.ends is None else f"{known.ends:%Y-%m-%d}"
        days = "" if each.public_days is None else _lasts(each.public_days)
        table.add_row(ends, str(each.days_left), cell(whose), days, each.effect)
    return table


def _lasts(days: int) -> str:
    return f"{days} days, {renewals_a_year(days)} a year"
