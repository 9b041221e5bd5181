"""The stage of a rehearsal: clusters in a scratch folder, served on free ports."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Final, assert_never

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.rig.admin_actions import Office
from tokenless.phone_emulator.rehearsal.rig.cluster import Site, open_site, site_of
from tokenless.phone_emulator.rehearsal.rig.cluster_facts import ClusterFacts, NodeView
from tokenless.phone_emulator.rehearsal.rig.phone_groups import Cast, Progress
from tokenless.phone_emulator.rehearsal.rig.prospects import Prospect
from tokenless.phone_emulator.rehearsal.rig.service_log import LogTap, tapped_log
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Action,
    AddNode,
    NodePower,
    OfficeAction,
    PassTime,
    Phones,
    PhoneVerb,
    RemoveNode,
    RenameNode,
)
from tokenless.phone_emulator.rehearsal.scripts.permitted import check_address
from tokenless.phone_emulator.rehearsal.scripts.script import (
    MAIN_CLUSTER,
    Script,
    check_script,
    sizes,
)
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.changes.hostname import set_hostname
from tokenless.services.changes.membership import add_node, remove_node
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


class Stage:
    """Served clusters, their administrator's office, and the phones."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        cast: Cast,
        office: Office,
        calendar: Calendar,
    ) -> None:
        self.cast = cast
        self._sites = sites
        self._office = office
        self._calendar = calendar

    async def perform(self, action: Action, say: Say, progress: Progress) -> None:
        """Do what one line of a step says.

        Raises:
            TokenlessError: When it is refused or fails; says why.
        """
        if not isinstance(action, Phones):
            self.cast.note_change()
        match action:
            case Phones():
                await self._phones(action, progress)
            case NodePower(node=name, up=up):
                served = site_of(self._sites, name).served
                await (served.start(name) if up else served.stop(name))
            case RenameNode():
                await self._rename(action, say)
            case AddNode():
                await self._add(action, say)
            case RemoveNode():
                await self._remove(action, say)
            case PassTime(days=days):
                self._calendar.pass_days(days)
                say(f"{days:g} days later")
            case _:
                await self._at_the_desk(action, say)

    async def _at_the_desk(self, action: OfficeAction, say: Say) -> None:
        def is_up(name: str) -> bool:
            return any(site.served.is_up(name) for site in self._sites.values())

        # Commands wait for nodes that are served by this very process.
        await trio.to_thread.run_sync(self._office.perform, action, say, is_up)

    async def _rename(self, action: RenameNode, say: Say) -> None:
        site = site_of(self._sites, action.node)
        cluster = site.cluster

        def rename() -> None:
            node = cluster.node(action.node)
            set_hostname(cluster, node, action.new, by=_BY)
            announce(cluster)

        await trio.to_thread.run_sync(rename)
        site.rename(action.node, action.new)
        self.cast.nodes.update(site.servers)
        say(f"{action.node} is {action.new} now; its certificates were made anew")

    async def _add(self, action: AddNode, say: Say) -> None:
        site = next(iter(self._sites.values()))
        cluster = site.cluster
        check_address(action.address)

        def add() -> None:
            add_node(cluster, action.node, action.address, by=_BY)
            announce(cluster)

        await trio.to_thread.run_sync(add)
        await site.add(action.node)
        self.cast.nodes.update(site.servers)
        say(f"{action.node} ({action.address}) has joined cluster {site.name}")

    async def _remove(self, action: RemoveNode, say: Say) -> None:
        site = site_of(self._sites, action.node)
        cluster = site.cluster

        def remove() -> None:
            remove_node(cluster, cluster.node(action.node), by=_BY)
            announce(cluster)

        await site.remove(action.node)
        await trio.to_thread.run_sync(remove)
        say(f"{action.node} has left cluster {site.name}")

    async def prospects(self) -> dict[str, Prospect]:
        """Find out what phones that wait would do if they started now, by device."""
        up = {
            name
            for site in self._sites.values()
            for name in site.servers
            if site.served.is_up(name)
        }
        return await self.cast.prospects(up)

    async def registrations(self) -> dict[str, RegistrationReport]:
        """Find out where and how phones that are on are registered now, by device."""
        ports = await trio.to_thread.run_sync(
            lambda: {
                node.address: node.ports["sccps"]
                for site in self._sites.values()
                for node in site.cluster.nodes
                if "sccps" in node.ports
            }
        )
        return await self.cast.registrations(SecurePorts(by_address=ports))

    async def nodes(self) -> tuple[NodeView, ...]:
        """Look at every node's files."""
        return await trio.to_thread.run_sync(
            lambda: tuple(
                view for site in self._sites.values() for view in site.nodes()
            )
        )

    async def facts(self) -> tuple[ClusterFacts, ...]:
        """Find out what every cluster can do now."""
        return await trio.to_thread.run_sync(
            lambda: tuple(site.facts() for site in self._sites.values())
        )

    async def _phones(self, action: Phones, progress: Progress) -> None:
        cast = self.cast
        match action.verb:
            case PhoneVerb.BOOT:
                await cast.boot(action.groups, progress)
            case PhoneVerb.OFF | PhoneVerb.ON:
                cast.switch(action.groups, on=action.verb is PhoneVerb.ON)
            case PhoneVerb.DELETE_TRUST:
                cast.delete_trust(action.groups)
            case PhoneVerb.FACTORY_RESET:
                cast.factory_reset(action.groups)
            case PhoneVerb.MOVE:
                cast.move(action.groups, action.to)
            case _:
                assert_never(action.verb)


@asynccontextmanager
async def open_stage(script: Script, phones: int, folder: Path) -> AsyncIterator[Stage]:
    """Build a script's clusters in an empty folder, serve them, set up the phones.

    While the stage is open, the services of this process log into the folder.

    Raises:
        ConfigurationError: When the script's settings cannot be used.
        ServiceError: When a cluster cannot be made or served.
        PhoneError: When the script's phones do not fit its clusters.
    """
    calendar = Calendar()
    with tapped_log(folder) as tap, ExitStack() as stack:
        store = stack.enter_context(closing(FleetStore.open(folder / "phones")))
        async with trio.open_nursery() as nursery:
            sites = _open_sites(script, folder, nursery, calendar, stack)
            for site in sites.values():
                await site.start()
            cast = _cast(script, phones, sites, store=store, tap=tap, calendar=calendar)
            clusters = {name: site.cluster for name, site in sites.items()}
            files = folder / "files"
            files.mkdir()
            office = Office(clusters, next(iter(sites)), files)
            yield Stage(sites, cast, office, calendar)
            nursery.cancel_scope.cancel()


def _open_sites(
    script: Script,
    folder: Path,
    nursery: trio.Nursery,
    calendar: Calendar,
    stack: ExitStack,
) -> dict[str, Site]:
    check_script(script)  # what was not read from a file was not checked yet
    sites = {
        MAIN_CLUSTER: open_site(
            MAIN_CLUSTER,
            script.cluster,
            folder / "cluster",
            nursery,
            calendar,
            unserved=script.unserved,
        )
    }
    for name, settings in script.others.items():
        place = folder / f"cluster-{name}"
        sites[name] = open_site(name, settings, place, nursery, calendar)
    return {name: stack.enter_context(site) for name, site in sites.items()}


def _cast(
    script: Script,
    phones: int,
    sites: Mapping[str, Site],
    *,
    store: FleetStore,
    tap: LogTap,
    calendar: Calendar,
) -> Cast:
    nodes: dict[str, Server] = {}
    for site in sites.values():
        nodes.update(site.servers)
    return Cast(
        script.groups,
        sizes(script, phones),
        nodes,
        usual=list(sites[MAIN_CLUSTER].servers),
        store=store,
        tap=tap,
        clock=calendar,
    )
