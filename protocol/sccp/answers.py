"""SCCP messages of registration that a server sends (REFERENCE-3 4.2, 4.3)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final

from tokenless.protocol.sccp.layout import Message, numbers, raw, text, u8, u16, u32


@unique
class ResetType(IntEnum):
    """Requests of a server to a phone."""

    RESET = 1
    RESTART = 2
    APPLY_CONFIG = 3


@unique
class UnregisterStatus(IntEnum):
    """A server's answer to Unregister."""

    OK = 0
    ERROR = 1
    ACTIVE_CALL = 2


DYNAMIC_MESSAGES: Final = 0x0080
"""A feature: texts as long as they are, such as CallInfoV2 (REFERENCE-4 1.1)."""


@dataclass(frozen=True, slots=True)
class RegisterAck(Message):
    """A registration that was accepted."""

    ID: ClassVar = 0x81
    keepalive_s: int = u32(30)
    date_template: str = text(6)
    alignment: int = u16()
    secondary_keepalive_s: int = u32(60)
    max_protocol: int = u8(20)
    reserved: int = u8()
    features: int = u16()


@dataclass(frozen=True, slots=True)
class ForwardStat(Message):
    """The call forwarding of a line."""

    ID: ClassVar = 0x90
    active: int = u32()
    line: int = u32()
    all_active: int = u32()
    all_number: str = text(24, wide=25, wide_since=18)
    busy_active: int = u32()
    busy_number: str = text(24, wide=25, wide_since=18)
    no_answer_active: int = u32()
    no_answer_number: str = text(24, wide=25, wide_since=18)


@dataclass(frozen=True, slots=True)
class SpeedDialStat(Message):
    """A speed dial."""

    ID: ClassVar = 0x91
    number: int = u32()
    directory_number: str = text(24)
    display_name: str = text(40)


@dataclass(frozen=True, slots=True)
class LineStat(Message):
    """A line's number, its name on calls, and its label on the screen."""

    ID: ClassVar = 0x92
    line: int = u32()
    directory_number: str = text(24)
    display_name: str = text(40)
    label: str = text(40)
    options: int = u32()


@dataclass(frozen=True, slots=True)
class ConfigStat(Message):
    """The device's configuration."""

    ID: ClassVar = 0x93
    device_name: str = text(16)
    user_id: int = u32()
    instance: int = u32()
    user_name: str = text(40)
    server_name: str = text(40)
    lines: int = u32()
    speed_dials: int = u32()


@dataclass(frozen=True, slots=True)
class DefineTimeDate(Message):
    """The time: local fields, and seconds since 1970 UTC."""

    ID: ClassVar = 0x94
    year: int = u32()
    month: int = u32()
    weekday: int = u32()
    day: int = u32()
    hour: int = u32()
    minute: int = u32()
    second: int = u32()
    millisecond: int = u32()
    epoch_s: int = u32()


@dataclass(frozen=True, slots=True)
class ButtonTemplate(Message):
    """Functions of the buttons: pairs of instance and type (9 line, 0xFF none)."""

    ID: ClassVar = 0x97
    offset: int = u32()
    count: int = u32()
    total: int = u32()
    buttons: bytes = raw(2 * 42)


@dataclass(frozen=True, slots=True)
class Version(Message):
    """The load that the phone should run."""

    ID: ClassVar = 0x98
    load_name: str = text(16)


@dataclass(frozen=True, slots=True)
class CapabilitiesReq(Message):
    """A question for the phone's codecs."""

    ID: ClassVar = 0x9B


@dataclass(frozen=True, slots=True)
class RegisterReject(Message):
    """A registration that was refused."""

    ID: ClassVar = 0x9D
    text: str = text(32)


@dataclass(frozen=True, slots=True)
class ServerRes(Message):
    """The servers of the phone's group, in order."""

    ID: ClassVar = 0x9E
    names: bytes = raw(5 * 48)
    ports: tuple[int, ...] = numbers(5)
    addresses: bytes = raw(5 * 4)


@dataclass(frozen=True, slots=True)
class Reset(Message):
    """An order to reset, restart or apply the configuration."""

    ID: ClassVar = 0x9F
    type: int = u32(ResetType.RESET)


@dataclass(frozen=True, slots=True)
class KeepAliveAck(Message):
    """The answer to a sign of life."""

    ID: ClassVar = 0x100


@dataclass(frozen=True, slots=True)
class SoftKeyTemplate(Message):
    """The soft keys: 32 places with a label of 16 bytes and an event each."""

    ID: ClassVar = 0x108
    offset: int = u32()
    count: int = u32()
    total: int = u32()
    keys: bytes = raw(32 * 20)


@dataclass(frozen=True, slots=True)
class SoftKeySet(Message):
    """The sets of soft keys: 16 indices and 16 numbers for each of 16 states."""

    ID: ClassVar = 0x109
    offset: int = u32()
    count: int = u32()
    total: int = u32()
    sets: bytes = raw(16 * 48)


@dataclass(frozen=True, slots=True)
class UnregisterAck(Message):
    """The answer to a farewell."""

    ID: ClassVar = 0x118
    status: int = u32(UnregisterStatus.OK)


@dataclass(frozen=True, slots=True)
class RegisterTokenAck(Message):
    """The phone may come back."""

    ID: ClassVar = 0x11A


@dataclass(frozen=True, slots=True)
class RegisterTokenReject(Message):
    """The phone must wait before it asks again."""

    ID: ClassVar = 0x11B
    wait_s: int = u32()


ANSWERS: Final[tuple[type[Message], ...]] = (
    RegisterAck,
    ForwardStat,
    SpeedDialStat,
    LineStat,
    ConfigStat,
    DefineTimeDate,
    ButtonTemplate,
    Version,
    CapabilitiesReq,
    RegisterReject,
    ServerRes,
    Reset,
    KeepAliveAck,
    SoftKeyTemplate,
    SoftKeySet,
    UnregisterAck,
    RegisterTokenAck,
    RegisterTokenReject,
)
