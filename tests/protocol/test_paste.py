"""What pasting does to a text is undone, line by line; lines keep their numbers."""

import pytest

from tokenless.protocol.show_output.paste import clean, decode_pasted

WORDS = "Länge 4947"


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode(),
        WORDS.encode("utf-8-sig"),
        WORDS.encode("utf-16"),
        b"\xfe\xff" + WORDS.encode("utf-16-be"),
        WORDS.encode("utf-16-le"),
        WORDS.encode("utf-16-be"),
        WORDS.encode("cp1252"),
    ],
)
def test_a_text_is_read_in_any_usual_encoding(data: bytes) -> None:
    assert decode_pasted(data) == WORDS


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\x81\xff", "a\ufffdÿ"),
        (b"\xff\xfea\0\0\xd8", "a\ufffd"),
        (b"a\0a\0\0\xd8", "aa\ufffd"),
        (b"\0a\0a\xd8\0", "aa\ufffd"),
        (b"a\0bb", "a\0bb"),
        (b"aa\0", "aa\0"),
        (b"a" * 600 + b"\0a" * 500, "a" * 600 + "\0a" * 500),
        ("aĀ".encode("utf-16-le"), "aĀ"),
        (b"a\0" * 171 + b"bb" * 171, "a" * 171 + "扢" * 171),
        (b"a\0" * 170 + b"bb" * 171, "a\0" * 170 + "bb" * 171),
    ],
)
def test_what_cannot_be_decoded_stays_visible(data: bytes, text: str) -> None:
    assert decode_pasted(data) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x1b[31;1mb\x1b[0m\x1b]0;title\x07c\x1b]0;t\x1b\\d\x1bMe", "abcde"),
        ("a\u200bb\ufeffc\u00add\x07", "abcd"),
        ("a\tb\u00a0c", "a b c"),
        ("> a\n> > b\n|c\n >  d", "a\nb\nc\n d"),
        ("--More--\b\b\b\b\b\b\b\ba\n\bb\nxy\b\bz", "a\nb\nz"),
        ("a\n--More-- (12%) b\n<--- More --->c\npress any key\nd", "a\n b\nc\n\nd"),
        ("Options: q=quit, n=next\n```text\nb\n```", "\n\nb\n"),
        ("> --More--> c", " c"),
        ("abc\bd", "abd"),
    ],
)
def test_quotes_colours_pagers_and_blanks_are_undone(text: str, cleaned: str) -> None:
    assert clean(text).text == cleaned


STAMPS = (
    "19:45:13 {}",
    "[19:45:13.123] {}",
    "2015-03-06 19:45:13 {}",
    "2015-03-06T19:45:13Z {}",
    "Mar 06 19:45:13 {}",
    "Fri Mar 06 2015 19:45:13: {}",
    "06/03/2015 7:45:13 PM {}",
    "(6 Mar 2015 19:45:13) - {}",
)


@pytest.mark.parametrize("stamp", STAMPS)
def test_stamps_are_taken_off_where_there_are_some(stamp: str) -> None:
    lines = [f"line {number}" for number in range(5)]
    assert clean("\n".join(map(stamp.format, lines))).text == "\n".join(lines)
    few = "\n".join(map(stamp.format, lines[:4]))
    assert clean(few).text.split() == few.split()


def test_only_the_first_stamp_of_a_line_goes_and_lines_without_one_stay() -> None:
    stamped = ["19:45:13 a 19:45:14 b"] * 5
    assert clean("\n".join([*stamped, "c"])).text == "\n".join(
        [*["a 19:45:14 b"] * 5, "c"]
    )
    quoted = ["19:45:13 > a"] * 5
    assert clean("\n".join(quoted)).text == "\n".join(["a"] * 5)


def test_places_of_the_dense_text_are_found_again() -> None:
    paste = clean("ab  cd\n\n  ef gh \nij")
    assert paste.dense == "abcdefghij"
    assert [paste.offset(at) for at in (0, 1, 2, 4, 6, 8, 9)] == [
        0,
        1,
        4,
        10,
        13,
        17,
        18,
    ]
    assert paste.offset(10) == paste.offset(99) == len(paste.text)
    assert [paste.line(at) for at in (0, 3, 4, 7, 8, 9, 10, 99)] == [
        1,
        1,
        3,
        3,
        4,
        4,
        4,
        4,
    ]
    assert paste.region(1, 5) == "b  cd\n\n  e"
    assert paste.region(9, 10) == "j"
    assert paste.region(4, 4) == paste.region(5, 4) == ""
    assert paste.rest_of_line(0) == "ab  cd"
    assert paste.rest_of_line(5) == "f gh"
    assert clean("x" * 500).rest_of_line(0) == "x" * 200


def test_what_is_behind_the_last_letter_is_of_its_line() -> None:
    for text, line in (("ab\n\nc\n\n", 3), ("\na\n\n", 2), ("ab c\n\n", 1)):
        paste = clean(text)
        assert {paste.line(at) for at in range(len(paste.dense) - 1, 20)} == {line}
    assert clean("ab  cd").region(0, 0) == ""


def test_an_empty_text_has_one_line() -> None:
    paste = clean("")
    assert (paste.text, paste.dense, paste.line(0), paste.offset(0)) == ("", "", 1, 0)
