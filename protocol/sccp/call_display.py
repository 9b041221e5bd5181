"""SCCP messages of a call that the phone shows (REFERENCE-4 1.2 to 1.4)."""

from dataclasses import dataclass
from typing import ClassVar, Final

from tokenless.protocol.sccp.call import WIDE_NUMBERS, SecurityStatus
from tokenless.protocol.sccp.layout import (
    Message,
    encode_text,
    rest,
    rest_of_text,
    text,
    u32,
)

_PILOT_SINCE: Final = 17


@dataclass(frozen=True, slots=True)
class CallInfo(Message):
    """The two parties of a call, and its security."""

    ID: ClassVar = 0x8F
    calling_name: str = text(40)
    calling_number: str = text(24)
    called_name: str = text(40)
    called_number: str = text(24)
    line: int = u32()
    call: int = u32()
    type: int = u32()
    original_called_name: str = text(40)
    original_called_number: str = text(24)
    last_redirecting_name: str = text(40)
    last_redirecting_number: str = text(24)
    original_reason: int = u32()
    last_reason: int = u32()
    calling_mailbox: str = text(24)
    called_mailbox: str = text(24)
    original_called_mailbox: str = text(24)
    last_redirecting_mailbox: str = text(24)
    instance: int = u32(1)
    security: int = u32(SecurityStatus.UNKNOWN)
    restrictions: int = u32()


@dataclass(frozen=True, slots=True)
class SelectSoftKeys(Message):
    """The set of soft keys that the phone shows."""

    ID: ClassVar = 0x110
    line: int = u32()
    call: int = u32()
    set: int = u32()
    mask: int = u32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class CallState(Message):
    """The state of a call; the level is 4 in real ones."""

    ID: ClassVar = 0x111
    state: int = u32()
    line: int = u32()
    call: int = u32()
    privacy: int = u32()
    precedence_level: int = u32(4)
    precedence_domain: int = u32()


@dataclass(frozen=True, slots=True)
class DisplayPromptStatus(Message):
    """The line of text above the soft keys."""

    ID: ClassVar = 0x112
    timeout_s: int = u32()
    text: str = text(32)
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class ClearPromptStatus(Message):
    """An order to clear that line."""

    ID: ClassVar = 0x113
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class DisplayNotify(Message):
    """A notice on the screen."""

    ID: ClassVar = 0x114
    timeout_s: int = u32()
    text: str = text(32)


@dataclass(frozen=True, slots=True)
class ActivateCallPlane(Message):
    """An order to show a line's calls."""

    ID: ClassVar = 0x116
    line: int = u32()


@dataclass(frozen=True, slots=True)
class DeactivateCallPlane(Message):
    """An order to show no line's calls."""

    ID: ClassVar = 0x117


@dataclass(frozen=True, slots=True)
class DialedNumber(Message):
    """The number that was dialled; unaligned from version 18 on."""

    ID: ClassVar = 0x11D
    number: str = text(24, wide=25, wide_since=WIDE_NUMBERS)
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class DisplayPriorityNotify(Message):
    """A notice with a priority; at ring-in 10 s and 5."""

    ID: ClassVar = 0x120
    timeout_s: int = u32(10)
    priority: int = u32(5)
    text: str = text(32)


@dataclass(frozen=True, slots=True)
class DisplayPromptStatusV2(Message):
    """The line of text above the soft keys, of any length up to 97 characters."""

    ID: ClassVar = 0x145
    timeout_s: int = u32()
    line: int = u32()
    call: int = u32()
    text: str = rest_of_text()


@dataclass(frozen=True, slots=True)
class CallInfoV2(Message):
    """CallInfo with texts one after the other: 13 of them, 15 from version 17 on."""

    ID: ClassVar = 0x14A
    line: int = u32()
    call: int = u32()
    type: int = u32()
    original_reason: int = u32()
    last_reason: int = u32()
    instance: int = u32(1)
    security: int = u32(SecurityStatus.UNKNOWN)
    restrictions: int = u32()
    strings: bytes = rest()

    @staticmethod
    def join(
        *, calling: str, called: str, calling_name: str, called_name: str, version: int
    ) -> bytes:
        """Return `strings` of a simple call for a protocol version."""
        numbers = (calling, "", called, called, "", "", "", "", "")
        names = (calling_name, called_name, called_name, "")
        pilot = ("", "") if version >= _PILOT_SINCE else ()
        return b"".join(
            encode_text(each) + b"\0" for each in (*numbers, *names, *pilot)
        )


@dataclass(frozen=True, slots=True)
class CallHistoryInfo(Message):
    """The list of calls that the phone adds it to: 1 placed, 2 received, 3 missed."""

    ID: ClassVar = 0x156
    disposition: int = u32()
    line: int = u32()
    call: int = u32()


DISPLAY_MESSAGES: Final[tuple[type[Message], ...]] = (
    CallInfo,
    SelectSoftKeys,
    CallState,
    DisplayPromptStatus,
    ClearPromptStatus,
    DisplayNotify,
    ActivateCallPlane,
    DeactivateCallPlane,
    DialedNumber,
    DisplayPriorityNotify,
    DisplayPromptStatusV2,
    CallInfoV2,
    CallHistoryInfo,
)
