"""A stream server as the rest of the services see it, in one process or in several."""

import socket
from dataclasses import dataclass, replace

import structlog
import trio

from tokenless.services.counters import ServerCollector
from tokenless.services.errors import ServiceError
from tokenless.services.listening import listen_tcp
from tokenless.services.shown_certificates import SHOWN, ShownCertificate
from tokenless.services.stream_server.counters import StreamCounters
from tokenless.services.stream_server.guest import GuestMaker
from tokenless.services.stream_server.loop.accepting import Listener
from tokenless.services.stream_server.loop.driver import drive
from tokenless.services.stream_server.loop.loop import StreamLoop
from tokenless.services.stream_server.settings import StreamSettings, within_descriptors
from tokenless.services.stream_server.tls_contexts import (
    load_contexts,
    warn_of_weaknesses,
)
from tokenless.services.stream_server.worker import StreamSetup, make_loop
from tokenless.services.workers.frames import Begin
from tokenless.services.workers.supervisor import StateSource, Workers


@dataclass(frozen=True, slots=True)
class WorkersGuest:
    """Description from which worker processes create the guest."""

    maker: str
    """`package.module:name` of a function that returns a `WorkerGuest`."""
    state: StateSource
    """The state from which it answers."""


class StreamServer:
    """Serves a guest on its ports until it is cancelled."""

    def __init__(
        self,
        settings: StreamSettings,
        make_guest: GuestMaker,
        *,
        guest_cells: int = 0,
        in_workers: WorkersGuest | None = None,
        collector: ServerCollector | None = None,
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """Load the certificates.

        Args:
            settings: Where to listen, and what clients may take.
            make_guest: Makes the guest, where one process serves.
            guest_cells: How much the guest counts.
            in_workers: The guest of worker processes; needed with `settings.workers`.
            collector: Exports the counts.
            log: Where lines go; standard error without it.

        Raises:
            ServiceError: When a certificate cannot be used.
        """
        if settings.workers > 1 and in_workers is None:
            raise ServiceError(
                f"{settings.name} runs in one process", hint="set workers = 1"
            )
        self.counters = StreamCounters(guest_cells, settings.workers)
        self._settings = settings
        self._make_guest = make_guest
        self._guest_cells = guest_cells
        self._in_workers = in_workers
        self._collector = collector
        unbound = structlog.get_logger() if log is None else log
        self._log = unbound.bind(node=settings.node) if settings.node else unbound
        self._contexts = load_contexts(settings)
        warn_of_weaknesses(settings, self._log)
        # One list a port, with one socket a worker.
        self._sockets: list[list[socket.socket]] = []
        self._running: StreamLoop | Workers | None = None
        self._shown: ShownCertificate | None = None

    async def bind(self) -> list[tuple[str, int]]:
        """Listen; clients wait in the backlog until `serve` runs.

        Returns:
            The address and the port of each of the ports, also when 0 was asked for.

        Raises:
            ServiceError: When an address is not ours or a port is in use.
        """
        await trio.lowlevel.checkpoint()
        if not self._sockets:
            settings = self._settings
            try:
                for port in settings.ports:
                    self._sockets.append(
                        listen_tcp(
                            settings.name, port.address, port.port, settings.workers
                        )
                    )
            except BaseException:
                self.close()
                raise
        return self.addresses

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Listening addresses, once bound."""
        return [Listener(each[0], 0).address for each in self._sockets]

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[list[tuple[str, int]]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; then say goodbye to all clients and stop listening.

        Raises:
            ServiceError: As `bind`, when it was not called before, or when the process
                of the workers ends.
        """
        addresses = await self.bind()
        if self._collector is not None:
            self._collector.watch(self._settings.node, self.counters)
        settings = self._settings
        try:
            with SHOWN.showing(
                settings.node, settings.name, settings.shown
            ) as self._shown:
                if settings.workers > 1:
                    await self._serve_by_workers(addresses, task_status)
                else:
                    await self._serve_here(addresses, task_status)
        finally:
            self._shown = None
            if self._collector is not None:
                self._collector.forget(self._settings.node, self.counters)
            self._running = None
            self.close()

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        if self._running is None:
            for sockets in self._sockets:
                for each in sockets:
                    each.close()
            self._sockets = []

    def reload(self, settings: StreamSettings) -> None:
        """Show other certificates and keep to other limits; open connections stay.

        Addresses, ports and the number of workers stay as they are. TLS sessions end
        with other certificates: a client that resumes one does a full handshake. So TLS
        settings that are the same are left alone.

        Raises:
            ServiceError: When a certificate cannot be used; then nothing has changed.
        """
        bound = self._settings
        ports = tuple(
            replace(new, address=old.address, port=old.port)
            for old, new in zip(bound.ports, settings.ports, strict=True)
        )
        settings = replace(settings, ports=ports, workers=bound.workers)
        if settings == bound:
            return
        if settings.ports != bound.ports:
            self._contexts = load_contexts(settings)
            warn_of_weaknesses(settings, self._log)
        self._settings = settings
        if self._shown is not None:
            self._shown.change(settings.shown)
        match self._running:
            case StreamLoop():
                self._running.change_contexts(self._contexts)
                self._running.change_limits(within_descriptors(settings.limits))
            case Workers():
                self._running.change_settings(self._setup().pack())
            case None:
                pass

    async def _serve_here(
        self,
        addresses: list[tuple[str, int]],
        task_status: trio.TaskStatus[list[tuple[str, int]]],
    ) -> None:
        listeners = [
            Listener(sockets[0], port) for port, sockets in enumerate(self._sockets)
        ]
        _, loop = make_loop(
            self._settings,
            listeners,
            self._contexts,
            self._make_guest,
            self.counters.row(),
            self._log,
        )
        self._running = loop
        try:
            task_status.started(addresses)
            await drive(loop)
        finally:
            loop.close()

    async def _serve_by_workers(
        self,
        addresses: list[tuple[str, int]],
        task_status: trio.TaskStatus[list[tuple[str, int]]],
    ) -> None:
        if self._in_workers is None or self.counters.descriptor is None:
            raise RuntimeError(
                "several workers need a guest of their own and shared counters"
            )
        by_worker = zip(*self._sockets, strict=True)
        begin = Begin(
            "tokenless.services.stream_server.worker:StreamJob",
            self._settings.name,
            self._settings.node,
            self._setup().pack(),
            tuple(tuple(each.fileno() for each in sockets) for sockets in by_worker),
        )
        self._running = workers = Workers(
            begin, self._in_workers.state, inherited=(self.counters.descriptor,)
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(workers.run)
            task_status.started(addresses)

    def _setup(self) -> StreamSetup:
        guest = "" if self._in_workers is None else self._in_workers.maker
        descriptor = self.counters.descriptor or 0
        return StreamSetup(self._settings, guest, self._guest_cells, descriptor)
