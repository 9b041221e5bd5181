"""The rows of `show ctl` and `show itl`: tag, name, LENGTH, value (REFERENCE 6.3).

A row is found by its tag and name, which are printed together and in no value. Its
LENGTH is then what proves that the value is whole. Blanks prove nothing: wrapping moves
them, so they are looked at inside names only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.paste import Paste

_MOST_DIGITS: Final = 5
_LOST: Final = frozenset("?\ufffd")
"""Characters in place of a letter, or of each of its bytes, that a terminal or a
program does not have."""
_ESCAPED: Final = re.compile(r"\\([0-9A-F]{2})")
_NEWLINE: Final = re.compile(r"\n+")
_BROKEN: Final = re.compile(r" *\n[ \n]*")
_BROKEN_LEADING: Final = re.compile(r"\n[ \n]*")
_SERIAL: Final = re.compile(r"(?:[0-9A-F]{2})(?::?[0-9A-F]{2}){0,63}", re.IGNORECASE)
_BYTE: Final = re.compile(r"1[0-9]{0,3}")
_HEX: Final = re.compile("[0-9A-F]*", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(
    r"([0-9]{1,5}?)(?:([0-9A-F]{40})\(SHA1HashHEX\))?", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"(16)|4((?:[0-9]{1,3}\.){3}[0-9]{1,3})?")
"""IPv6 has 16 bytes; other tools print the address, `show ctl` does not."""


@unique
class Join(Enum):
    """Ways to join the pieces of a name that was broken across lines."""

    AS_IS = "as it is"
    """The break was put between two characters, and blanks at it are the name's."""
    BLANK = "blank"
    """The break was put in the place of a blank, as mail programs do."""
    UNINDENTED = "unindented"
    """The break was added, and each next line was indented."""


@unique
class RowKind(Enum):
    """Kinds of content of a row's VALUE column."""

    NUMBER = "number"
    """A LENGTH of 2, then a number: RECORDLENGTH and containers."""
    TEXT = "text"
    SERIAL = "serial"
    BYTES = "bytes"
    """Nothing, or lone hex digits."""
    BYTE = "byte"
    """A LENGTH of 1, then nothing or a number."""
    ROLE = "role"
    CERTIFICATE = "certificate"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class RowName:
    """A row that there may be."""

    tag: int
    name: str
    kind: RowKind

    @property
    def head(self) -> str:
        """The row's beginning without blanks."""
        return f"{self.tag}{self.name}"


def _rows(*rows: tuple[int, str, RowKind]) -> dict[str, RowName]:
    named = (RowName(*row) for row in rows)
    return {row.head: row for row in named}


HEADER_ROWS: Final = _rows(
    (3, "SIGNERID", RowKind.NUMBER),
    (4, "SIGNERNAME", RowKind.TEXT),
    (5, "SERIALNUMBER", RowKind.SERIAL),
    (6, "CANAME", RowKind.TEXT),
    (7, "SIGNATUREINFO", RowKind.NUMBER),
    (8, "DIGESTALGORTITHM", RowKind.BYTE),
    (8, "DIGESTALGORITHM", RowKind.BYTE),
    (9, "SIGNATUREALGOINFO", RowKind.NUMBER),
    (10, "SIGNATUREALGORTITHM", RowKind.BYTE),
    (10, "SIGNATUREALGORITHM", RowKind.BYTE),
    (11, "SIGNATUREMODULUS", RowKind.BYTE),
    (12, "SIGNATURE", RowKind.BYTES),
    (14, "FILENAME", RowKind.TEXT),
    (15, "TIMESTAMP", RowKind.BYTES),
)
RECORD_ROWS: Final = _rows(
    (1, "RECORDLENGTH", RowKind.NUMBER),
    (2, "DNSNAME", RowKind.TEXT),
    (3, "SUBJECTNAME", RowKind.TEXT),
    (4, "FUNCTION", RowKind.ROLE),
    (5, "ISSUERNAME", RowKind.TEXT),
    (6, "SERIALNUMBER", RowKind.SERIAL),
    (7, "PUBLICKEY", RowKind.BYTES),
    (8, "SIGNATURE", RowKind.BYTES),
    (9, "CERTIFICATE", RowKind.CERTIFICATE),
    (10, "IPADDRESS", RowKind.ADDRESS),
    (11, "CERTHASH", RowKind.BYTES),
    (12, "HASHALGORITHM", RowKind.BYTE),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read."""

    name: RowName
    length: int
    value: str
    """Numbers, names, serial numbers, words and hashes as text; empty for bytes."""
    line: int


def head_pattern(rows: Mapping[str, RowName]) -> str:
    """Return a pattern that matches the beginning of any of these rows."""
    longest_first = sorted(rows, key=len, reverse=True)
    return "|".join(re.escape(head) for head in longest_first)


def is_number(text: str) -> bool:
    """Return whether a text is a number: other digits than those of ASCII are none."""
    return text.isascii() and text.isdigit()


@dataclass(slots=True)
class RowReader:
    """Reads rows of one text; counts the names that a line break goes through."""

    paste: Paste
    join: Join
    broken: int = 0
    broken_row: Row | None = None
    """The last of them."""
    end: int = 0
    """The end in the dense text of the row that was read last."""

    def read(  # noqa: PLR0911 - a kind a row
        self, name: RowName, start: int, end: int
    ) -> Row:
        """Read the row whose LENGTH and value stand in a part of the dense text.

        Raises:
            ShowTextError: When the LENGTH is missing or is not that of the value.
        """
        self.end = end
        line = self.paste.line(start - 1)
        dense = self.paste.dense[start:end]
        if not is_number(dense[:1]):
            shown = self.paste.rest_of_line(start) if dense else ""
            raise ShowTextError(ShowFault.NO_LENGTH, line, name=name.name, found=shown)
        match name.kind:
            case RowKind.NUMBER:
                return Row(name, 2, _number(name, dense, line), line)
            case RowKind.ROLE:
                return Row(name, 2, _role_words(name, dense, line), line)
            case RowKind.ADDRESS:
                return self._address(name, start, end, line)
            case RowKind.CERTIFICATE:
                return _certificate(name, dense, line)
            case RowKind.SERIAL:
                return _serial(name, dense, line)
            case RowKind.BYTE:
                return self._byte(name, start, end, line)
            case RowKind.BYTES:
                return self._bytes(name, start, end, line)
            case RowKind.TEXT:
                return self._text(name, start, end, line)

    def _splits(self, start: int, end: int) -> list[int]:
        """Return where LENGTH may end: first where a blank stands, then anywhere."""
        first = len(self.paste.region(start, end).split()[0])
        digits = self.paste.dense[start : min(end, start + _MOST_DIGITS)]
        counts = [n for n in range(len(digits), 0, -1) if is_number(digits[:n])]
        return [start + n for n in sorted(counts, key=lambda n: n != first)]

    def _text(self, name: RowName, start: int, end: int, line: int) -> Row:
        """Read a name: the LENGTH counts its bytes and one NUL."""
        splits = self._splits(start, end)
        for split in splits:
            length = int(self.paste.dense[start:split])
            raw = self.paste.region(split, end)
            value = self._joined(raw)
            if _LOST & set(value):
                raise ShowTextError(
                    ShowFault.LETTERS_LOST, line, name=name.name, found=value
                )
            if length - 1 in _byte_lengths(value):
                row = Row(name, length, _readable(value, length - 1), line)
                if "\n" in raw:
                    self.broken += 1
                    self.broken_row = row
                return row
            # `show ctl` prints no FILENAME.
            if not value and (length == 0 or name.tag == HEADER_FILENAME):
                return Row(name, length, "", line)
        size = _byte_lengths(self._joined(self.paste.region(splits[0], end)))[0]
        raise ShowTextError(
            ShowFault.VALUE_LENGTH,
            line,
            name=name.name,
            expected=int(self.paste.dense[start : splits[0]]),
            found=size + 1,
        )

    def _joined(self, raw: str) -> str:
        match self.join:
            case Join.AS_IS:
                return _NEWLINE.sub("", raw)
            case Join.BLANK:
                return _BROKEN.sub(" ", raw)
            case Join.UNINDENTED:
                return _BROKEN_LEADING.sub("", raw)

    def _bytes(self, name: RowName, start: int, end: int, line: int) -> Row:
        """Read a LENGTH that lone hex digits may follow, one or two for each byte."""
        wholly = self.paste.dense[start:end]
        if is_number(wholly) and len(wholly) <= _MOST_DIGITS:
            return Row(name, int(wholly), "", line)
        for split in self._splits(start, end):
            length = int(self.paste.dense[start:split])
            rest = self.paste.dense[split:end]
            if _HEX.fullmatch(rest) and length <= len(rest) <= 2 * length:
                return Row(name, length, "", line)
        raise self._stray(start, end)

    def _byte(self, name: RowName, start: int, end: int, line: int) -> Row:
        if _BYTE.fullmatch(self.paste.dense, start, end) is None:
            raise self._stray(start, end)
        return Row(name, 1, "", line)

    def _address(self, name: RowName, start: int, end: int, line: int) -> Row:
        match = _ADDRESS.match(self.paste.dense, start, end)
        if match is None:
            raise self._stray(start, end)
        self.end = match.end()  # what follows is not part of it
        return Row(name, 16 if match[1] else 4, match[2] or "", line)

    def _stray(self, start: int, end: int) -> ShowTextError:
        """Return the refusal of what follows a LENGTH that has no value."""
        length = len(self.paste.region(start, end).split()[0])
        at = start + length if start + length < end else start
        return ShowTextError(
            ShowFault.STRANGE_TEXT,
            self.paste.line(at),
            found=self.paste.rest_of_line(at),
        )


HEADER_FILENAME: Final = 14


def _number(name: RowName, dense: str, line: int) -> str:
    value = dense[1:]
    if dense[0] != "2" or not is_number(value) or len(value) > _MOST_DIGITS:
        raise ShowTextError(ShowFault.STRANGE_VALUE, line, name=name.name, found=dense)
    return value


def _role_words(name: RowName, dense: str, line: int) -> str:
    if dense[0] != "2" or not dense[1:]:
        raise ShowTextError(ShowFault.STRANGE_VALUE, line, name=name.name, found=dense)
    return dense[1:]


def _certificate(name: RowName, dense: str, line: int) -> Row:
    match = _CERTIFICATE.fullmatch(dense)
    if match is None:
        raise ShowTextError(ShowFault.STRANGE_VALUE, line, name=name.name, found=dense)
    return Row(name, int(match[1]), (match[2] or "").lower(), line)


def _serial(name: RowName, dense: str, line: int) -> Row:
    """Read a serial number: its LENGTH counts pairs of hex digits."""
    found = 0
    for count in range(min(_MOST_DIGITS, len(dense)), 0, -1):
        length, value = dense[:count], dense[count:]
        if is_number(length) and (not value or _SERIAL.fullmatch(value)):
            pairs = value.replace(":", "")
            if len(pairs) == 2 * int(length):
                return Row(name, int(length), pairs.upper(), line)
            found = len(pairs) // 2
    shown = dense[:2] if is_number(dense[:2]) else dense[:1]
    raise ShowTextError(
        ShowFault.VALUE_LENGTH, line, name=name.name, expected=shown, found=found
    )


def _byte_lengths(value: str) -> tuple[int, ...]:
    """Return how many bytes a printed name may have had.

    What cannot be printed was escaped; a text of UTF-8 may have been read as Latin-1.
    """
    sizes = [len(value.encode())]
    if "\\" in value:
        sizes.append(len(_ESCAPED.sub("x", value).encode()))
    if (undone := _without_mojibake(value)) is not None:
        sizes.append(len(undone.encode()))
    return tuple(sizes)


def _readable(value: str, size: int) -> str:
    undone = _without_mojibake(value)
    if undone is not None and len(value.encode()) != size == len(undone.encode()):
        return undone
    return value


def _without_mojibake(value: str) -> str | None:
    if value.isascii():
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            return value.encode(encoding).decode()
        except UnicodeError:
            continue
    return None
