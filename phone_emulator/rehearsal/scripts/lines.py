"""The lines of a step, as an administrator would type them, parsed into actions.

`line_forms.FORMS` has the ways in which a line can be written.
"""

import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import LineAction
from tokenless.phone_emulator.rehearsal.scripts.line_forms import (
    FORMS,
    LineForm,
    Values,
)
from tokenless.phone_emulator.rehearsal.scripts.line_grammar import COMMAND

_HEADS: Final = {" ".join(form.synopsis.words): form for form in FORMS}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was parsed."""

    form: LineForm
    values: Values
    action: LineAction


@lru_cache(maxsize=4096)
def parse_line(line: str) -> Line:
    """Parse one line.

    Raises:
        PhoneError: When the line is none of `FORMS`; says what comes nearest.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise PhoneError(
            f"step line {line!r}: {error}", hint="close the quotation"
        ) from error
    form = _form(line, words)
    try:
        arguments = form.synopsis.read(words[len(form.synopsis.words) :])
        # The shell splits its commands itself: they keep their quotes.
        before = len(words) - len(arguments.get(COMMAND, ()))
        values = Values(arguments, "".join(line.split(maxsplit=before)[before:]))
        return Line(form, values, form.make(values))
    except PhoneError as error:
        raise PhoneError(f"step line {line!r}: {error}", hint=error.hint) from None


def parse_action(line: str) -> LineAction:
    """Parse one line into an action.

    Raises:
        PhoneError: As `parse_line`.
    """
    return parse_line(line).action


def _form(line: str, words: list[str]) -> LineForm:
    for length in (2, 1):
        if (form := _HEADS.get(" ".join(words[:length]))) is not None:
            return form
    raise PhoneError(f"step line {line!r} is not understood", hint=_nearest(words))


def _nearest(words: list[str]) -> str:
    close = get_close_matches(" ".join(words[:2]), _HEADS, n=3)
    if close:
        return f"did you mean `{'` or `'.join(close)}`?"
    same = [head for head in _HEADS if words and head.split()[0] == words[0]]
    if same:
        return f"after `{words[0]}` come {', '.join(head.split()[1] for head in same)}"
    begins = dict.fromkeys(head.split()[0] for head in _HEADS)
    return f"lines begin with {', '.join(begins)}; docs/rehearsals.md has all"
