"""Devices of a rehearsal's phones, as an administrator changes them; blocking."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.rig.clusters.cluster import RunningCluster
from tokenless.phone_emulator.rehearsal.scripts.actions import OrderCapf, SecureDevices
from tokenless.phone_emulator.rehearsal.scripts.script import Group
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.protocol.phones.device_security import CapfAuthMode, DeviceSecurity
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.control.announce import announce

_LSC_BITS: Final = 1024
"""Short keys are made in no time; nothing here depends on their length."""
AUTHENTICATION_STRING: Final = "471100"
_BY: Final = "rehearsal"
_BY_CERTIFICATE: Final = (CapfAuthMode.EXISTING_LSC, CapfAuthMode.EXISTING_MIC)


def device_change(action: OrderCapf | SecureDevices) -> DeviceChange:
    """Return what a line changes about devices."""
    if isinstance(action, SecureDevices):
        return DeviceChange(
            security_mode=action.mode, encrypts_config=action.encrypts_config
        )
    is_string = action.auth_mode is CapfAuthMode.STRING
    return DeviceChange(
        operation=action.operation,
        auth_mode=action.auth_mode,
        string=AUTHENTICATION_STRING if is_string else None,
        key_size=_LSC_BITS,
    )


def shows_certificates(action: OrderCapf | SecureDevices) -> bool:
    """Return whether the phones will show their own certificate, which needs a MIC."""
    if isinstance(action, SecureDevices):
        return action.mode is not DeviceSecurity.NON_SECURE
    return action.auth_mode in _BY_CERTIFICATE


def change_devices(
    running_clusters: Mapping[str, RunningCluster],
    phones: Sequence[PhoneIdentity],
    change: DeviceChange,
) -> str:
    """Change phones of one model in the cluster whose files they are given.

    Returns:
        What is said about it.

    Raises:
        ServiceError: When a device cannot be so.
    """
    first = phones[0].servers[0]
    cluster = next(
        running.cluster
        for running in running_clusters.values()
        if first in running.servers.values()
    )
    _change(cluster, phones, change)
    return f"{counted(len(phones), 'device')} changed: {change}"


def place_in_pools(
    cluster: Cluster,
    groups: Sequence[Group],
    phones: Mapping[str, Sequence[PhoneIdentity]],
) -> None:
    """Add the devices of groups that name a device pool.

    Raises:
        ServiceError: When a pool is none, or phones cannot have a device.
    """
    for group in groups:
        if group.pool is not None:
            _change(cluster, phones[group.name], DeviceChange(pool=group.pool))


def _change(
    cluster: Cluster, phones: Sequence[PhoneIdentity], change: DeviceChange
) -> None:
    names = Selection(tuple(phone.device for phone in phones))
    # Phones that registered by themselves are as they came.
    change = replace(change, model=phones[0].model_name)
    set_devices(cluster, names, change, by=_BY)
    announce(cluster)
