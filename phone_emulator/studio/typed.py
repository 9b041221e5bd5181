"""The commands of a ticket, pasted: which are understood, and why others are not.

A line is a command of the administration shell, as `admin:set cert regen TVS`, with a
node before a colon where it is not the publisher's, or a line of a rehearsal, as
`phones boot` (docs/rehearsals.md). Blank lines and comments (`#`, `!`) are left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.scripts.line_arguments import LineError
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.line_forms import FORMS
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step
from tokenless.protocol.certificates.name_text import printable

MAX_LINES: Final = 300
_MAX_WRONG: Final = 20
_LONGEST: Final = 400
_PROMPT: Final = re.compile(r"^\s*admin:\s*")
_NUMBER: Final = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+")
_ON_NODE: Final = re.compile(
    r"^\s*(?:on\s+)?([A-Za-z0-9][\w.-]*|all nodes)\s*:\s+(.+)$"
)
_HEADS: Final = frozenset(form.synopsis.words[0] for form in FORMS)
_ALL: Final = "all nodes"
_RESET: Final = re.compile(
    r"(?:reset|restart|reboot) (?:all )?(?:the )?phones|phones (?:reset|restart)\.?",
    re.IGNORECASE,
)
"""The words of tickets for `phones boot`."""
_BOOT: Final = "phones boot"


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A line of the ticket."""

    number: int
    text: str
    line: str = ""
    """As a rehearsal has it; empty: it is left out."""
    reason: str = ""
    """The reason why it cannot be done; empty: it can."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """A ticket's commands."""

    lines: tuple[TypedLine, ...]
    steps: tuple[Step, ...]
    """Empty while a line cannot be done."""

    @property
    def wrong(self) -> tuple[TypedLine, ...]:
        """The lines that cannot be done."""
        return tuple(each for each in self.lines if each.reason)


def read_typed(text: str, base: Script, nodes: Sequence[str], *, ends: bool) -> Typed:
    """Read the commands of a ticket, for a cluster that a rehearsal sets up.

    Args:
        text: What was pasted.
        base: The rehearsal.
        nodes: The names of the cluster's nodes.
        ends: Whether all phones restart at the end, where no line says so.

    Raises:
        PhoneError: When there are too many lines, or none is a command.
    """
    given = text.splitlines()
    if len(given) > MAX_LINES:
        raise PhoneError(
            f"there are over {MAX_LINES} lines", hint="paste the commands of one change"
        )
    lines = [_read(number, each, nodes) for number, each in enumerate(given, 1)]
    checked = _checked(lines, base)
    if not any(each.line or each.reason for each in checked):
        raise PhoneError("no command was pasted", hint="paste one command a line")
    if any(each.reason for each in checked):
        return Typed(tuple(checked), ())
    return Typed(tuple(checked), tuple(_steps(checked, ends=ends)))


def _read(number: int, given: str, nodes: Sequence[str]) -> TypedLine:
    shown = printable(given)[:_LONGEST]
    if len(given) > _LONGEST:
        return TypedLine(number, shown, reason="the line is too long", hint="split it")
    text = _NUMBER.sub("", given).strip()
    if not text or text[0] in "#!":
        return TypedLine(number, shown)
    if _RESET.fullmatch(text):
        return TypedLine(number, shown, _BOOT)
    where = ""
    found = None if _PROMPT.match(text) else _ON_NODE.match(text)
    if found is not None:
        name, rest = found[1], found[2]
        node = next((n for n in nodes if n.casefold() == name.casefold()), None)
        if name.casefold() == _ALL:
            where, text = "--all ", rest
        elif node is not None:
            where, text = f"--node {node} ", rest
        else:
            known = ", ".join(nodes)
            return TypedLine(
                number, shown, reason=f"{name} is not a node", hint=f"nodes are {known}"
            )
    text = _PROMPT.sub("", text).strip()
    is_line = text.split()[0] in _HEADS and not where if text else False
    return TypedLine(number, shown, text if is_line else f"admin {where}{text}")


def _checked(lines: Sequence[TypedLine], base: Script) -> list[TypedLine]:
    """Return the lines with the reasons of those that cannot be done."""
    found = {each.number: each for each in lines}
    for _ in range(_MAX_WRONG):
        kept = [each for each in found.values() if each.line and not each.reason]
        steps = [Step(title=f"line {each.number}", run=(each.line,)) for each in kept]
        try:
            check_lines(replace(base, steps=(*base.steps, *steps)))
        except LineError as error:
            place = error.step - len(base.steps) - 1
            if place < 0:
                raise
            wrong = kept[place]
            found[wrong.number] = _with_reason(wrong, error)
        else:
            break
    return list(found.values())


def _with_reason(wrong: TypedLine, error: LineError) -> TypedLine:
    return TypedLine(
        wrong.number, wrong.text, wrong.line, error.reason, error.hint or ""
    )


def _steps(lines: Sequence[TypedLine], *, ends: bool) -> Iterator[Step]:
    """Make a step of all lines up to a restart of phones."""
    waiting: list[TypedLine] = []
    number = 0
    for each in lines:
        if not each.line:
            continue
        waiting.append(each)
        if _restarts(each.line):
            number += 1
            yield _step(number, waiting)
            waiting = []
    if waiting:
        yield _step(number + 1, waiting, also=(_BOOT,) if ends else ())


def _restarts(line: str) -> bool:
    action = parse_action(line)
    return isinstance(action, Phones) and action.verb is PhoneVerb.BOOT


def _step(number: int, lines: Sequence[TypedLine], also: tuple[str, ...] = ()) -> Step:
    first, last = lines[0].number, lines[-1].number
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    why = "All phones restart at the end; the ticket does not say so." if also else ""
    return Step(
        title=f"The ticket, part {number} ({where})",
        run=(*(each.line for each in lines), *also),
        why=why,
    )
