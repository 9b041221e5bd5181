"""The stage of a rehearsal: a cluster in a scratch folder, served on free ports."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from hashlib import md5, sha1
from pathlib import Path
from typing import Any, assert_never

import trio

from phone_emulator.fleet.store import FleetStore
from phone_emulator.rehearsal.actions import (
    Action,
    Admin,
    CreateToken,
    CtlClient,
    NodePower,
    Phones,
    PhoneVerb,
    UploadCertificate,
)
from phone_emulator.rehearsal.cast import Cast, Progress
from phone_emulator.rehearsal.expectations import NodeView
from phone_emulator.rehearsal.nodes import ServedNodes, free_port
from phone_emulator.rehearsal.office import Office
from phone_emulator.rehearsal.script import Script, sizes
from phone_emulator.secd.events import Server
from services.cluster.cluster import Cluster, Node
from services.config import ClusterConfig, load_config

Say = Callable[[str], None]
"""Is given what commands print."""


class Stage:
    """A served cluster, its administrator's office, and the phones."""

    def __init__(self, cluster: Cluster, served: ServedNodes, cast: Cast) -> None:
        self.cast = cast
        self._cluster = cluster
        self._served = served
        self._office = Office(cluster)

    async def perform(self, action: Action, say: Say, progress: Progress) -> None:
        """Do what one line of a step says.

        Raises:
            TokenlessError: When it is refused or fails; says why.
        """
        match action:
            case Phones():
                await self._phones(action, progress)
            case NodePower(node=name, up=True):
                await self._served.start(name)
            case NodePower(node=name):
                await self._served.stop(name)
            case Admin() | CtlClient() | CreateToken() | UploadCertificate():
                # Commands wait for nodes that are served by this very process.
                await trio.to_thread.run_sync(self._office.perform, action, say)
            case _:
                assert_never(action)

    async def nodes(self) -> tuple[NodeView, ...]:
        """Look at every node's CTL file."""
        nodes = await trio.to_thread.run_sync(lambda: self._cluster.nodes)
        return tuple(_view(node, up=self._served.is_up(node.name)) for node in nodes)

    async def _phones(self, action: Phones, progress: Progress) -> None:
        match action.verb:
            case PhoneVerb.BOOT:
                await self.cast.boot(action.groups, progress)
            case PhoneVerb.OFF | PhoneVerb.ON:
                self.cast.switch(action.groups, on=action.verb is PhoneVerb.ON)
            case PhoneVerb.DELETE_TRUST:
                self.cast.delete_trust(action.groups)
            case PhoneVerb.FACTORY_RESET:
                self.cast.factory_reset(action.groups)


@asynccontextmanager
async def open_stage(script: Script, phones: int, folder: Path) -> AsyncIterator[Stage]:
    """Build a script's cluster in an empty folder, serve it, and set up its phones.

    Raises:
        ConfigurationError: When the script's settings cannot be used.
        ServiceError: When the cluster cannot be made or served.
        PhoneError: When the script's phones do not fit its cluster.
    """
    config = _configuration(script)
    cluster = await trio.to_thread.run_sync(Cluster.open, folder / "cluster", config)
    with (
        closing(cluster),
        closing(FleetStore.open(folder / "phones")) as store,
    ):
        servers = {
            node.name: Server(node.address, config.tftp.port) for node in config.nodes
        }
        cast = Cast(script.groups, sizes(script, phones), servers, store)
        async with trio.open_nursery() as nursery:
            served = ServedNodes(cluster, nursery)
            for node in config.nodes:
                await served.start(node.name)
            yield Stage(cluster, served, cast)
            nursery.cancel_scope.cancel()


def _configuration(script: Script) -> ClusterConfig:
    """Lay the script's settings over the lab's, on ports that are free now."""
    settings: Mapping[str, Any] = script.cluster
    addresses = [node.address for node in load_config(None, settings).nodes]
    ports = {
        "tftp": {"port": free_port(socket.SOCK_DGRAM, addresses)},
        "tvs": {"port": free_port(socket.SOCK_STREAM, addresses)},
    }
    return load_config(None, _merged(settings, ports))


def _merged(settings: Mapping[str, Any], ports: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings, **{k: {**settings.get(k, {}), **v} for k, v in ports.items()}}


def _view(node: Node, *, up: bool) -> NodeView:
    try:
        ctl = node.ctl_file.read_bytes()
    except FileNotFoundError:
        return NodeView(node.name, None, None, None, is_up=up)
    return NodeView(
        node.name,
        ctl,
        md5(ctl, usedforsecurity=False).hexdigest(),
        sha1(ctl, usedforsecurity=False).hexdigest(),
        is_up=up,
    )
