"""Devices and phones for registrars without sockets."""

from typing import Final

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    DeviceProfile,
    Peer,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sccp.answers import ResetType

SECURE: Final = "SEP00000000000A"
CLEAR: Final = "SEP00000000000B"
DEVICES: Final = {
    SECURE: DeviceProfile(SECURE, Signalling.SCCP, DeviceSecurity.ENCRYPTED),
    CLEAR: DeviceProfile(CLEAR, Signalling.SCCP),
}
TLS: Final = Peer("AES128-SHA", SECURE)


class Phone:
    """A station that remembers what it was told."""

    def __init__(self) -> None:
        self.dismissed: list[UnregisterReason] = []
        self.resets: list[ResetType] = []

    def dismiss(self, reason: UnregisterReason) -> None:
        self.dismissed.append(reason)

    def reset(self, kind: ResetType) -> None:
        self.resets.append(kind)
