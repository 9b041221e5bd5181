"""Rows of CallManager groups, device pools and devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from tokenless.services.store.schema import (
    callmanager_group,
    callmanager_group_member,
    device,
    device_pool,
)


@dataclass(frozen=True, slots=True)
class DevicePool:
    """What the phones of a pool have in common."""

    id: int
    name: str
    group_name: str
    node_ids: tuple[int, ...]
    """Members of its CallManager group, in order of priority."""
    is_default: bool
    model: str


@dataclass(frozen=True, slots=True)
class Device:
    """A phone that is configured by hand."""

    name: str
    model: str
    pool: str
    security_mode: int


def add_group(connection: Connection, name: str, node_ids: Sequence[int]) -> int:
    """Add a CallManager group; return its id."""
    group_id = connection.scalar(
        insert(callmanager_group).values(name=name).returning(callmanager_group.c.id)
    )
    for priority, node_id in enumerate(node_ids):
        connection.execute(
            insert(callmanager_group_member).values(
                group_id=group_id, priority=priority, node_id=node_id
            )
        )
    return int(group_id or 0)


def add_pool(
    connection: Connection, name: str, group_id: int, model: str, *, is_default: bool
) -> int:
    """Add a device pool; return its id."""
    return int(
        connection.scalar(
            insert(device_pool)
            .values(name=name, group_id=group_id, model=model, is_default=is_default)
            .returning(device_pool.c.id)
        )
        or 0
    )


def add_device(
    connection: Connection, name: str, model: str, pool_id: int, security_mode: int
) -> None:
    """Add a device."""
    connection.execute(
        insert(device).values(
            name=name, model=model, pool_id=pool_id, security_mode=security_mode
        )
    )


def read_pools(connection: Connection) -> list[DevicePool]:
    """Return all device pools with their groups' members."""
    members: dict[int, list[int]] = {}
    for row in connection.execute(
        select(callmanager_group_member).order_by(callmanager_group_member.c.priority)
    ):
        members.setdefault(row.group_id, []).append(row.node_id)
    rows = connection.execute(
        select(device_pool, callmanager_group.c.name.label("group_name"))
        .join(callmanager_group)
        .order_by(device_pool.c.id)
    )
    return [
        DevicePool(
            row.id,
            row.name,
            row.group_name,
            tuple(members.get(row.group_id, ())),
            row.is_default,
            row.model,
        )
        for row in rows
    ]


def read_devices(connection: Connection) -> list[Device]:
    """Return all devices by name."""
    rows = connection.execute(
        select(
            device.c.name,
            device.c.model,
            device_pool.c.name.label("pool"),
            device.c.security_mode,
        )
        .join(device_pool)
        .order_by(device.c.name)
    )
    return [Device(*row) for row in rows]
