r"""TFTP packets: the content of one datagram (RFC 1350, 2347).

    RRQ    00 01  filename 00  mode 00  {option 00  value 00}
    DATA   00 03  block (2)  up to blksize bytes
    ACK    00 04  block (2)
    ERROR  00 05  code (2)   message 00
    OACK   00 06  {option 00  value 00}

A typed face over tftpy's packet types: they parse and build what is not hot. DATA, ACK
and read requests are taken apart here, because a boot storm consists of them and tftpy
refuses options with an empty value (RFC 2090's `multicast`); the results for options,
which phones repeat byte for byte, are remembered. tftpy raises four kinds of exception
on hostile bytes and logs them; here only `ProtocolError` comes out, and nothing is
logged. What an option means is decided in `options`. ADR 13 says why tftpy is
here and why it is imported only when a packet needs it.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from tokenless.protocol.errors import DecodeError, ProtocolError

MAX_REQUEST_BYTES: Final = 512
"""The longest request or OACK (RFC 2347); tftpy's parser is slow on long ones."""
MAX_BLOCK_SIZE: Final = 65464
MIN_BLOCK_SIZE: Final = 8
DEFAULT_BLOCK_SIZE: Final = 512
DATA_HEAD_LENGTH: Final = 4
BLOCK_NUMBERS: Final = 0x10000
"""Block numbers roll over to 0 after 65,535 (files of 32 MB at 512 bytes)."""

_MAX_ERROR_TEXT: Final = 256
_OPCODE: Final = struct.Struct(">H")
_HEAD: Final = struct.Struct(">HH")
_REQUEST: Final = re.compile(rb"\x00\x01([^\x00]+)\x00([A-Za-z]+)\x00(.*)", re.DOTALL)
_NAME: Final = re.compile(rb"[\x20-\x7e]+")
_REMEMBERED: Final = 512


@unique
class Opcode(IntEnum):
    """The first two bytes of a packet."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


@unique
class Mode(StrEnum):
    """Transfer modes; RFC 1350's `mail` is obsolete and refused."""

    OCTET = "octet"
    NETASCII = "netascii"


# Looking a name up in a dictionary is a third of the price of an enumeration's call.
_MODES: Final[Mapping[str, Mode]] = {mode.value: mode for mode in Mode}


@unique
class TftpErrorCode(IntEnum):
    """The error codes of RFC 1350 and 2347; the only place that knows them."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER_ID = 5
    FILE_ALREADY_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_NEGOTIATION = 8

    @property
    def meaning(self) -> str:
        """The text of RFC 1350 and 2347 for the code."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[int, str]] = {
    TftpErrorCode.NOT_DEFINED: "Not defined",
    TftpErrorCode.FILE_NOT_FOUND: "File not found",
    TftpErrorCode.ACCESS_VIOLATION: "Access violation",
    TftpErrorCode.DISK_FULL: "Disk full or allocation exceeded",
    TftpErrorCode.ILLEGAL_OPERATION: "Illegal TFTP operation",
    TftpErrorCode.UNKNOWN_TRANSFER_ID: "Unknown transfer ID",
    TftpErrorCode.FILE_ALREADY_EXISTS: "File already exists",
    TftpErrorCode.NO_SUCH_USER: "No such user",
    TftpErrorCode.OPTION_NEGOTIATION: "Option negotiation failed",
}


class TftpError(ProtocolError):
    """A transfer's end by an ERROR packet, sent or received; what sources raise.

    Attributes:
        code: The wire code; a plain integer when a peer sent an unknown one.
        message: The text of the packet.
    """

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.message = _MEANINGS.get(code, "Error") if message is None else message
        super().__init__(f"TFTP error {code}: {self.message}")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A client's request."""

    filename: str
    mode: Mode
    options: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case (RFC 2347: case-insensitive); values as they came."""


@dataclass(frozen=True, slots=True)
class OptionAck:
    """The options that a server agrees to."""

    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """One block of a file."""

    block: int
    payload: bytes


Answer = Data | OptionAck | TftpError
"""A server's answers to a client that asked for a file."""


@cache
def packet_types() -> Any:  # noqa: ANN401 - the library has no types
    """Import tftpy's packet types; a server does so before its first client comes.

    With them come its server and client, so sockets, threads and logging.
    """
    from tftpy import TftpPacketTypes  # noqa: PLC0415 - see above

    # tftpy reports each hostile datagram as an error of its own, at a packet's price.
    TftpPacketTypes.log.disabled = True
    return TftpPacketTypes


def decode_opcode(data: bytes) -> int:
    """Return a packet's opcode, known or not.

    Raises:
        DecodeError: When there are fewer than two bytes.
    """
    if len(data) < _OPCODE.size:
        raise DecodeError("a TFTP opcode is cut short", offset=len(data))
    opcode: int = _OPCODE.unpack_from(data)[0]
    return opcode


# The phones of a site ask for the same locale files and firmware, byte for byte.
@lru_cache(maxsize=_REMEMBERED)
def decode_read_request(data: bytes) -> ReadRequest:
    """Decode a datagram to the well-known port.

    Raises:
        DecodeError: When the bytes are not a request.
        TftpError: When they are a request that is never served: a write request,
            an unknown mode, a name that no file has because it is not printable
            ASCII. The error is the answer.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise DecodeError("a TFTP request is too long", offset=MAX_REQUEST_BYTES)
    match = _REQUEST.fullmatch(data)
    if match is None:
        raise _no_request(data)
    name, mode, options = match.groups()
    if _NAME.fullmatch(name) is None:
        raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
    return ReadRequest(
        name.decode("ascii"), _mode(mode.decode("ascii")), _decode_options(options)
    )


def _no_request(data: bytes) -> ProtocolError:
    opcode = decode_opcode(data)
    if opcode == Opcode.WRQ:
        return TftpError(TftpErrorCode.ACCESS_VIOLATION, "This server is read-only")
    if opcode != Opcode.RRQ:
        return DecodeError(f"opcode {opcode} is not a request", offset=0)
    return DecodeError("a malformed TFTP read request", offset=_OPCODE.size)


# And their options are the same where the names differ.
@lru_cache(maxsize=_REMEMBERED)
def _decode_options(data: bytes) -> Mapping[str, str]:
    """Decode the options of a request; mere padding is none.

    A value may be empty, and a name or value that is not ASCII belongs to an option
    that nobody knows: both are ignored (RFC 2347).
    """
    if not data.strip(b"\0"):
        return MappingProxyType({})
    *words, behind = data.split(b"\0")
    if behind or len(words) % 2 or not all(words[::2]):
        raise DecodeError("malformed options in a TFTP request", offset=_OPCODE.size)
    pairs = zip(words[::2], words[1::2], strict=True)
    return MappingProxyType(
        {
            name.decode("ascii").lower(): value.decode("ascii")
            for name, value in pairs
            if name.isascii() and value.isascii()
        }
    )


def encode_read_request(filename: str, options: Mapping[str, str]) -> bytes:
    """Build a request for a file in octet mode.

    Raises:
        ValueError: When the name is empty, not ASCII, or all is longer than 512 bytes
            (a caller's mistake).
    """
    packet = packet_types().TftpPacketRRQ()
    packet.filename, packet.mode, packet.options = filename, "octet", dict(options)
    if not filename or not filename.isascii() or "\0" in filename:
        raise ValueError(f"{filename!r} cannot be asked for by TFTP")
    request: bytes = packet.encode().buffer
    if len(request) > MAX_REQUEST_BYTES:
        raise ValueError(f"a request of {len(request)} bytes is too long")
    return request


def encode_option_ack(options: Mapping[str, str]) -> bytes:
    """Build the answer to a request with options."""
    packet = packet_types().TftpPacketOACK()
    packet.options = dict(options)
    encoded: bytes = packet.encode().buffer
    return encoded


def encode_error(code: int, message: str | None = None) -> bytes:
    """Build an ERROR packet; without a message, the code's meaning."""
    text = _MEANINGS.get(code, "Error") if message is None else message
    packet = packet_types().TftpPacketERR()
    packet.errorcode = code
    # tftpy knows fixed texts only, and none for code 0.
    packet.errmsgs = {code: text.encode("ascii", "replace")[:_MAX_ERROR_TEXT]}
    encoded: bytes = packet.encode().buffer
    return encoded


def encode_data(block: int, payload: bytes) -> bytes:
    """Build a DATA packet; a block number beyond 65,535 rolls over."""
    return _HEAD.pack(Opcode.DATA, block % BLOCK_NUMBERS) + payload


def encode_ack(block: int) -> bytes:
    """Build an ACK packet; a block number beyond 65,535 rolls over."""
    return _HEAD.pack(Opcode.ACK, block % BLOCK_NUMBERS)


def decode_answer(data: bytes) -> Answer:
    """Decode what a server sent: a block, its options, or an error (not raised).

    Raises:
        DecodeError: When the bytes are none of these.
    """
    match decode_opcode(data):
        case Opcode.DATA if len(data) >= DATA_HEAD_LENGTH:
            return Data(_HEAD.unpack_from(data)[1], data[DATA_HEAD_LENGTH:])
        case Opcode.OACK:
            packet = packet_types().TftpPacketOACK()
            _decode_with_tftpy(packet, data, "option acknowledgement")
            return OptionAck(_lower(packet.options))
        case Opcode.ERROR:
            return decode_error(data)
        case opcode:
            raise DecodeError(f"opcode {opcode} is not an answer", offset=0)


def decode_error(data: bytes) -> TftpError:
    """Decode an ERROR packet; a message that is not ASCII or not ended is mended.

    Raises:
        DecodeError: When the code is missing.
    """
    packet = packet_types().TftpPacketERR()
    _decode_with_tftpy(packet, data[:MAX_REQUEST_BYTES], "error")
    text = packet.errmsg or b""
    message = text.partition(b"\0")[0].decode("ascii", "replace")[:_MAX_ERROR_TEXT]
    return TftpError(packet.errorcode, message or None)


def _decode_with_tftpy(packet: Any, data: bytes, what: str) -> None:  # noqa: ANN401
    """Let tftpy decode; it raises whatever its parser stumbles over."""
    from tftpy.TftpShared import TftpException  # noqa: PLC0415 - as its packet types

    if len(data) > MAX_REQUEST_BYTES:
        raise DecodeError(f"a TFTP {what} is too long", offset=MAX_REQUEST_BYTES)
    packet.buffer = data
    try:
        packet.decode()
    except (TftpException, struct.error, UnicodeDecodeError):
        raise DecodeError(f"a malformed TFTP {what}", offset=_OPCODE.size) from None


def _mode(text: str) -> Mode:
    mode = _MODES.get(text) or _MODES.get(text.lower())
    if mode is None:
        message = "Only octet and netascii are served"
        raise TftpError(TftpErrorCode.ILLEGAL_OPERATION, message)
    return mode


def _lower(options: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in options.items()}
