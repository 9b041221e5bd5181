"""Pasted lists at their bounds: cut off, broken within names, longer than any list."""

import pytest

from tests.protocol.test_show_text_words import ALL, CAPF, NOTHING, TEXT, refused
from tests.rigs.shown_texts import parse_shown_list
from tokenless.protocol.show_output.faults import ShowFault
from tokenless.protocol.show_output.lines import show_missing
from tokenless.protocol.show_output.parse import (
    MAX_RECORDS,
    MAX_TEXT_LENGTH,
    parse_shown_lists,
)
from tokenless.protocol.show_output.shown_list import ShownRecord

SUBJECT = f"3       SUBJECTNAME     60      {CAPF}"
ISSUER = f"5       ISSUERNAME      60      {CAPF}"


def broken(text: str, row: str, at: str, put: str) -> str:
    """Return a text with something put in front of a part of a row."""
    assert row in text
    return text.replace(row, row.replace(at, f"{put}{at}", 1), 1)


@pytest.mark.parametrize("put", ["\n", "\n    "])
def test_a_break_in_one_name_alone_is_refused(put: str) -> None:
    """Another letter of it may be lost, and nothing would tell."""
    error = refused(broken(TEXT, SUBJECT, "OU=TAC", put))
    assert (error.fault, error.line) == (ShowFault.BLANK_AT_BREAK, 84)
    assert (error.name, error.expected) == ("SUBJECTNAME", 60)


@pytest.mark.parametrize("put", ["\n", "\n    "])
def test_breaks_in_several_names_are_joined_in_one_way(put: str) -> None:
    text = TEXT
    for row in (SUBJECT, ISSUER):
        text = broken(text, row, "OU=TAC", put)
        text = broken(text, row.replace("OU=TAC", f"{put}OU=TAC"), "ST=", put)
    third = parse_shown_list(text).records[2]
    assert (third.subject_name, third.issuer_name) == (CAPF, CAPF)


def test_a_break_may_stand_in_the_place_of_a_blank() -> None:
    spaced = CAPF.replace("Cisco", "C sco")
    text = TEXT.replace(CAPF, spaced).replace("C sco", "C\nsco")
    third = parse_shown_list(text).records[2]
    assert (third.subject_name, third.issuer_name) == (spaced, spaced)


def test_what_is_wrong_however_names_are_joined_is_said_of_the_first_way() -> None:
    error = refused(broken(TEXT, SUBJECT, "OU=TAC", "\n     X"))
    assert (error.fault, error.name) == (ShowFault.VALUE_LENGTH, "SUBJECTNAME")
    assert (error.expected, error.found) == (60, 66)


def test_moved_parts_are_said_whichever_way_finds_them() -> None:
    """Names fit in length after the indents are gone; their parts were moved."""
    moved = CAPF.replace("OU=TAC;O=Cisco", "O=Cisco;OU=TAC")
    text = broken(TEXT.replace(SUBJECT, SUBJECT.replace(CAPF, moved)), ISSUER, "L=", "")
    for row in (SUBJECT.replace(CAPF, moved), ISSUER):
        text = broken(text, row, "L=", "\n    ")
    error = refused(text)
    assert (error.fault, error.name) == (ShowFault.PARTS_MOVED, "ISSUERNAME")


HEAD = TEXT.index("Length of CTL") + len("Length of CTL file: 4947 T")


@pytest.mark.parametrize("step", range(4))
def test_a_list_that_is_cut_off_anywhere_is_said_to_end_early(step: int) -> None:
    for cut in range(HEAD + step, len(TEXT) - len(" successfully.") + 1, 41):
        text = TEXT[:cut]
        error = refused(text)
        line = text.rstrip().count("\n") + 1
        assert (error.fault, error.line) == (ShowFault.END_MISSING, line), text[-40:]
        assert str(refused(f"{text}\n{TEXT}")) == str(error)


@pytest.mark.parametrize("end", ["14 FILENAME 12", "14 FILENAME 12\n15 TIMESTAMP", "1"])
def test_a_list_that_was_cut_off_is_not_read_on_in_the_next_one(end: str) -> None:
    first = TEXT[: TEXT.index("14      FILENAME")] + end
    error = refused(f"{first}\n{TEXT}")
    assert (error.fault, error.line) == (
        ShowFault.END_MISSING,
        first.count("\n") + 1,
    )
    read = "0" if end.endswith("P") else "336"
    assert f"({read} of 4947 bytes of the CTL" in str(error)


def test_a_name_at_the_end_of_a_list_is_not_read_on_in_the_next_one() -> None:
    first = TEXT[: TEXT.index("7       PUBLICKEY       140\n8")]
    wrapped = first.replace("71:28:88", "71:2\n8:88")
    error = refused(f"{wrapped}\n{TEXT}")
    assert error.fault is ShowFault.END_MISSING


def test_a_length_at_the_end_of_a_list_has_no_digit_of_the_next_one() -> None:
    checksum = TEXT.index("(MD5)")
    text = "1" * 32 + TEXT[checksum:]
    for first in ("Length of CTL file: 12", TEXT[: TEXT.index(" last modified")]):
        error = refused(f"{first}\n{text}")
        assert error.fault is ShowFault.END_MISSING
        assert error.line == first.count("\n") + 1
    cut = str(refused(f"Length of CTL file: 12\n{text}"))
    assert cut.endswith("(0 of 12 bytes of the CTL were read: 0 whole records)")


def test_an_answer_that_there_is_no_file_may_be_cut_off_too() -> None:
    error = refused("\nLength of CTL file: 0\n")
    assert (error.fault, error.line) == (ShowFault.END_MISSING, 2)


def test_an_error_far_from_the_end_of_a_cut_list_is_said() -> None:
    cut = TEXT[: TEXT.index("CTL Record #:2")]
    error = refused(cut.replace("SIGNERID        2       149", "SIGNERID 3 149"))
    assert str(error) == (
        f"line 16: SIGNERID has the value '3149', which cannot be {NOTHING}"
    )
    whole = refused(TEXT.replace("4947", "4946"))
    assert str(whole).endswith(ALL.replace("of 4947", "of 4946"))


def record(number: int) -> str:
    return f"CTL Record #:{number}\n1 RECORDLENGTH 2 10\n4 FUNCTION 2 CCM+TFTP\n"


def long_list(records: int) -> str:
    head = TEXT[: TEXT.index("CTL Record #:1")].replace("4947", str(336 + 10 * records))
    numbered = "".join(map(record, range(1, records + 1)))
    return f"{head}{numbered}The CTL file was verified successfully."


def test_a_list_has_so_many_records_and_not_one_more() -> None:
    shown = parse_shown_list(long_list(MAX_RECORDS))
    assert shown.records[-1] == ShownRecord(
        MAX_RECORDS,
        10,
        2,
        line=42 + 3 * MAX_RECORDS,
        lengths=shown.records[0].lengths,
    )
    assert shown.records[0].lengths == {"RECORDLENGTH": 2, "FUNCTION": 2}
    error = refused(long_list(MAX_RECORDS + 1))
    assert (error.fault, error.line, error.expected) == (
        ShowFault.TOO_MANY_RECORDS,
        45 + 3 * MAX_RECORDS,
        MAX_RECORDS,
    )


def test_a_text_is_so_long_and_not_one_letter_more() -> None:
    text = show_missing("CTL") + "\n"
    assert len(parse_shown_lists(text.ljust(MAX_TEXT_LENGTH))) == 1
    assert [each.line for each in parse_shown_lists(text * 2)] == [1, 4]
    error = refused(text.ljust(MAX_TEXT_LENGTH + 1))
    assert (error.fault, error.line, error.expected) == (
        ShowFault.TOO_LONG,
        1,
        MAX_TEXT_LENGTH,
    )
    nothing = refused("\n\n")
    assert (nothing.fault, nothing.line, nothing.name) == (ShowFault.NOT_A_LIST, 1, "")
