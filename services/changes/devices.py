"""Devices: security profile, CAPF operations, one by one, by pool, model or CSV.

A device that auto-registered has no row; naming it here gives it one, in the default
pool. Phones meet the new state when they fetch their configuration next:
`services.publishing` says which file they get.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.models import (
    DEVICE_NAME,
    PHONE_MODELS,
    hint_for_unknown_models,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.store import devices as rows
from tokenless.services.store.device_pools import DevicePool, read_pools
from tokenless.services.store.devices import Device
from tokenless.services.store.parameters import TRUE, Parameter, read_parameter

_DAY_S: Final = 86_400
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
                new = change.applied_to(device, transaction.at, expires)
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
        (device,) = rows.read_devices(connection, name)
        device = _moved(connection, device, DeviceChange(model=model, pool=pool))
        is_other = device.security_mode is not mode
        change = DeviceChange(security_mode=mode if is_other else None)
        new = change.applied_to(device, transaction.at, transaction.at)
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
                hint="name devices, or add them with `tokenless device import`; phones "
                "that were not configured are in no list",
            )
        return selected
    devices = []
    for name in selection.names:
        known = rows.read_devices(connection, name.upper())
        devices += [_moved(connection, each, change) for each in known] or [
            _registered(connection, name.upper(), change)
        ]
    return devices


def _moved(connection: Connection, device: Device, change: DeviceChange) -> Device:
    """Give a device that is there the pool and the model that a change names."""
    pool, model = change.pool or device.pool, change.model or device.model
    if (pool, model) == (device.pool, device.model):
        return device
    _check_model(model)
    rows.move_device(connection, device.name, _pool_of(connection, pool).name, model)
    return rows.read_devices(connection, device.name)[0]


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
    pools = read_pools(connection)
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


def _is_phone_name(name: str) -> bool:
    digits = name.removeprefix("SEP")
    return (
        name.startswith("SEP")
        and len(digits) == 12  # noqa: PLR2004 - a MAC address
        and all(each in "0123456789ABCDEF" for each in digits)
    )
