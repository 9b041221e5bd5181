"""A cluster's nodes on their way up and down, each served by a task of its own."""

import socket
from collections.abc import Sequence
from functools import partial

import trio

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.rig.clusters.database_link import asked_by
from tokenless.phone_emulator.rehearsal.rig.clusters.race import HeldPace
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.free_ports import draw_ports
from tokenless.services.node.serve import serve_nodes


class ServedNodes:
    """The nodes that are up."""

    def __init__(self, cluster: Cluster, nursery: trio.Nursery) -> None:
        self._cluster = cluster
        self._nursery = nursery
        self.pace = HeldPace()
        """Holds up what nodes do by themselves after a change."""
        self._up: dict[str, tuple[trio.CancelScope, trio.Event]] = {}

    def is_up(self, name: str) -> bool:
        """Return whether a node is served."""
        return name in self._up

    async def start(self, name: str) -> None:
        """Serve a node; returns when it answers.

        Raises:
            PhoneError: When it is up already.
            ServiceError: When a port cannot be had.
        """
        if self.is_up(name):
            raise PhoneError(f"node {name} is already up", hint="remove the line")
        self._up[name] = await self._nursery.start(self._serve, name)

    async def stop(self, name: str) -> None:
        """Take a node down, as if its power were cut; returns when it is gone.

        Raises:
            PhoneError: When it is down already.
        """
        if not self.is_up(name):
            raise PhoneError(f"node {name} is already down", hint="remove the line")
        scope, gone = self._up.pop(name)
        scope.cancel()
        await gone.wait()

    def rename(self, old: str, new: str) -> None:
        """Follow a node to its new name; it goes on running."""
        if self.is_up(old):
            self._up[new] = self._up.pop(old)

    async def _serve(
        self,
        name: str,
        *,
        task_status: trio.TaskStatus[tuple[trio.CancelScope, trio.Event]],
    ) -> None:
        gone = trio.Event()
        try:
            with asked_by(name), trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    # The node's tasks and threads ask the database as this node.
                    serve = partial(serve_nodes, self._cluster, [name], pace=self.pace)
                    await nursery.start(serve)
                    task_status.started((scope, gone))
        finally:
            gone.set()


def http_port(server: Server) -> int:
    """Return where a node of a rehearsal serves HTTP: at the number of its TFTP port.

    Several clusters of one rehearsal share neither addresses nor ports, and 6970 may
    be another program's.
    """
    return server.port


def free_port(addresses: Sequence[str], *kinds: socket.SocketKind) -> int:
    """Find a port that is free on every address, for all kinds of sockets.

    All nodes of a cluster share one port number, and keep it when they come back, as
    phone configurations name it. It is none of the ports that the system assigns by
    itself, so that no other program gets it while a node is down.

    Raises:
        PhoneError: When none is found; another program holds nearly all.
    """
    for port in draw_ports():
        if all(_is_free(kind, each, port) for each in addresses for kind in kinds):
            return port
    raise PhoneError(
        f"no port is free on {', '.join(addresses)}", hint="close other programs"
    )


def _is_free(kind: socket.SocketKind, address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
