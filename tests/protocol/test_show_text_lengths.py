"""A pasted list agrees with itself: containers, certificates, names."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.protocol.test_show_text_words import CAPF, MOVED, TEXT, refused
from tests.rigs.shown_texts import parse_shown_list
from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.lengths import check_list
from tokenless.protocol.show_output.rows import (
    HEADER_ROWS,
    RECORD_ROWS,
    RowKind,
    head_pattern,
)
from tokenless.protocol.show_output.shown_list import ShownList

PUB = "CN=cucm-1051-a-pub;OU=TAC;O=Cisco;L=Krakow;ST=Malopolska;C=PL"
PUB_MOVED = "CN=cucm-1051-a-pub;O=Cisco;OU=TAC;L=Krakow;ST=Malopolska;C=PL"


@pytest.mark.parametrize(
    ("row", "name", "expected", "found"),
    [
        ("8       DIGESTALGORTITHM        1\n", "SIGNATUREINFO", 15, 11),
        ("10      SIGNATUREALGORTITHM     1\n", "SIGNATUREALGOINFO", 8, 4),
        ("11      SIGNATUREMODULUS        1\n", "SIGNATUREALGOINFO", 8, 4),
    ],
)
def test_a_container_has_what_its_rows_add_up_to(
    row: str, name: str, expected: int, found: int
) -> None:
    assert row in TEXT
    error = refused(TEXT.replace(row, ""))
    assert error.fault is ShowFault.NESTED_LENGTH
    assert (error.name, error.expected, error.found) == (name, expected, found)


def test_each_row_of_the_header_is_needed() -> None:
    for row, line in (
        ("4       SIGNERNAME      62", "SIGNERNAME"),
        ("6       CANAME          62", "CANAME"),
    ):
        text = re.sub(f"{row}.*\n", "", TEXT, count=1)
        error = refused(text)
        assert (error.fault, error.name) == (ShowFault.ROW_MISSING, line)


def checked(change: Callable[[ShownList], None]) -> ShowTextError | None:
    """Return why a list that is changed after it was read is refused."""
    shown = parse_shown_list(TEXT)
    change(shown)
    try:
        check_list(shown, 106)
    except ShowTextError as error:
        return error
    return None


def test_records_of_one_certificate_say_the_same_of_it() -> None:
    def first_without_hash(shown: ShownList) -> None:
        first, second, third, fourth = shown.records
        first.certificate_sha1 = None
        fourth.certificate_sha1 = second.certificate_sha1
        third.certificate_sha1 = None

    error = checked(first_without_hash)
    assert error is not None
    assert error.fault is ShowFault.SAME_CERTIFICATE
    assert (error.line, error.expected, error.found) == (94, 2, 4)


@pytest.mark.parametrize("name", ["PUBLICKEY", "CERTIFICATE"])
def test_a_certificate_has_one_length_and_one_key(name: str) -> None:
    def longer(shown: ShownList) -> None:
        shown.records[1].lengths[name] += 1
        shown.records[1].lengths["SIGNATURE"] -= 1

    error = checked(longer)
    assert error is not None
    assert error.fault is ShowFault.SAME_CERTIFICATE


@pytest.mark.parametrize("field", ["subject_name", "issuer_name", "serial_number"])
def test_a_certificate_has_one_name_one_issuer_one_serial_number(field: str) -> None:
    def another(shown: ShownList) -> None:
        value = b"\1" if field == "serial_number" else "CN=x"
        setattr(shown.records[1], field, value)

    error = checked(another)
    assert error is not None
    assert error.fault is ShowFault.SAME_CERTIFICATE


@pytest.mark.parametrize(
    ("field", "what", "line"),
    [("signer_name", "CANAME", 1), ("issuer_name", "CANAME", 1)],
)
def test_a_moved_name_of_the_header_is_seen(field: str, what: str, line: int) -> None:
    error = checked(lambda shown: setattr(shown, field, PUB_MOVED))
    assert error is not None
    assert (error.fault, error.line, error.name) == (ShowFault.PARTS_MOVED, line, what)
    moved_first = field == "signer_name"
    assert (error.expected, error.found) == (
        (PUB_MOVED, PUB) if moved_first else (PUB, PUB_MOVED)
    )


def test_a_moved_name_of_all_records_is_seen() -> None:
    def moved(shown: ShownList) -> None:
        for record in shown.records[:2]:
            record.subject_name = record.issuer_name = PUB_MOVED

    error = checked(moved)
    assert error is not None
    assert (error.fault, error.line, error.name) == (
        ShowFault.PARTS_MOVED,
        45,
        "SUBJECTNAME",
    )


def test_the_issuer_of_a_record_is_no_shuffled_subject() -> None:
    def shuffled(shown: ShownList) -> None:
        shown.records[2].issuer_name = CAPF.replace("CAPF-e41e", "CAPF-e14e")

    error = checked(shuffled)
    assert error is not None
    assert (error.name, error.line, error.expected) == ("ISSUERNAME", 78, CAPF)
    assert checked(lambda shown: setattr(shown.records[2], "issuer_name", None)) is None
    assert MOVED != CAPF


@pytest.mark.parametrize("more", range(8))
def test_a_header_ends_at_a_multiple_of_four_with_its_version_or_without(
    more: int,
) -> None:
    """The element of the signer's version is never shown."""
    plain = 333 + more  # of TEXT, whose FILENAME is as much longer
    without, with_version = (-(-length // 4) * 4 for length in (plain, plain + 5))

    def longer(shown: ShownList, header: int) -> None:
        name = shown.header["FILENAME"]
        shown.header["FILENAME"] = replace(name, length=name.length + more)
        shown.length += header - shown.header_length
        shown.header_length = header

    for header in (without, with_version):
        assert checked(partial(longer, header=header)) is None
    for header in (without - 4, with_version + 4):
        error = checked(partial(longer, header=header))
        assert error is not None
        assert (error.fault, error.line) == (ShowFault.HEADER_LENGTH, 1)
        assert (error.expected, error.found) == (header, without)


def test_rows_are_found_by_the_longest_beginning() -> None:
    for rows in (HEADER_ROWS, RECORD_ROWS):
        pattern = re.compile(head_pattern(rows))
        for head, row in rows.items():
            assert head == row.head == f"{row.tag}{row.name}"
            match = pattern.match(f"{head}12")
            assert match is not None
            assert match[0] == head
    assert RECORD_ROWS["4FUNCTION"].kind is RowKind.ROLE
    assert head_pattern(HEADER_ROWS).startswith("10SIGNATUREALGORTITHM|")
    assert re.escape("+") in head_pattern({"1A+": RECORD_ROWS["4FUNCTION"]})
