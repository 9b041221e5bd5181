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
    column = encode_alarms([note(at, "\x01" * 1000) for at in range(3)])
    assert len(column) <= MAX_COLUMN
    assert decode_alarms(column) == (note(2, "\x01" * MAX_ALARM_TEXT),)


def test_alarms_in_any_script_have_room() -> None:
    kept = tuple(note(at, "\u20ac" * MAX_ALARM_TEXT) for at in range(3))
    assert decode_alarms(encode_alarms(kept)) == kept


def test_what_no_database_can_hold_is_replaced() -> None:
    """Half a surrogate pair: an escape in the column makes one when it is read."""
    (read,) = decode_alarms('[[1, "\\ud800"]]')
    assert encode_alarms([read]) == '[[1, "?"]]'


@pytest.mark.parametrize(
    "column",
    ["x", "{}", "7", "[1]", '[["1", "x"]]', "[[1, 2]]", '[[true, "x"]]', "[" * 99_999],
)
def test_what_another_host_wrote_is_no_alarm(column: str) -> None:
    assert decode_alarms(column) == ()
