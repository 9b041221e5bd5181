"""The last alarms of a phone, as a column of its registration.

A phone says what it likes, and another host may have written anything into the column:
both are bounded, and what is not understood is left out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_ALARMS: Final = 3
"""Of one phone; the oldest are forgotten."""
MAX_ALARM_TEXT: Final = 256
MAX_COLUMN: Final = 2048


@dataclass(frozen=True, slots=True)
class PhoneAlarmNote:
    """An alarm of a phone."""

    at: int
    """Unix seconds: when it came."""
    text: str
    """The phone's own words."""


def encode_alarms(alarms: Sequence[PhoneAlarmNote]) -> str:
    """Return the column's text, the newest alarms that it has room for."""
    kept = list(alarms[-MAX_ALARMS:])
    while kept:
        notes = [[each.at, _cut(each.text)] for each in kept]
        # One character for one: escapes would take the room of older alarms.
        text = json.dumps(notes, ensure_ascii=False)
        if len(text) <= MAX_COLUMN:
            return text
        kept.pop(0)
    return ""


def _cut(text: str) -> str:
    """Return so much of a text as is kept, without what no database can hold."""
    return text[:MAX_ALARM_TEXT].encode(errors="replace").decode()


def decode_alarms(column: str) -> tuple[PhoneAlarmNote, ...]:
    """Read the column; what is not an alarm is left out."""
    try:
        found = json.loads(column or "[]")
    except (ValueError, RecursionError):
        return ()
    return tuple(_notes(found))[-MAX_ALARMS:] if isinstance(found, list) else ()


def _notes(found: Iterable[object]) -> Iterable[PhoneAlarmNote]:
    for each in found:
        match each:
            case [int(at), str(text)] if not isinstance(at, bool):
                yield PhoneAlarmNote(at, text[:MAX_ALARM_TEXT])
            case _:
                pass
