"""The TVS daemon as trio sees it: two tasks around the loop (decision 5)."""

import contextlib
import resource
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import structlog
import trio

from services.tvs.caches import Caches
from services.tvs.counters import COLLECTOR, TvsCounters
from services.tvs.listeners import Listener, open_listeners
from services.tvs.loop import TvsLoop
from services.tvs.responder import Responder
from services.tvs.settings import OwnCertificate, TvsLimits, TvsSettings
from services.tvs.tls import load_contexts

_SWEEP_EVERY_S: Final = 0.25
# Left to everything else in the process: databases, files, other services.
_DESCRIPTORS_FOR_OTHERS: Final = 256


class TvsServer:
    """Answers TVS requests from two caches until it is cancelled."""

    def __init__(
        self,
        caches: Caches,
        settings: TvsSettings,
        *,
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        self.caches = caches
        self.counters = TvsCounters()
        self._settings = settings
        unbound = structlog.get_logger() if log is None else log
        self._log = (
            unbound.bind(node=settings.node) if settings.node else unbound.bind()
        )
        self._contexts = load_contexts(settings, self._log)
        self._listeners: tuple[Listener, ...] = ()
        self._loop: TvsLoop | None = None

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
        return self._listeners[0].address

    @property
    def legacy_address(self) -> tuple[str, int] | None:
        """Where TLS 1.0 is spoken, once bound; None when it is not."""
        legacy = [each for each in self._listeners if each.is_legacy]
        return legacy[0].address if legacy else None

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; then say goodbye to all clients and stop listening.

        Raises:
            OSError: As `bind`, when it was not called before.
        """
        address = await self.bind()
        with self._running() as loop:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_sweep, loop)
                task_status.started(address)
                while True:
                    await trio.lowlevel.wait_readable(loop.fileno())
                    loop.turn()

    def reload_certificates(self, certificates: tuple[OwnCertificate, ...]) -> None:
        """Show other certificates to connections to come; open ones stay as they are.

        TLS sessions end with it: a client that resumes one does a full handshake.

        Raises:
            ServiceError: When one cannot be used; then nothing has changed.
        """
        settings = replace(self._settings, certificates=certificates)
        self._contexts = load_contexts(settings, self._log)
        self._settings = settings
        if self._loop is not None:
            self._loop.contexts = self._contexts

    @contextlib.contextmanager
    def _running(self) -> Iterator[TvsLoop]:
        node, counters = self._settings.node, self.counters
        self._loop = TvsLoop(
            self._listeners,
            self._contexts,
            Responder(self.caches, counters, self._log),
            limits=_within_descriptors(self._settings.limits),
            counters=counters,
            log=self._log,
        )
        COLLECTOR.watch(node, counters)
        try:
            yield self._loop
        finally:
            COLLECTOR.forget(node, counters)
            self._loop.close()
            self._loop, self._listeners = None, ()


async def _sweep(loop: TvsLoop) -> None:
    while True:
        await trio.sleep(_SWEEP_EVERY_S)
        loop.sweep()


def _within_descriptors(limits: TvsLimits) -> TvsLimits:
    """Raise the process's soft limit of open files, and stay below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return limits
    room = max(1, hard - _DESCRIPTORS_FOR_OTHERS)
    return replace(limits, connections=min(limits.connections, room))
