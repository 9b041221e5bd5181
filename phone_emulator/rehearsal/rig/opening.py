"""Opens a rig: clusters in a scratch folder, served on free ports, and their phones."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Final

import trio

from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.rehearsal.rig.admin_actions import AdminActions
from tokenless.phone_emulator.rehearsal.rig.clusters.cluster import (
    RunningCluster,
    configuration,
    open_cluster,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.devices import place_in_pools
from tokenless.phone_emulator.rehearsal.rig.clusters.made import MadeClusters
from tokenless.phone_emulator.rehearsal.rig.phones.copies import PhoneCopies
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.resets import AutomaticResets
from tokenless.phone_emulator.rehearsal.rig.rig import Calendar, RehearsalRig
from tokenless.phone_emulator.rehearsal.rig.service_log import LogTap, tapped_log
from tokenless.phone_emulator.rehearsal.scripts.script import (
    MAIN_CLUSTER,
    Script,
    sizes,
)
from tokenless.phone_emulator.rehearsal.scripts.script_files import check_script
from tokenless.phone_emulator.secd.events import Server

MANUFACTURER: Final = "manufacturer"
"""The folder of the manufacturer of phones that all clusters trust."""


@asynccontextmanager
async def open_rig(
    script: Script,
    phones: int,
    folder: Path,
    *,
    seed: int = 0,
    made: MadeClusters | None = None,
) -> AsyncIterator[RehearsalRig]:
    """Build a script's clusters in an empty folder, serve them, set up the phones.

    While the rig is open, the services of this process log into the folder.

    Args:
        script: What is played.
        phones: How many, beside groups of a fixed size.
        folder: An empty one.
        seed: Of the moments at which phones boot that are reset by themselves.
        made: The clusters of earlier rehearsals, of which it may have a copy.

    Raises:
        ConfigurationError: When the script's settings cannot be used.
        ServiceError: When a cluster cannot be made or served.
        PhoneError: When the script's phones do not fit its clusters.
    """
    calendar = Calendar()
    with tapped_log(folder) as tap, ExitStack() as stack:
        store = stack.enter_context(closing(FleetStore.open(folder / "phones")))
        async with trio.open_nursery() as nursery:
            running = _open_clusters(script, folder, nursery, calendar, stack, made)
            for each in running.values():
                await each.start()
            groups = _phone_groups(
                script, phones, running, store, tap, calendar, folder / MANUFACTURER
            )
            await _prepare_phones(script, running[MAIN_CLUSTER], groups)
            copies = PhoneCopies(groups, tap=tap, clock=calendar)
            yield RehearsalRig(
                running,
                groups,
                copies,
                admin_actions=_admin_actions(running, folder / "files"),
                calendar=calendar,
                resets=AutomaticResets(groups, copies, seed),
            )
            nursery.cancel_scope.cancel()


def _open_clusters(  # noqa: PLR0917 - one caller
    script: Script,
    folder: Path,
    nursery: trio.Nursery,
    calendar: Calendar,
    stack: ExitStack,
    made: MadeClusters | None,
) -> dict[str, RunningCluster]:
    check_script(script)  # what was not read from a file was not checked yet
    manufacturer = folder / MANUFACTURER
    configs = {
        MAIN_CLUSTER: configuration(
            MAIN_CLUSTER, script.cluster, manufacturer, script.unserved
        )
    }
    for name, settings in script.others.items():
        configs[name] = configuration(name, settings, manufacturer)
    places = {
        name: folder / ("cluster" if name == MAIN_CLUSTER else f"cluster-{name}")
        for name in configs
    }
    if made is not None:
        wanted = {places[name]: config for name, config in configs.items()}
        made.make(script, folder, wanted, calendar)
    return {
        name: stack.enter_context(
            open_cluster(
                name,
                config,
                places[name],
                nursery,
                calendar,
                unserved=script.unserved if name == MAIN_CLUSTER else 0,
            )
        )
        for name, config in configs.items()
    }


def _phone_groups(  # noqa: PLR0917 - one caller
    script: Script,
    phones: int,
    running: Mapping[str, RunningCluster],
    store: FleetStore,
    tap: LogTap,
    calendar: Calendar,
    manufacturer: Path,
) -> PhoneGroups:
    nodes: dict[str, Server] = {}
    for each in running.values():
        nodes.update(each.servers)
    return PhoneGroups(
        script.groups,
        sizes(script, phones),
        nodes,
        usual=list(running[MAIN_CLUSTER].servers),
        store=store,
        tap=tap,
        clock=calendar,
        manufacturer=manufacturer,
    )


async def _prepare_phones(
    script: Script, main: RunningCluster, groups: PhoneGroups
) -> None:
    """Put devices into their pools, and MICs into phones."""
    await trio.to_thread.run_sync(
        place_in_pools, main.cluster, script.groups, groups.groups
    )
    for group in script.groups:
        if group.mic:
            await groups.make_mics(group.name)


def _admin_actions(running: Mapping[str, RunningCluster], files: Path) -> AdminActions:
    files.mkdir()
    clusters = {name: each.cluster for name, each in running.items()}
    return AdminActions(clusters, next(iter(running)), files)
