"""The change of a device: which fields, and the device as it is afterwards."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    Capf,
    CapfAuthMode,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.sip.digest import DigestAccount
from tokenless.services.errors import ServiceError
from tokenless.services.store.devices import Device

KEY_SIZES: Final = {
    KeyType.RSA: (512, 1024, 2048, 3072, 4096),
    KeyType.EC: (256, 384, 521),
}
USUAL_SIZES: Final = {KeyType.RSA: 2048, KeyType.EC: 256}
_STRING_DIGITS: Final = range(4, 11)
"""The number of digits of an authentication string (REFERENCE-5 4.4)."""
_MADE_UP_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A change of device fields; None leaves a field as it is."""

    model: str | None = None
    pool: str | None = None
    security_mode: DeviceSecurity | None = None
    transport: DeviceTransport | None = None
    encrypts_config: bool | None = None
    operation: CapfOperation | None = None
    auth_mode: CapfAuthMode | None = None
    string: str | None = None
    key_type: KeyType | None = None
    key_size: int | None = None
    finish_by: int | None = None
    digest: DigestAccount | None = None
    """An account without a user takes it away."""

    def __str__(self) -> str:
        """Describe it for the audit log, without the authentication string."""
        said = [f"model {self.model}"] if self.model else []
        said += [f"pool {self.pool}"] if self.pool else []
        if self.security_mode is not None:
            said.append(self.security_mode.words)
        if self.encrypts_config is not None:
            said.append(
                "encrypted configuration"
                if self.encrypts_config
                else "clear configuration"
            )
        if self.operation is not None:
            said.append(f"CAPF {self.operation.words}")
        if self.auth_mode is not None:
            said.append(self.auth_mode.words)
        if self.key_size is not None:
            said.append(f"{self.key_size} bits")
        if self.digest is not None:
            user = self.digest.user
            said.append(f"Digest user {user}" if user else "no Digest authentication")
        return ", ".join(said) or "added"

    def applied_to(self, device: Device, at: int, expires: int) -> Device:
        """Return a device as it is afterwards.

        Args:
            device: As it is now.
            at: The time of the change, Unix seconds.
            expires: When a CAPF operation ends that says no time of its own.

        Raises:
            ServiceError: When the device cannot be so.
        """
        mode, transport = _signalling(device, self)
        encrypts = (
            device.encrypts_config
            if self.encrypts_config is None
            else self.encrypts_config
        )
        if encrypts and not PHONE_MODELS[device.model].signed_files:
            raise ServiceError(
                f"a {device.model} does not support encrypted configurations",
                hint="omit --encrypted-config",
            )
        capf = _scheduled(device.capf, self, at, expires)
        if encrypts and capf.key_type is KeyType.EC:
            raise ServiceError(
                f"{device.name}: an EC key cannot decrypt a configuration",
                hint="use --key-type rsa",
            )
        return replace(
            device,
            security_mode=mode,
            transport=transport,
            encrypts_config=encrypts,
            capf=capf,
            digest=_digest(device, self),
        )


def _signalling(
    device: Device, change: DeviceChange
) -> tuple[DeviceSecurity, DeviceTransport]:
    mode = (
        device.security_mode if change.security_mode is None else change.security_mode
    )
    if mode is not DeviceSecurity.NON_SECURE:
        return mode, DeviceTransport.TLS  # the page forces it (REFERENCE-5 4.5)
    if change.transport is not None:
        return mode, change.transport
    # A device that becomes non-secure leaves TLS.
    keeps = change.security_mode is None
    return mode, device.transport if keeps else DeviceTransport.TCP


def _digest(device: Device, change: DeviceChange) -> DigestAccount | None:
    if change.digest is None:
        return device.digest
    if not change.digest.user:
        return None
    if PHONE_MODELS[device.model].protocol != Signalling.SIP:
        raise ServiceError(
            f"a {device.model} speaks SCCP, which has no Digest authentication",
            hint="name SIP phones only",
        )
    return change.digest


def _scheduled(capf: Capf, change: DeviceChange, at: int, expires: int) -> Capf:
    key_type = capf.key_type if change.key_type is None else change.key_type
    size = capf.key_size if change.key_size is None else change.key_size
    if change.key_size is None and change.key_type is not None:
        size = USUAL_SIZES[key_type]
    if size not in KEY_SIZES[key_type]:
        sizes = ", ".join(map(str, KEY_SIZES[key_type]))
        raise ServiceError(f"{key_type.name} keys cannot have {size} bits", hint=sizes)
    auth_mode = capf.auth_mode if change.auth_mode is None else change.auth_mode
    string = capf.string if change.string is None else change.string
    if auth_mode is CapfAuthMode.STRING:
        string = _checked_string(string)
    new = replace(
        capf, key_type=key_type, key_size=size, auth_mode=auth_mode, string=string
    )
    if change.operation is None:
        return new
    if change.operation is CapfOperation.NONE:
        return replace(
            new,
            operation=CapfOperation.NONE,
            status=CapfStatus.NONE,
            failure=None,
            finish_by=0,
        )
    finish_by = change.finish_by or expires
    if finish_by <= at:
        raise ServiceError(
            "the end of the operation is in the past",
            hint="give a later --finish-by",
        )
    return replace(
        new,
        operation=change.operation,
        status=CapfStatus.PENDING,
        failure=None,
        finish_by=finish_by,
    )


def parse_finish_time(text: str) -> int:
    """Read `YYYY:MM:DD:HH:MM` (or without minutes) as Unix seconds, UTC.

    Raises:
        ServiceError: When it is not such a time.
    """
    for form in ("%Y:%m:%d:%H:%M", "%Y:%m:%d:%H"):
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    raise ServiceError(f"{text!r} is not a time", hint="write 2026:12:31:23:59")


def finish_time(at: int) -> str:
    """Write a time as `YYYY:MM:DD:HH:MM`, empty for none (REFERENCE-3 3.6)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y:%m:%d:%H:%M") if at else ""


def _checked_string(string: str) -> str:
    if not string:
        return "".join(secrets.choice("0123456789") for _ in range(_MADE_UP_DIGITS))
    if not (string.isascii() and string.isdigit() and len(string) in _STRING_DIGITS):
        raise ServiceError(
            "an authentication string has 4 to 10 digits",
            hint="without one, the cluster makes one",
        )
    return string
