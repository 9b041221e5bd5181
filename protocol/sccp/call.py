"""SCCP messages of a call: keys, tones and lamps (REFERENCE-4 1.2 to 1.4)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final, Self

from tokenless.protocol.sccp.layout import Message, decode_text, text, u32

WIDE_NUMBERS: Final = 18
"""The version from which directory numbers have 25 bytes (REFERENCE-4 1.1)."""


@unique
class CallStateCode(IntEnum):
    """States of a call that a phone shows."""

    OFF_HOOK = 1
    ON_HOOK = 2
    RING_OUT = 3
    RING_IN = 4
    CONNECTED = 5
    BUSY = 6
    CONGESTION = 7
    HOLD = 8
    PROCEED = 12
    INVALID_NUMBER = 14


@unique
class SecurityStatus(IntEnum):
    """Security of a call, as CallInfo reports it."""

    UNKNOWN = 0
    NOT_AUTHENTICATED = 1
    AUTHENTICATED = 2
    ENCRYPTED = 3


@unique
class SoftKey(IntEnum):
    """Events of soft keys."""

    REDIAL = 1
    NEW_CALL = 2
    HOLD = 3
    TRANSFER = 4
    END_CALL = 9
    RESUME = 10
    ANSWER = 11


@unique
class Tone(IntEnum):
    """Tones that a phone plays."""

    INSIDE_DIAL = 0x21
    OUTSIDE_DIAL = 0x22
    BUSY = 0x23
    ALERTING = 0x24
    REORDER = 0x25
    NONE = 0x7F


@dataclass(frozen=True, slots=True)
class KeypadButton(Message):
    """A key that was pressed: 0 to 9, 14 for `*`, 15 for `#`."""

    ID: ClassVar = 0x03
    button: int = u32()
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class EnblocCall(Message):
    """A number that was dialled as a whole.

    From version 18 on the number has 25 bytes, and two real forms exist: a 7970 packs
    the line behind it, an 8945 aligns it (REFERENCE-4 1.2). The packed form is sent.
    """

    ID: ClassVar = 0x04
    number: str = text(24, wide=25, wide_since=WIDE_NUMBERS)
    line: int = u32(since=17)

    @classmethod
    def decode_body(cls, body: bytes, version: int) -> Self:
        """Read either form.

        Raises:
            DecodeError: Never: bytes that are missing have their defaults.
        """
        if version < WIDE_NUMBERS:
            return cls._decode_fields(body, version)
        aligned = int.from_bytes(body[28:32], "little")
        packed = int.from_bytes(body[25:29], "little")
        return cls(number=decode_text(body[:25]), line=aligned or packed)


@dataclass(frozen=True, slots=True)
class Stimulus(Message):
    """A feature key; 9 is a line key."""

    ID: ClassVar = 0x05
    stimulus: int = u32(9)
    line: int = u32()
    call: int = u32()
    status: int = u32()


@dataclass(frozen=True, slots=True)
class OffHook(Message):
    """The handset was lifted."""

    ID: ClassVar = 0x06
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class OnHook(Message):
    """The handset was put down."""

    ID: ClassVar = 0x07
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class SoftKeyEvent(Message):
    """A soft key that was pressed."""

    ID: ClassVar = 0x26
    event: int = u32()
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class StartTone(Message):
    """An order to play a tone."""

    ID: ClassVar = 0x82
    tone: int = u32()
    direction: int = u32()
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class StopTone(Message):
    """An order to stop playing a tone."""

    ID: ClassVar = 0x83
    line: int = u32()
    call: int = u32()
    tone: int = u32(since=11)


@dataclass(frozen=True, slots=True)
class SetRinger(Message):
    """An order to ring; mode 1 is off, 2 inside, 3 outside."""

    ID: ClassVar = 0x85
    mode: int = u32(1)
    duration: int = u32(1)
    line: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class SetLamp(Message):
    """An order to light a lamp; mode 1 is off, 2 on, 5 blink."""

    ID: ClassVar = 0x86
    stimulus: int = u32(9)
    instance: int = u32()
    mode: int = u32(1)


@dataclass(frozen=True, slots=True)
class SetSpeakerMode(Message):
    """An order to switch the speaker: 1 on, 2 off."""

    ID: ClassVar = 0x88
    mode: int = u32(1)


@dataclass(frozen=True, slots=True)
class SetMicroMode(Message):
    """An order to switch the microphone: 1 on, 2 off."""

    ID: ClassVar = 0x89
    mode: int = u32(1)


CALL_MESSAGES: Final[tuple[type[Message], ...]] = (
    KeypadButton,
    EnblocCall,
    Stimulus,
    OffHook,
    OnHook,
    SoftKeyEvent,
    StartTone,
    StopTone,
    SetRinger,
    SetLamp,
    SetSpeakerMode,
    SetMicroMode,
)
