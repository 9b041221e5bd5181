"""Read `show ctl` and `show itl` as pasted from a terminal (REFERENCE 6.3).

A paste has tabs or spaces, CRLF, prompts, colours and pager lines; only the lines that
carry a value are read, the rest is passed over. The text has no certificates, so what
comes out says who is in a list, and proves nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tokenless.protocol.codes import Role, role_text
from tokenless.protocol.errors import DecodeError

MAX_TEXT_LENGTH: Final = 4 * 1024 * 1024
MAX_RECORDS: Final = 1024

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_VALUE_LINE: Final = re.compile(r"(\d{1,2})\s+([A-Z]{3,24})\s+(\d{1,5})(?:\s+(\S.*))?")
_HASH: Final = re.compile(r"[0-9A-F]{2}(?:[ \t]+[0-9A-F]{2}){0,19}", re.IGNORECASE)
_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{32,40})\((MD5|SHA1)\)")
_LENGTH: Final = re.compile(r"Length of (CTL|ITL) file:\s*(\d{1,9})")
_HEADER_LENGTH: Final = re.compile(r"HeaderLength:\s*(\d{1,5})")
_VERSION: Final = re.compile(r"Version:\s*(\d{1,3}\.\d{1,3})")
_MODIFIED: Final = re.compile(r"The (?:CTL|ITL) File was last modified on (.+)")
_RECORD: Final = re.compile(r"(?:CTL|ITL) Record #:\s*(\d{1,5})")
_ETOKEN: Final = re.compile(r"This etoken was (not )?used to sign the (?:CTL|ITL)")
_VERIFIED: Final = re.compile(r"The (?:CTL|ITL) file was verified successfully")
_HASH_LENGTH: Final = 20

_ROLES: Final = {role_text(role): int(role) for role in Role}


@dataclass(slots=True)
class ShownRecord:
    """One record, as far as the text tells it."""

    number: int
    length: int | None = None
    role: int | None = None
    """None when the text has a word that is no role."""
    dns_name: str | None = None
    subject_name: str | None = None
    issuer_name: str | None = None
    serial_number: bytes | None = None
    certificate_sha1: str | None = None
    """Lower-case hex."""
    signed_this_file: bool | None = None
    """What the sentence about etokens says; only SAST records have it."""
    lengths: dict[str, int] = field(default_factory=dict)
    """By the printed name: `PUBLICKEY` to 140."""


@dataclass(slots=True)
class ShownList:
    """A list, as far as the text tells it."""

    kind: str | None = None
    """`CTL` or `ITL`."""
    md5: str | None = None
    sha1: str | None = None
    length: int | None = None
    modified: str | None = None
    version: str | None = None
    header_length: int | None = None
    signer_name: str | None = None
    signer_serial: bytes | None = None
    issuer_name: str | None = None
    verified: bool = False
    records: list[ShownRecord] = field(default_factory=list)

    @property
    def is_missing(self) -> bool:
        """Whether the command said that there is no file."""
        return self.length == 0


def parse_shown_list(text: str) -> ShownList:
    """Read a pasted text.

    Raises:
        DecodeError: When it is no output of `show ctl` or `show itl`, is too long, or
            has a value that cannot be: a serial that is no hex.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise DecodeError("the text is too long", offset=MAX_TEXT_LENGTH)
    shown = ShownList()
    offset = 0
    hash_so_far: list[str] = []
    for line in _lines(text):
        _read_line(shown, line, hash_so_far, offset)
        offset += len(line) + 1
    if shown.kind is None:
        raise DecodeError("not what `show ctl` or `show itl` prints", offset=0)
    return shown


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield _COLOURS.sub("", line).strip()


def _read_line(
    shown: ShownList, line: str, hash_so_far: list[str], offset: int
) -> None:
    """Read one line; a hash may go on from the line before."""
    if hash_so_far:
        _continue_hash(shown, line, hash_so_far)
    elif match := _RECORD.match(line):
        if len(shown.records) == MAX_RECORDS:
            raise DecodeError(f"over {MAX_RECORDS} records", offset=offset)
        shown.records.append(ShownRecord(int(match[1])))
    elif match := _VALUE_LINE.fullmatch(line):
        _, name, length, value = match.groups()
        if shown.records:
            record = shown.records[-1]
            _read_record_value(record, name, int(length), value or "", offset)
            if name == "CERTIFICATE":
                _start_hash(record, value or "", hash_so_far)
        else:
            _read_header_value(shown, name, value or "", offset)
    else:
        _read_sentence(shown, line)


def _read_sentence(shown: ShownList, line: str) -> None:
    if match := _CHECKSUM.fullmatch(line):
        if match[2] == "MD5":
            shown.md5 = match[1].lower()
        else:
            shown.sha1 = match[1].lower()
    elif match := _LENGTH.fullmatch(line):
        shown.kind, shown.length = match[1], int(match[2])
    elif match := _MODIFIED.fullmatch(line):
        shown.modified = match[1]
    elif match := _VERSION.fullmatch(line):
        shown.version = match[1]
    elif match := _HEADER_LENGTH.match(line):
        shown.header_length = int(match[1])
    elif (match := _ETOKEN.match(line)) and shown.records:
        shown.records[-1].signed_this_file = match[1] is None
    elif _VERIFIED.match(line):
        shown.verified = True


def _read_header_value(shown: ShownList, name: str, value: str, offset: int) -> None:
    match name:
        case "SIGNERNAME":
            shown.signer_name = value
        case "SERIALNUMBER":
            shown.signer_serial = _serial(value, offset)
        case "CANAME":
            shown.issuer_name = value
        case _:
            pass


def _read_record_value(
    record: ShownRecord, name: str, length: int, value: str, offset: int
) -> None:
    record.lengths[name] = length
    match name:
        case "RECORDLENGTH":
            record.length = int(value) if value.isascii() and value.isdigit() else None
        case "DNSNAME":
            record.dns_name = value
        case "SUBJECTNAME":
            record.subject_name = value
        case "FUNCTION":
            record.role = _ROLES.get(value)
        case "ISSUERNAME":
            record.issuer_name = value
        case "SERIALNUMBER":
            record.serial_number = _serial(value, offset)
        case _:
            pass


def _serial(value: str, offset: int) -> bytes:
    try:
        return bytes.fromhex(value.replace(":", ""))
    except ValueError:
        raise DecodeError(
            f"{value[:60]!r} is no serial number", offset=offset
        ) from None


def _start_hash(record: ShownRecord, value: str, hash_so_far: list[str]) -> None:
    """Take the hash of a CERTIFICATE line; four of its bytes stand on the next."""
    match = _HASH.match(value)
    pairs = match[0].split() if match else []
    if len(pairs) == _HASH_LENGTH:
        record.certificate_sha1 = "".join(pairs).lower()
    elif pairs:
        hash_so_far.extend(pairs)


def _continue_hash(shown: ShownList, line: str, hash_so_far: list[str]) -> None:
    match = _HASH.match(line)
    pairs = hash_so_far + (match[0].split() if match else [])
    hash_so_far.clear()
    if len(pairs) == _HASH_LENGTH:
        shown.records[-1].certificate_sha1 = "".join(pairs).lower()
