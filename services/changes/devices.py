"""Devices: security profile, CAPF operations, one by one, by pool, model or CSV.

A device that auto-registered has no row; naming it here gives it one, in the default
pool. Phones meet the new state when they fetch their configuration next:
`services.publishing` says which file they get.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    Capf,
    CapfAuthMode,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.phones.models import (
    DEVICE_NAME,
    PHONE_MODELS,
    hint_for_unknown_models,
)
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.sip.digest import DigestAccount
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.store import devices as rows
from tokenless.services.store.devices import Device, DevicePool
from tokenless.services.store.parameters import TRUE, Parameter, read_parameter

_DAY_S: Final = 86_400
KEY_SIZES: Final = {
    KeyType.RSA: (512, 1024, 2048, 3072, 4096),
    KeyType.EC: (256, 384, 521),
}
STRING_DIGITS: Final = range(4, 11)
"""The number of digits of an authentication string (REFERENCE-5 4.4)."""
_MADE_UP_DIGITS: Final = 6
_AUDITED_NAMES: Final = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of devices: those that match all given criteria."""

    names: tuple[str, ...] = ()
    pool: str | None = None
    model: str | None = None

    def __str__(self) -> str:
        """Describe it for the audit log."""
        parts = list(self.names[:_AUDITED_NAMES])
        if len(self.names) > _AUDITED_NAMES:
            parts.append(f"and {len(self.names) - _AUDITED_NAMES} more")
        parts += [f"pool {self.pool}"] if self.pool else []
        parts += [f"model {self.model}"] if self.model else []
        return ", ".join(parts) or "all"


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
        said = []
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


def list_devices(cluster: Cluster, selection: Selection | None = None) -> list[Device]:
    """Return the devices of a selection by name, or all."""
    with cluster.store.read() as connection:
        devices = rows.read_devices(connection)
    chosen = Selection() if selection is None else selection
    return [device for device in devices if _fits(device, chosen)]


def find_device(cluster: Cluster, name: str) -> Device:
    """Return a device.

    Raises:
        ServiceError: When there is none of this name.
    """
    with cluster.store.read() as connection:
        found = rows.read_devices(connection, name.upper())
    if not found:
        raise ServiceError(
            f"there is no device {name}",
            hint="`tokenless device set` configures an auto-registered phone",
        )
    return found[0]


def set_devices(
    cluster: Cluster, selection: Selection, change: DeviceChange, *, by: str
) -> list[Device]:
    """Change devices, all or none; named ones that have no row get one.

    Raises:
        ServiceError: When nothing is selected, or a device cannot be so.
    """
    return change_devices(cluster, [(selection, change)], by=by)


def change_devices(
    cluster: Cluster, changes: Sequence[tuple[Selection, DeviceChange]], *, by: str
) -> list[Device]:
    """Make several changes in one transaction.

    Raises:
        ServiceError: As `set_devices`; nothing is changed then.
    """
    first, change = changes[0] if changes else (Selection(), DeviceChange())
    detail = f"{first}: {change}"
    if len(changes) > 1:
        detail = f"{len(changes)} devices"
    changed: list[Device] = []
    with cluster.store.change("set devices", detail, by=by) as transaction:
        days = read_parameter(transaction.connection, Parameter.CAPF_EXPIRES)
        expires = transaction.at + int(days) * _DAY_S
        for selection, change in changes:
            wanted = _selected(transaction.connection, selection, change)
            for device in wanted:
                new = _apply(device, change, transaction.at, expires)
                rows.write_device(transaction.connection, new)
                changed.append(new)
    return changed


def move_device(
    cluster: Cluster, name: str, pool: str, model: str, mode: DeviceSecurity, *, by: str
) -> None:
    """Give a device another pool, model and security mode.

    Raises:
        ServiceError: When there is no such pool or model, or the model cannot have what
            the device has.
    """
    with cluster.store.change("move device", f"{name}: {pool}", by=by) as transaction:
        connection = transaction.connection
        _check_model(model)
        rows.move_device(connection, name, _pool_of(connection, pool).name, model)
        (device,) = rows.read_devices(connection, name)
        is_other = device.security_mode is not mode
        change = DeviceChange(security_mode=mode if is_other else None)
        new = _apply(device, change, transaction.at, transaction.at)
        rows.write_device(connection, new)


def _fits(device: Device, selection: Selection) -> bool:
    names = {name.upper() for name in selection.names}
    return (
        (not names or device.name in names)
        and selection.pool in (None, device.pool)
        and selection.model in (None, device.model)
    )


def _selected(
    connection: Connection, selection: Selection, change: DeviceChange
) -> list[Device]:
    if not selection.names:
        everything = rows.read_devices(connection)
        selected = [device for device in everything if _fits(device, selection)]
        if not selected:
            raise ServiceError(
                f"no device matches: {selection}",
                hint="name devices; `tokenless device list` shows them",
            )
        return selected
    devices = []
    for name in selection.names:
        known = rows.read_devices(connection, name.upper())
        devices += known or [_registered(connection, name.upper(), change)]
    return devices


def _registered(connection: Connection, name: str, change: DeviceChange) -> Device:
    """Add a phone as auto-registration would."""
    pool = _pool_of(connection, change.pool)
    model = change.model or pool.model
    _check_model(model)
    is_named = change.pool is not None and re.fullmatch(DEVICE_NAME, name)
    if not _is_phone_name(name) and not is_named:
        raise ServiceError(
            f"{name} is not the name of a phone", hint="write SEP and 12 hex digits"
        )
    if read_parameter(connection, Parameter.AUTO_REGISTRATION) != TRUE and (
        change.pool is None
    ):
        raise ServiceError(
            f"there is no device {name}, and auto-registration is off",
            hint="give its pool with --pool",
        )
    mode = int(DeviceSecurity.NON_SECURE)
    rows.add_device(connection, name, model, pool.id, mode)
    return rows.read_devices(connection, name)[0]


def _pool_of(connection: Connection, name: str | None) -> DevicePool:
    pools = rows.read_pools(connection)
    for pool in pools:
        if pool.name == name or (name is None and pool.is_default):
            return pool
    raise ServiceError(
        f"there is no device pool {name or 'for auto-registered phones'}",
        hint=f"pools: {', '.join(pool.name for pool in pools)}",
    )


def _check_model(model: str) -> None:
    if model not in PHONE_MODELS:
        raise ServiceError(
            f"{model} is not a known model", hint=hint_for_unknown_models(model)
        )


def _apply(device: Device, change: DeviceChange, at: int, expires: int) -> Device:
    mode = (
        device.security_mode if change.security_mode is None else change.security_mode
    )
    transport = device.transport if change.transport is None else change.transport
    if mode is not DeviceSecurity.NON_SECURE:
        transport = DeviceTransport.TLS  # the page forces it (REFERENCE-5 4.5)
    elif change.security_mode is not None and change.transport is None:
        transport = DeviceTransport.TCP
    encrypts = (
        device.encrypts_config
        if change.encrypts_config is None
        else change.encrypts_config
    )
    if encrypts and not PHONE_MODELS[device.model].signed_files:
        raise ServiceError(
            f"a {device.model} does not support encrypted configurations",
            hint="omit --encrypted-config",
        )
    capf = _scheduled(device.capf, change, at, expires)
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
        digest=_digest(device, change),
    )


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
        size = {KeyType.RSA: 2048, KeyType.EC: 256}[key_type]
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
    if not (string.isascii() and string.isdigit() and len(string) in STRING_DIGITS):
        raise ServiceError(
            "an authentication string has 4 to 10 digits", hint="leave it out"
        )
    return string


def _is_phone_name(name: str) -> bool:
    digits = name.removeprefix("SEP")
    return (
        name.startswith("SEP")
        and len(digits) == 12  # noqa: PLR2004 - a MAC address
        and all(each in "0123456789ABCDEF" for each in digits)
    )
