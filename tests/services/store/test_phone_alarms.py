"""The column of a phone's alarms: bounded on the way in and on the way out."""

import pytest

from tokenless.services.store.phone_alarms import (
    MAX_ALARM_TEXT,
    MAX_COLUMN,
    PhoneAlarmNote,
    decode_alarms,
    encode_alarms,
)


def note(at: int, text: str = "14: Last=CM-closed-TCP") -> PhoneAlarmNote:
    return PhoneAlarmNote(at, text)


def test_the_last_alarms_go_there_and_back() -> None:
    notes = [note(number) for number in range(5)]
    assert decode_alarms(encode_alarms(notes)) == tuple(notes[2:])
    assert decode_alarms("") == decode_alarms(encode_alarms([])) == ()


def test_the_column_never_has_more_than_it_holds() -> None:
    """Six characters of JSON for each of these: the oldest give way."""
    column = encode_alarms([note(at, "\u20ac" * 1000) for at in range(3)])
    assert len(column) <= MAX_COLUMN
    assert decode_alarms(column) == (note(2, "\u20ac" * MAX_ALARM_TEXT),)


@pytest.mark.parametrize(
    "column",
    ["x", "{}", "7", "[1]", '[["1", "x"]]', "[[1, 2]]", '[[true, "x"]]', "[" * 99_999],
)
def test_what_another_host_wrote_is_no_alarm(column: str) -> None:
    assert decode_alarms(column) == ()
