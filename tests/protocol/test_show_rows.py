"""One row at a time: its LENGTH proves that its value is whole."""

import pytest

from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.paste import clean
from tokenless.protocol.show_output.rows import (
    HEADER_ROWS,
    RECORD_ROWS,
    Join,
    Row,
    RowReader,
)

ROWS = {row.name: row for row in (*HEADER_ROWS.values(), *RECORD_ROWS.values())}
SHA1 = "0123456789ABCDEF0123456789ABCDEF01234567"


def reader_of(name: str, text: str, join: Join = Join.AS_IS) -> tuple[RowReader, int]:
    """Return a reader of a row that stands in line 3, and where its LENGTH begins."""
    head = ROWS[name].head
    reader = RowReader(clean(f"{head[:-1]}\n\n{head[-1]} {text}"), join)
    return reader, len(head)


def read(name: str, text: str, join: Join = Join.AS_IS) -> Row:
    reader, start = reader_of(name, text, join)
    return reader.read(ROWS[name], start, len(reader.paste.dense))


def row(name: str, length: int, value: str = "") -> Row:
    """Return a row as it has to be read."""
    return Row(ROWS[name], length, value, 3)


def refused(name: str, text: str) -> ShowTextError:
    with pytest.raises(ShowTextError) as found:
        read(name, text)
    assert found.value.line == 3
    return found.value


@pytest.mark.parametrize(
    ("text", "length", "value"),
    [
        ("5 pub1", 5, "pub1"),
        ("5pub1", 5, "pub1"),
        ("10 10.0.0.12", 10, "10.0.0.12"),
        ("1010.0.0.12", 10, "10.0.0.12"),
        ("1\n010.0.0.12", 10, "10.0.0.12"),
        ("0", 0, ""),
        ("1", 1, ""),
        (f"10001{'x' * 10_000}", 10_001, "x" * 10_000),
    ],
)
def test_a_length_ends_where_its_value_fits(text: str, length: int, value: str) -> None:
    assert read("DNSNAME", text) == row("DNSNAME", length, value)


@pytest.mark.parametrize(
    ("text", "length", "found"),
    [
        ("6 12ab", 6, 5),
        ("612ab", 612, 3),
        ("12345", 12345, 1),
        ("1\n2345", 1, 5),
        (f"100001{'x' * 100_000}", 10_000, 100_002),
        ("5", 5, 1),
        ("4 CN=Ã„", 4, 9),
    ],
)
def test_a_length_that_fits_nowhere_is_said_as_its_blank_has_it(
    text: str, length: int, found: int
) -> None:
    error = refused("DNSNAME", text)
    assert (error.fault, error.name) == (ShowFault.VALUE_LENGTH, "DNSNAME")
    assert (error.expected, error.found) == (length, found)


@pytest.mark.parametrize(
    ("text", "length", "value"),
    [
        ("6 CN=Ä", 6, "CN=Ä"),
        ("6 CN=Ã„", 6, "CN=Ä"),
        ("6 CN=Ã\x81", 6, "CN=Á"),
        ("8 CN=Ã\x81", 8, "CN=Ã\x81"),
        ("6 CN=a\\0A", 6, "CN=a\\0A"),
        ("8 CN=a\\0A", 8, "CN=a\\0A"),
        ("7 CN=ab\\", 7, "CN=ab\\"),
    ],
)
def test_a_name_may_be_escaped_or_read_in_the_wrong_encoding(
    text: str, length: int, value: str
) -> None:
    assert read("ISSUERNAME", text) == row("ISSUERNAME", length, value)


@pytest.mark.parametrize("lost", ["?", "\ufffd"])
def test_a_lost_letter_is_said_whatever_the_length(lost: str) -> None:
    error = refused("ISSUERNAME", f"9 CN=a{lost}")
    assert (error.fault, error.name) == (ShowFault.LETTERS_LOST, "ISSUERNAME")
    assert error.found == f"CN=a{lost}"


@pytest.mark.parametrize(
    ("join", "text", "length", "value"),
    [
        (Join.AS_IS, "7 CN=a \nb", 7, "CN=a b"),
        (Join.AS_IS, "8 CN=a\n\n  b", 8, "CN=a  b"),
        (Join.BLANK, "7 CN=a  \n\n  b", 7, "CN=a b"),
        (Join.UNINDENTED, "7 CN=a \n  b", 7, "CN=a b"),
        (Join.UNINDENTED, "6 CN=a\n \nb", 6, "CN=ab"),
    ],
)
def test_a_name_that_a_break_goes_through_is_joined_and_counted(
    join: Join, text: str, length: int, value: str
) -> None:
    reader, start = reader_of("ISSUERNAME", text, join)
    for count in (1, 2):
        found = reader.read(ROWS["ISSUERNAME"], start, len(reader.paste.dense))
        assert found == row("ISSUERNAME", length, value)
        assert (reader.broken, reader.broken_row) == (count, found)


def test_a_break_in_front_of_a_name_goes_through_none() -> None:
    reader, start = reader_of("ISSUERNAME", "5\n\nCN=a")
    reader.read(ROWS["ISSUERNAME"], start, len(reader.paste.dense))
    assert (reader.broken, reader.broken_row) == (0, None)


def test_only_a_filename_may_be_left_out() -> None:
    assert read("FILENAME", "12") == row("FILENAME", 12)
    assert read("FILENAME", "2 a") == row("FILENAME", 2, "a")
    assert refused("FILENAME", "5 a").fault is ShowFault.VALUE_LENGTH


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", 0),
        ("12345", 12345),
        ("2 4f 1", 2),
        ("2 a b", 2),
        ("2 4f 1f", 2),
        ("24f1f", 2),
        ("3 111 2 13", 3),
    ],
)
def test_bytes_have_a_digit_or_two_each(text: str, length: int) -> None:
    assert read("PUBLICKEY", text) == row("PUBLICKEY", length)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2 4f 1f a", "4f 1f a"),
        ("2 f", "f"),
        ("2 x f", "x f"),
        ("123456", "123456"),
        ("2f", "2f"),
    ],
)
def test_other_bytes_belong_to_no_row(text: str, found: str) -> None:
    error = refused("PUBLICKEY", text)
    assert (error.fault, error.found) == (ShowFault.STRANGE_TEXT, found)


def test_a_byte_may_be_printed() -> None:
    for text in ("1", "1 7", "1 255"):
        assert read("HASHALGORITHM", text) == row("HASHALGORITHM", 1)
    for text in ("2", "1 x", "1 12345"):
        assert refused("HASHALGORITHM", text).fault is ShowFault.STRANGE_TEXT


def test_an_address_ends_where_its_row_does() -> None:
    assert read("IPADDRESS", "4") == row("IPADDRESS", 4)
    assert read("IPADDRESS", "16") == row("IPADDRESS", 16)
    assert read("IPADDRESS", "4 10.1.2.3") == row("IPADDRESS", 4, "10.1.2.3")
    reader, start = reader_of("IPADDRESS", "4 10.1.2.3 and more")
    found = reader.read(ROWS["IPADDRESS"], start, len(reader.paste.dense))
    assert (found.value, reader.end) == ("10.1.2.3", start + len("410.1.2.3"))
    found = reader.read(ROWS["IPADDRESS"], start, start + 1)
    assert (found.value, reader.end) == ("", start + 1)


def test_a_certificate_has_a_hash_or_none() -> None:
    assert read("CERTIFICATE", "694") == row("CERTIFICATE", 694)
    text = f"694 {SHA1} (SHA1 Hash HEX)"
    assert read("CERTIFICATE", text) == row("CERTIFICATE", 694, SHA1.lower())
    assert refused("CERTIFICATE", f"694 {SHA1}").fault is ShowFault.STRANGE_VALUE


def test_a_role_and_a_number_have_two_bytes() -> None:
    assert read("FUNCTION", "2 CCM+TFTP") == row("FUNCTION", 2, "CCM+TFTP")
    assert read("RECORDLENGTH", "2 12345") == row("RECORDLENGTH", 2, "12345")
    for name, text in (("RECORDLENGTH", "2 123456"), ("RECORDLENGTH", "2")):
        error = refused(name, text)
        assert (error.fault, error.name) == (ShowFault.STRANGE_VALUE, name)


@pytest.mark.parametrize(
    ("text", "length", "value"),
    [
        ("0", 0, ""),
        ("1 0a", 1, "0A"),
        ("10a", 1, "0A"),
        ("2 0a:0B", 2, "0A0B"),
        (f"64 {'ab' * 64}", 64, "AB" * 64),
    ],
)
def test_a_serial_number_is_counted_in_pairs(
    text: str, length: int, value: str
) -> None:
    assert read("SERIALNUMBER", text) == row("SERIALNUMBER", length, value)


@pytest.mark.parametrize(
    ("text", "length", "found"),
    [("16 AB:CD", "16", 2), ("1 ABCD", "1", 2), ("2 xy", "2", 0), ("16", "16", 0)],
)
def test_a_serial_number_that_is_not_whole_is_refused(
    text: str, length: str, found: int
) -> None:
    error = refused("SERIALNUMBER", text)
    assert (error.fault, error.name) == (ShowFault.VALUE_LENGTH, "SERIALNUMBER")
    assert (error.expected, error.found) == (length, found)


@pytest.mark.parametrize(("text", "found"), [("", ""), ("x 12", "x 12"), ("²", "²")])
def test_a_row_without_a_length_is_refused(text: str, found: str) -> None:
    error = refused("SIGNATURE", text)
    assert (error.fault, error.name) == (ShowFault.NO_LENGTH, "SIGNATURE")
    assert error.found == found
