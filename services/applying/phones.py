"""Find what differs in CallManager groups, device pools and devices."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.services.applying.file import ConfigFile
from tokenless.services.applying.steps import Sign, Step
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import (
    Selection,
    list_devices,
    move_device,
    set_devices,
)
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig
from tokenless.services.config.cluster_sections import DevicePoolSection, DeviceSection
from tokenless.services.errors import ServiceError
from tokenless.services.store import device_pools as pool_rows
from tokenless.services.store import devices as rows
from tokenless.services.store.device_pools import Clock, DevicePool
from tokenless.services.store.devices import Device

_REMOVERS: Final = {
    "device": rows.remove_device,
    "pool": pool_rows.remove_pool,
    "group": pool_rows.remove_group,
}


def phone_steps(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    """Return the steps of groups, then pools, then devices."""
    yield from _groups(cluster, file.config)
    yield from _pools(cluster, file)
    yield from _devices(cluster, file)


def check_default_pool(cluster: Cluster, file: ConfigFile) -> None:
    """Look whether phones keep a default pool when unwanted pools are removed.

    Raises:
        ServiceError: When the file neither names the default one nor has another.
    """
    with cluster.store.read() as connection:
        pools = pool_rows.read_pools(connection)
    named = {each.name for each in file.config.device_pools}
    if any(each.default for each in file.config.device_pools):
        return
    for pool in pools:
        if pool.is_default and pool.name not in named:
            raise ServiceError(
                f"pool {pool.name} is the default one, and the file does not name it",
                hint="name it in the file, or give another pool `default = true`",
            )


def unwanted_phones(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    """Return the removal of devices, pools and groups that a file does not name."""
    config = file.config
    with cluster.store.read() as connection:
        devices = rows.read_devices(connection)
        pools = pool_rows.read_pools(connection)
        groups = pool_rows.read_groups(connection)
    named = {each.name for each in config.devices}
    for device in devices:
        if device.name not in named:
            do = partial(_remove, "device", device.name)
            yield Step(Sign.REMOVE, "device", device.name, device.model, do)
    named = {each.name for each in config.device_pools}
    for pool in pools:
        if pool.name not in named:
            do = partial(_remove, "pool", pool.name)
            yield Step(Sign.REMOVE, "pool", pool.name, pool.group_name, do)
    named = {each.name for each in config.callmanager_groups}
    for group in groups:
        if group not in named:
            do = partial(_remove, "group", group)
            yield Step(Sign.REMOVE, "group", group, "", do)


def _groups(cluster: Cluster, config: ClusterConfig) -> Iterator[Step]:
    names = {node.id: node.name for node in cluster.nodes}
    with cluster.store.read() as connection:
        known = pool_rows.read_groups(connection)
    for group in config.callmanager_groups:
        wanted = ", ".join(group.members)
        do = partial(_write_group, group.name, group.members)
        if group.name not in known:
            yield Step(Sign.ADD, "group", group.name, wanted, do)
            continue
        held = ", ".join(names[each] for each in known[group.name])
        if held.lower() != wanted.lower():
            yield Step(Sign.CHANGE, "group", group.name, f"{held} → {wanted}", do)


def _write_group(
    name: str, members: Sequence[str], cluster: Cluster, *, by: str
) -> None:
    ids = [cluster.node(member).id for member in members]
    detail = f"{name}: {', '.join(members)}"
    with cluster.store.change("set group", detail, by=by) as change:
        pool_rows.write_group(change.connection, name, ids)


def _pools(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    with cluster.store.read() as connection:
        known = {pool.name: pool for pool in pool_rows.read_pools(connection)}
    clocks: dict[str | None, Clock] = {
        each.name: Clock(each.time_zone, each.date_template)
        for each in file.config.date_time_groups
    }
    for number, wanted in enumerate(file.config.device_pools):
        pool = known.get(wanted.name)
        says = partial(file.says, "device_pools", number)
        model = wanted.model if pool is None or says("model") else pool.model
        clock = clocks.get(wanted.date_time_group, Clock())
        if pool is not None and not says("date_time_group"):
            clock = pool.clock
        do = partial(_write_pool, wanted, model, clock)
        if pool is None:
            said = f"{wanted.callmanager_group}, {wanted.model}"
            yield Step(Sign.ADD, "pool", wanted.name, said, do)
        elif changed := _pool_changes(pool, wanted, model, clock):
            yield Step(Sign.CHANGE, "pool", wanted.name, ", ".join(changed), do)


def _pool_changes(
    pool: DevicePool, wanted: DevicePoolSection, model: str, clock: Clock
) -> list[str]:
    pairs = (
        (pool.group_name, wanted.callmanager_group),
        (pool.model, model),
        (_default(pool.is_default), _default(wanted.default)),
        (_clock(pool.clock), _clock(clock)),
    )
    return [f"{old} → {new}" for old, new in pairs if old != new]


def _default(is_default: bool) -> str:
    return "default" if is_default else "not default"


def _clock(clock: Clock) -> str:
    return f"{clock.time_zone} {clock.date_template}"


def _write_pool(
    wanted: DevicePoolSection, model: str, clock: Clock, cluster: Cluster, *, by: str
) -> None:
    with cluster.store.change("set pool", wanted.name, by=by) as change:
        pool_rows.write_pool(
            change.connection,
            wanted.name,
            wanted.callmanager_group,
            model,
            is_default=wanted.default,
            clock=clock,
        )


def _devices(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    known = {device.name: device for device in list_devices(cluster)}
    for number, wanted in enumerate(file.config.devices):
        device = known.get(wanted.name)
        if device is None:
            yield _new_device(wanted)
            continue
        says = partial(file.says, "devices", number)
        model = wanted.model if says("model") else device.model
        mode = device.security_mode
        if says("security_mode"):
            mode = DeviceSecurity(wanted.security_mode)
        if changed := _device_changes(device, wanted.device_pool, model, mode):
            do = partial(
                move_device,
                name=device.name,
                pool=wanted.device_pool,
                model=model,
                mode=mode,
            )
            yield Step(Sign.CHANGE, "device", device.name, ", ".join(changed), do)


def _new_device(wanted: DeviceSection) -> Step:
    mode, pool = DeviceSecurity(wanted.security_mode), wanted.device_pool
    change = DeviceChange(model=wanted.model, pool=pool, security_mode=mode)
    chosen = Selection((wanted.name,))
    said = f"{wanted.model}, {pool}, {mode.words}"
    do = partial(set_devices, selection=chosen, change=change)
    return Step(Sign.ADD, "device", wanted.name, said, do)


def _device_changes(
    device: Device, pool: str, model: str, mode: DeviceSecurity
) -> list[str]:
    pairs = (
        (device.pool, pool),
        (device.model, model),
        (device.security_mode.words, mode.words),
    )
    return [f"{old} → {new}" for old, new in pairs if old != new]


def _remove(kind: str, name: str, cluster: Cluster, *, by: str) -> None:
    with cluster.store.change(f"remove {kind}", name, by=by) as change:
        _REMOVERS[kind](change.connection, name)
