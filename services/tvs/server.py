"""The TVS daemon as the rest of the services see it, in one process or in several."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import structlog
import trio

from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.counters import COLLECTOR, TvsCounters
from tokenless.services.tvs.descriptors import within_descriptors
from tokenless.services.tvs.driver import drive
from tokenless.services.tvs.listeners import Listeners, close_listeners, open_listeners
from tokenless.services.tvs.loop import TvsLoop
from tokenless.services.tvs.responder import Responder
from tokenless.services.tvs.settings import OwnCertificate, TvsLimits, TvsSettings
from tokenless.services.tvs.tls import load_contexts, warn_of_weaknesses
from tokenless.services.tvs.workers import Workers


class TvsServer:
    """Answers TVS requests from two caches until it is cancelled.

    The caches may be replaced at any time; answers follow at once, or with several
    workers within a fraction of a second.
    """

    def __init__(
        self,
        caches: Caches,
        settings: TvsSettings,
        *,
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """Load the certificates.

        Raises:
            ServiceError: When there is none, or one cannot be used.
        """
        self.caches = caches
        self.counters = TvsCounters()
        """What it has counted; with several workers half a second old."""
        self._settings = settings
        unbound = structlog.get_logger() if log is None else log
        self._log = (
            unbound.bind(node=settings.node) if settings.node else unbound.bind()
        )
        self._contexts = load_contexts(settings)
        warn_of_weaknesses(settings, self._log)
        self._listeners: tuple[Listeners, ...] = ()
        self._running: TvsLoop | Workers | None = None

    async def bind(self) -> tuple[str, int]:
        """Listen; clients wait in the backlog until `serve` runs.

        Returns:
            The address and the port, also when port 0 was asked for.

        Raises:
            OSError: When the address is not ours or the port is in use.
        """
        await trio.lowlevel.checkpoint()
        if not self._listeners:
            self._listeners = open_listeners(self._settings)
        return self._listeners[0][0].address

    @property
    def legacy_address(self) -> tuple[str, int] | None:
        """Where TLS 1.0 is spoken, once bound; None when it is not."""
        if not self._listeners or self._settings.legacy is None:
            return None
        return self._listeners[0][1].address

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; then say goodbye to all clients and stop listening.

        Raises:
            OSError: As `bind`, when it was not called before.
            ServiceError: When the workers' process ends.
        """
        address = await self.bind()
        COLLECTOR.watch(self._settings.node, self.counters)
        try:
            if self._settings.workers > 1:
                await self._serve_by_workers(address, task_status)
            else:
                with self._loop() as self._running:
                    task_status.started(address)
                    await drive(self._running)
        finally:
            COLLECTOR.forget(self._settings.node, self.counters)
            self._running = None
            self.close()

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        if self._running is None:
            for listeners in self._listeners:
                close_listeners(listeners)
            self._listeners = ()

    def reload(
        self, certificates: tuple[OwnCertificate, ...], limits: TvsLimits
    ) -> None:
        """Show other certificates and keep to other limits; open connections stay.

        TLS sessions end with other certificates: a client that resumes one does a
        full handshake. So certificates that are the same are left alone.

        Raises:
            ServiceError: When one cannot be used; then nothing has changed.
        """
        settings = replace(self._settings, certificates=certificates, limits=limits)
        if settings == self._settings:
            return
        if certificates != self._settings.certificates:
            self._contexts = load_contexts(settings)
            warn_of_weaknesses(settings, self._log)
        self._settings = settings
        match self._running:
            case TvsLoop():
                self._running.contexts = self._contexts
                self._running.change_limits(within_descriptors(limits))
            case Workers():
                self._running.show(certificates, limits)
            case None:
                pass

    @contextlib.contextmanager
    def _loop(self) -> Iterator[TvsLoop]:
        loop = TvsLoop(
            self._listeners[0],
            self._contexts,
            Responder(self.caches, self.counters, self._log),
            limits=within_descriptors(self._settings.limits),
            counters=self.counters,
            log=self._log,
        )
        try:
            yield loop
        finally:
            loop.close()

    async def _serve_by_workers(
        self, address: tuple[str, int], task_status: trio.TaskStatus[tuple[str, int]]
    ) -> None:
        workers = Workers(self._settings, self._listeners, self.caches, self.counters)
        self._running = workers
        async with trio.open_nursery() as nursery:
            await nursery.start(workers.run)
            task_status.started(address)
