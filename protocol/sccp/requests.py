"""SCCP messages of registration that a phone sends (REFERENCE-3 4.2, 4.3)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final

from tokenless.protocol.sccp.layout import (
    Address,
    Message,
    ipv4,
    raw,
    rest_of_text,
    text,
    u8,
    u16,
    u32,
)


@unique
class AlarmSeverity(IntEnum):
    """Severities of an alarm, as the vendor numbers them."""

    CRITICAL = 0
    WARNING = 1
    INFORMATIONAL = 2
    UNKNOWN = 4
    MAJOR = 7
    MINOR = 8
    MARGINAL = 10
    TRACE = 20


@dataclass(frozen=True, slots=True)
class KeepAlive(Message):
    """A sign of life from the phone."""

    ID: ClassVar = 0x00


@dataclass(frozen=True, slots=True)
class Register(Message):
    """A phone's request to register; a 7941's body has 124 bytes, a 7960's 68."""

    ID: ClassVar = 0x01

    device_name: str = text(16)
    user_id: int = u32()
    instance: int = u32()
    address: Address = ipv4()
    device_type: int = u32()
    max_streams: int = u32(5)
    active_streams: int = u32()
    protocol_version: int = u8(20)
    reserved: int = u8()
    features: int = u16()
    max_conferences: int = u32()
    active_conferences: int = u32()
    mac: bytes = raw(12)
    ipv4_scope: int = u32(3)
    max_lines: int = u32()
    ipv6: bytes = raw(16)
    ipv6_scope: int = u32()
    load_name: str = text(32)


@dataclass(frozen=True, slots=True)
class IpPort(Message):
    """The phone's RTP port."""

    ID: ClassVar = 0x02
    port: int = u32()


@dataclass(frozen=True, slots=True)
class ForwardStatReq(Message):
    """A question for the call forwarding of a line."""

    ID: ClassVar = 0x09
    line: int = u32()


@dataclass(frozen=True, slots=True)
class SpeedDialStatReq(Message):
    """A question for a speed dial."""

    ID: ClassVar = 0x0A
    number: int = u32()


@dataclass(frozen=True, slots=True)
class LineStatReq(Message):
    """A question for a line's number and names."""

    ID: ClassVar = 0x0B
    line: int = u32()


@dataclass(frozen=True, slots=True)
class ConfigStatReq(Message):
    """A question for the device's configuration."""

    ID: ClassVar = 0x0C


@dataclass(frozen=True, slots=True)
class TimeDateReq(Message):
    """A question for the time; servers take it for the end of registration."""

    ID: ClassVar = 0x0D


@dataclass(frozen=True, slots=True)
class ButtonTemplateReq(Message):
    """A question for what the phone's buttons do."""

    ID: ClassVar = 0x0E


@dataclass(frozen=True, slots=True)
class VersionReq(Message):
    """A question for the load that the phone should run."""

    ID: ClassVar = 0x0F


@dataclass(frozen=True, slots=True)
class CapabilitiesRes(Message):
    """The codecs of a phone: up to 18 of 16 bytes each."""

    ID: ClassVar = 0x10
    count: int = u32()
    codecs: bytes = raw(18 * 16)


@dataclass(frozen=True, slots=True)
class ServerReq(Message):
    """A question for the servers of the phone's group."""

    ID: ClassVar = 0x12


@dataclass(frozen=True, slots=True)
class Alarm(Message):
    """Reason for the phone's start, e.g. `25: Name=SEP… Load=… Last=Initialized`."""

    ID: ClassVar = 0x20
    severity: int = u32(AlarmSeverity.INFORMATIONAL)
    text: str = text(80)
    parameter1: int = u32()
    parameter2: Address = ipv4()


@dataclass(frozen=True, slots=True)
class SoftKeySetReq(Message):
    """A question for the sets of soft keys."""

    ID: ClassVar = 0x25


@dataclass(frozen=True, slots=True)
class Unregister(Message):
    """A phone's farewell."""

    ID: ClassVar = 0x27
    reason: int = u32()


@dataclass(frozen=True, slots=True)
class SoftKeyTemplateReq(Message):
    """A question for the soft keys."""

    ID: ClassVar = 0x28


@dataclass(frozen=True, slots=True)
class RegisterTokenReq(Message):
    """A question whether the phone may come back to a better server."""

    ID: ClassVar = 0x29
    device_name: str = text(16)
    user_id: int = u32()
    instance: int = u32()
    address: Address = ipv4()
    device_type: int = u32()
    ipv6: bytes = raw(16)
    flags: int = u32()


@dataclass(frozen=True, slots=True)
class HeadsetStatus(Message):
    """State of a headset: in use or not."""

    ID: ClassVar = 0x2B
    status: int = u32()


@dataclass(frozen=True, slots=True)
class RegisterAvailableLines(Message):
    """Number of lines that the phone can show."""

    ID: ClassVar = 0x2D
    lines: int = u32()


@dataclass(frozen=True, slots=True)
class FeatureStatReq(Message):
    """A question for a feature button."""

    ID: ClassVar = 0x34
    index: int = u32()
    capabilities: int = u32()


@dataclass(frozen=True, slots=True)
class AccessoryStatus(Message):
    """Accessories that are plugged into the phone."""

    ID: ClassVar = 0x49
    accessory: int = u32()
    state: int = u32()
    reserved: int = u32()


@dataclass(frozen=True, slots=True)
class XmlAlarm(Message):
    """A `LastOutOfServiceInformation` document, at most 2,048 characters."""

    ID: ClassVar = 0x15A
    document: str = rest_of_text()


REQUESTS: Final[tuple[type[Message], ...]] = (
    KeepAlive,
    Register,
    IpPort,
    ForwardStatReq,
    SpeedDialStatReq,
    LineStatReq,
    ConfigStatReq,
    TimeDateReq,
    ButtonTemplateReq,
    VersionReq,
    CapabilitiesRes,
    ServerReq,
    Alarm,
    SoftKeySetReq,
    Unregister,
    SoftKeyTemplateReq,
    RegisterTokenReq,
    HeadsetStatus,
    RegisterAvailableLines,
    FeatureStatReq,
    AccessoryStatus,
    XmlAlarm,
)
