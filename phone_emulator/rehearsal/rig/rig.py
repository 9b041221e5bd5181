"""The rig of a rehearsal: performs the lines of a step, and what follows from them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.rig.admin_actions import AdminActions, runs_on
from tokenless.phone_emulator.rehearsal.rig.clusters.cluster import (
    RunningCluster,
    cluster_of,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.database_link import (
    ADMINISTRATOR,
    asked_by,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.devices import (
    AUTHENTICATION_STRING,
    change_devices,
    device_change,
    shows_certificates,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import ClusterFacts, NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.boots import Progress
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.rig.phones.copies import PhoneCopies
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Prospect
from tokenless.phone_emulator.rehearsal.rig.resets import AutomaticResets
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    AddNode,
    Admin,
    AdminAction,
    CallPhone,
    DatabasePower,
    LineAction,
    NodePower,
    OrderCapf,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
    SecureDevices,
    SetSetting,
)
from tokenless.phone_emulator.rehearsal.scripts.permitted import check_address
from tokenless.phone_emulator.rehearsal.scripts.switched_off import check_switched_on
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.membership import add_node, remove_node, set_hostname
from tokenless.services.node.control.announce import announce

_DAY_S: Final = 86_400
_BY: Final = "rehearsal"

Say = Callable[[str], None]
"""Is given what commands print."""


class Calendar:
    """The time of a rehearsal: the real one, and the days that were let pass."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return time.time() + self._ahead_s

    def pass_days(self, days: float) -> None:
        """Let days go by."""
        self._ahead_s += days * _DAY_S


class RehearsalRig:
    """Served clusters, their administrator, and the phones."""

    def __init__(
        self,
        running_clusters: Mapping[str, RunningCluster],
        phone_groups: PhoneGroups,
        copies: PhoneCopies,
        *,
        admin_actions: AdminActions,
        calendar: Calendar,
        resets: AutomaticResets,
    ) -> None:
        self.phone_groups = phone_groups
        self.resets = resets
        self.calls: list[PlayedCall] = []
        """Calls since the caller last emptied this."""
        self._running = running_clusters
        self._copies = copies
        self._admin_actions = admin_actions
        self._calendar = calendar

    def begin_step(self) -> None:
        """Forget what the step before has counted."""
        self.phone_groups.boots.booted.clear()
        self.phone_groups.boots.restarts = 0
        self.calls.clear()
        self.resets.races.clear()
        self.resets.unregistered = 0

    async def perform(
        self,
        action: LineAction,
        say: Say,
        progress: Progress,
        on_boot: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Carry out one line of a step, and its automatic consequences.

        Args:
            action: What the line says.
            say: Is given what is printed.
            progress: Called after each phone.
            on_boot: Is told how many phones are about to boot by themselves.

        Raises:
            TokenlessError: When it is refused or fails; says why.
        """
        off = [name for name, is_up in self.nodes_up.items() if not is_up]
        if off:
            check_switched_on(action, self._nodes_by_cluster, off)
        if not isinstance(action, Phones | CallPhone):
            self.phone_groups.note_change()
        for part in self._parts(action):
            try:
                await self._do(part, say, progress)
            finally:
                await self._follow(say, progress, on_boot)

    def _parts(self, action: LineAction) -> Sequence[LineAction]:
        """Return the commands on one node after the other; phones act in between."""
        if not isinstance(action, Admin) or not action.everywhere:
            return (action,)
        name = action.cluster or next(iter(self._running))
        if name not in self._running:
            return (action,)  # refused when it is carried out
        running = self._running[name]
        return [
            replace(action, node=node.name, cluster=name)
            for node in running.cluster.nodes
            if running.served.is_up(node.name) and runs_on(action.line, node.roles)
        ]

    async def _follow(
        self, say: Say, progress: Progress, on_boot: Callable[[int], None]
    ) -> None:
        """Let every cluster do what follows from a change."""
        for running in self._running.values():
            if running.served.pace.due:
                race = await self.resets.follow(
                    running, self.registrations, progress, on_boot
                )
                if race is not None:
                    say(str(race))

    async def _do(  # noqa: C901, PLR0912 - a case for each action
        self, action: LineAction, say: Say, progress: Progress
    ) -> None:
        match action:
            case Phones():
                await self._phones(action, progress)
            case CallPhone(caller=caller, called=called):
                ports = await self._secure_ports()
                played = await self._copies.call(caller, called, ports)
                self.calls.append(played)
                say(str(played))
            case NodePower(node=name, up=up):
                served = cluster_of(self._running, name).served
                await (served.start(name) if up else served.stop(name))
            case DatabasePower(node=node, up=up):
                running = next(iter(self._running.values()))
                running.database.switch(node, up=up)
                if up:  # nodes look again by themselves, in their own time
                    await trio.to_thread.run_sync(announce, running.cluster)
            case RenameNode():
                await self._rename(action, say)
            case AddNode():
                await self._add(action, say)
            case RemoveNode():
                await self._remove(action, say)
            case OrderCapf(group=group) | SecureDevices(group=group):
                if shows_certificates(action):
                    await self.phone_groups.make_mics(group)
                await self._change_devices(group, device_change(action), say)
            case SetSetting():
                await self._set(action, say)
            case PassTime(days=days):
                self._calendar.pass_days(days)
                say(f"{days:g} days later")
            case _:
                await self._administer(action, say)

    async def _administer(self, action: AdminAction, say: Say) -> None:
        if isinstance(action, Admin) and action.everywhere:
            say(f"[{action.node}]")
        # Commands wait for nodes that are served by this very process.
        with asked_by(ADMINISTRATOR):
            await trio.to_thread.run_sync(self._admin_actions.perform, action, say)

    async def _change_devices(self, group: str, change: DeviceChange, say: Say) -> None:
        phones = self.phone_groups.groups[group]
        say(
            await trio.to_thread.run_sync(change_devices, self._running, phones, change)
        )

    async def _set(self, action: SetSetting, say: Say) -> None:
        name = action.cluster or next(iter(self._running))
        self._running[name].set(action.key, action.value)
        say(f"{action.key} = {action.value}, from the next restart of the service on")

    async def _rename(self, action: RenameNode, say: Say) -> None:
        running = cluster_of(self._running, action.node)
        cluster = running.cluster

        def rename() -> None:
            node = cluster.node(action.node)
            set_hostname(cluster, node, action.new, by=_BY)
            announce(cluster)

        await trio.to_thread.run_sync(rename)
        running.rename(action.node, action.new)
        self.phone_groups.nodes.update(running.servers)
        say(
            f"{action.node} is now named {action.new}; its certificates were "
            "regenerated"
        )

    async def _add(self, action: AddNode, say: Say) -> None:
        running = next(iter(self._running.values()))
        cluster = running.cluster
        check_address(action.address)

        def add() -> None:
            add_node(cluster, action.node, action.address, by=_BY)
            announce(cluster)

        await trio.to_thread.run_sync(add)
        await running.add(action.node)
        self.phone_groups.nodes.update(running.servers)
        say(f"{action.node} ({action.address}) has joined cluster {running.name}")

    async def _remove(self, action: RemoveNode, say: Say) -> None:
        running = cluster_of(self._running, action.node)
        cluster = running.cluster

        def remove() -> None:
            remove_node(cluster, cluster.node(action.node), by=_BY)
            announce(cluster)

        await running.remove(action.node)
        await trio.to_thread.run_sync(remove)
        say(f"{action.node} has left cluster {running.name}")

    @property
    def nodes_up(self) -> dict[str, bool]:
        """The state of each node of the clusters, by name: True if it is up."""
        return {
            name: running.served.is_up(name)
            for running in self._running.values()
            for name in running.names
        }

    @property
    def _nodes_by_cluster(self) -> dict[str, tuple[str, ...]]:
        """The nodes that may be served, each cluster's publisher first."""
        return {
            name: (running.cluster.publisher.name, *running.names)
            for name, running in self._running.items()
        }

    @property
    def nodes_cut_off(self) -> tuple[str, ...]:
        """The nodes from which the database is away."""
        return tuple(
            name
            for running in self._running.values()
            for name in sorted(running.database.cut_off)
        )

    async def prospects(self) -> dict[str, Prospect]:
        """Find out what phones that wait would do if they started now, by device."""
        up = {name for name, is_up in self.nodes_up.items() if is_up}
        return await self._copies.prospects(up)

    async def registrations(self) -> dict[str, RegistrationReport]:
        """Find out where and how phones that are on are registered now, by device."""
        return await self._copies.registrations(await self._secure_ports())

    async def _secure_ports(self) -> SecurePorts:
        ports = await trio.to_thread.run_sync(
            lambda: {
                node.address: node.ports["sccps"]
                for running in self._running.values()
                for node in running.cluster.nodes
                if "sccps" in node.ports
            }
        )
        return SecurePorts(by_address=ports)

    async def nodes(self) -> tuple[NodeView, ...]:
        """Look at every node's files."""
        return await trio.to_thread.run_sync(
            lambda: tuple(
                view for running in self._running.values() for view in running.nodes()
            )
        )

    async def facts(self) -> tuple[ClusterFacts, ...]:
        """Find out what every cluster can do now."""
        return await trio.to_thread.run_sync(
            lambda: tuple(running.facts() for running in self._running.values())
        )

    async def _phones(self, action: Phones, progress: Progress) -> None:
        phone_groups = self.phone_groups
        match action.verb:
            case PhoneVerb.BOOT:
                await phone_groups.boot(action.groups, progress)
            case PhoneVerb.TYPE_STRING:
                await phone_groups.boot(
                    action.groups, progress, string=AUTHENTICATION_STRING
                )
            case PhoneVerb.OFF | PhoneVerb.ON:
                phone_groups.switch(action.groups, on=action.verb is PhoneVerb.ON)
            case PhoneVerb.DELETE_TRUST:
                phone_groups.delete_trust(action.groups)
            case PhoneVerb.FACTORY_RESET:
                phone_groups.factory_reset(action.groups)
            case PhoneVerb.MOVE:
                phone_groups.move(action.groups, action.to)
            case _:
                assert_never(action.verb)
