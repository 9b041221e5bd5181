"""Rows of CallManager groups and of device pools."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, delete, insert, select, update

from tokenless.services.errors import ServiceError
from tokenless.services.store.devices import read_devices
from tokenless.services.store.schema import (
    callmanager_group,
    callmanager_group_member,
    device_pool,
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Format of date and time on the phones of a pool (their date/time group)."""

    time_zone: str = "UTC"
    date_template: str = "D/M/Y"


_UTC: Final = Clock()


@dataclass(frozen=True, slots=True)
class DevicePool:
    """Common settings of the phones of a pool."""

    id: int
    name: str
    group_name: str
    node_ids: tuple[int, ...]
    """Members of its CallManager group, in order of priority."""
    is_default: bool
    model: str
    clock: Clock = _UTC


def add_group(connection: Connection, name: str, node_ids: Sequence[int]) -> int:
    """Add a CallManager group; return its id."""
    group_id = connection.scalar(
        insert(callmanager_group).values(name=name).returning(callmanager_group.c.id)
    )
    _add_members(connection, int(group_id or 0), node_ids)
    return int(group_id or 0)


def read_groups(connection: Connection) -> dict[str, tuple[int, ...]]:
    """Return the nodes of each CallManager group, in order of priority."""
    members: dict[str, list[int]] = {
        name: []
        for name in connection.scalars(
            select(callmanager_group.c.name).order_by(callmanager_group.c.id)
        )
    }
    for row in connection.execute(
        select(callmanager_group.c.name, callmanager_group_member.c.node_id)
        .join(callmanager_group_member)
        .order_by(callmanager_group_member.c.priority)
    ):
        members[row.name].append(row.node_id)
    return {name: tuple(ids) for name, ids in members.items()}


def write_group(connection: Connection, name: str, node_ids: Sequence[int]) -> None:
    """Give a CallManager group its members; make it when there is none."""
    group_id = _id_of(connection, callmanager_group, name)
    if group_id is None:
        add_group(connection, name, node_ids)
        return
    member = callmanager_group_member
    connection.execute(delete(member).where(member.c.group_id == group_id))
    _add_members(connection, group_id, node_ids)


def _add_members(
    connection: Connection, group_id: int, node_ids: Sequence[int]
) -> None:
    for priority, node_id in enumerate(node_ids):
        connection.execute(
            insert(callmanager_group_member).values(
                group_id=group_id, priority=priority, node_id=node_id
            )
        )


def _id_of(connection: Connection, table: Table, name: str) -> int | None:
    found: int | None = connection.scalar(
        select(table.c.id).where(table.c.name == name)
    )
    return found


def write_pool(
    connection: Connection,
    name: str,
    group: str,
    model: str,
    *,
    is_default: bool,
    clock: Clock,
) -> None:
    """Give a device pool its settings; make it when there is none.

    Raises:
        ServiceError: When there is no such group.
    """
    group_id = _id_of(connection, callmanager_group, group)
    if group_id is None:
        raise ServiceError(f"there is no CallManager group {group}", hint="make it")
    if is_default:  # there is one
        connection.execute(update(device_pool).values(is_default=False))
    pool_id = _id_of(connection, device_pool, name)
    if pool_id is None:
        add_pool(connection, name, group_id, model, is_default=is_default, clock=clock)
        return
    connection.execute(
        update(device_pool)
        .where(device_pool.c.id == pool_id)
        .values(
            group_id=group_id,
            model=model,
            is_default=is_default,
            time_zone=clock.time_zone,
            date_template=clock.date_template,
        )
    )


def remove_group(connection: Connection, name: str) -> None:
    """Forget a CallManager group.

    Raises:
        ServiceError: When a device pool has it.
    """
    users = [each.name for each in read_pools(connection) if each.group_name == name]
    if users:
        raise ServiceError(
            f"group {name} is that of pool {', '.join(users)}",
            hint="give the pool another group first",
        )
    group_id = _id_of(connection, callmanager_group, name)
    member = callmanager_group_member
    connection.execute(delete(member).where(member.c.group_id == group_id))
    connection.execute(
        delete(callmanager_group).where(callmanager_group.c.id == group_id)
    )


def remove_pool(connection: Connection, name: str) -> None:
    """Forget a device pool.

    Raises:
        ServiceError: When it is the default one, or devices are in it.
    """
    used = any(each.pool == name for each in read_devices(connection))
    (pool,) = [each for each in read_pools(connection) if each.name == name]
    if used or pool.is_default:
        raise ServiceError(
            f"pool {name} {'has devices' if used else 'is the default one'}",
            hint="move its devices, and make another pool the default one",
        )
    connection.execute(delete(device_pool).where(device_pool.c.id == pool.id))


def add_pool(
    connection: Connection,
    name: str,
    group_id: int,
    model: str,
    *,
    is_default: bool,
    clock: Clock = _UTC,
) -> int:
    """Add a device pool; return its id."""
    return int(
        connection.scalar(
            insert(device_pool)
            .values(
                name=name,
                group_id=group_id,
                model=model,
                is_default=is_default,
                time_zone=clock.time_zone,
                date_template=clock.date_template,
            )
            .returning(device_pool.c.id)
        )
        or 0
    )


_MEMBERS: Final = select(callmanager_group_member).order_by(
    callmanager_group_member.c.priority
)
_POOLS: Final = (
    select(device_pool, callmanager_group.c.name.label("group_name"))
    .join(callmanager_group)
    .order_by(device_pool.c.id)
)


def read_pools(connection: Connection) -> list[DevicePool]:
    """Return all device pools with their groups' members."""
    members: dict[int, list[int]] = {}
    for row in connection.execute(_MEMBERS):
        members.setdefault(row.group_id, []).append(row.node_id)
    rows = connection.execute(_POOLS)
    return [
        DevicePool(
            row.id,
            row.name,
            row.group_name,
            tuple(members.get(row.group_id, ())),
            row.is_default,
            row.model,
            Clock(row.time_zone, row.date_template),
        )
        for row in rows
    ]
