"""The TFTP server as the rest of the services see it."""

import socket
from dataclasses import replace
from typing import Final

import structlog
import trio

from tokenless.services.errors import ServiceError
from tokenless.services.tftp.activation import inherited_socket
from tokenless.services.tftp.counters import TftpCounters
from tokenless.services.tftp.driver import drive
from tokenless.services.tftp.engine import Engine
from tokenless.services.tftp.listener import Listener
from tokenless.services.tftp.ports import DESCRIPTORS_A_PORT
from tokenless.services.tftp.settings import TftpSettings
from tokenless.services.tftp.sockets import (
    open_listener,
    raise_descriptor_limit,
    warn_of_small_buffer,
)
from tokenless.services.tftp.source import FileSource
from tokenless.services.tftp.workers import Workers

_SPARE_DESCRIPTORS: Final = 1024
"""For the other services of the process."""
_DRAIN_LOOKS_EVERY_S: Final = 0.05


class TftpServer:
    """Serves the files of a source on one address.

    With `settings.workers` above one the work is done in processes of their own, which
    hold the source as it was when it was set (see `services.tftp.workers`).
    """

    def __init__(
        self,
        source: FileSource,
        *,
        address: str,
        port: int = 69,
        settings: TftpSettings | None = None,
        logger: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        self._source = source
        self._address = address
        self._port = port
        self._settings = TftpSettings() if settings is None else settings
        self._log = structlog.get_logger() if logger is None else logger
        self.counters = TftpCounters(self._settings.workers)
        self._listeners: list[Listener] = []
        self._running: Engine | Workers | None = None

    @property
    def source(self) -> FileSource:
        """Where files come from; replacing it touches no transfer under way."""
        return self._source

    @source.setter
    def source(self, source: FileSource) -> None:
        self._source = source
        if self._running is not None:
            self._running.replace_source(source)

    def change_settings(self, settings: TftpSettings) -> None:
        """Behave otherwise from the next request on; no transfer is touched.

        The sockets stay: `ports`, `workers` and `receive_buffer_bytes` remain what
        they were.
        """
        changed = replace(
            settings,
            ports=self._settings.ports,
            workers=self._settings.workers,
            receive_buffer_bytes=self._settings.receive_buffer_bytes,
        )
        if changed == self._settings:
            return
        self._settings = changed
        if self._running is not None:
            _make_room(self._settings)
            self._running.change_settings(self._settings)

    async def bind(self) -> tuple[str, int]:
        """Bind the socket; requests wait in its buffer until `serve`.

        Raises:
            ServiceError: When the address or the port cannot be had.
        """
        await trio.lowlevel.checkpoint()
        if not self._listeners:
            try:
                self._open_listeners()
            except BaseException:
                self.close()
                raise
        first = self._listeners[0]
        return first.address, first.port

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled.

        Raises:
            ServiceError: When the address or the port cannot be had.
        """
        where = await self.bind()
        _make_room(self._settings)
        try:
            if self._settings.workers == 1:
                await self._serve_here(where, task_status)
            else:
                await self._serve_in_workers(where, task_status)
        finally:
            self._running = None
            self.close()

    async def drain(self, timeout_s: float = 3.0) -> None:
        """Take no more requests and wait for the transfers under way, at most so long.

        `serve` goes on until it is cancelled.
        """
        if self._running is not None:
            self._running.drain()
        deadline = trio.current_time() + timeout_s
        # Workers end transfers in other processes; there is no event to wait for.
        while self.counters.under_way and trio.current_time() < deadline:  # noqa: ASYNC110
            await trio.sleep(_DRAIN_LOOKS_EVERY_S)

    def close(self) -> None:
        """Close the sockets of a server that was bound and is not serving."""
        while self._listeners:
            self._listeners.pop().socket.close()

    def _open_listeners(self) -> None:
        """Bind as many sockets to the one port as there are workers."""
        size, count = self._settings.receive_buffer_bytes, self._settings.workers
        port = self._port
        given = inherited_socket(self._address, port)
        if given is not None:
            self._take_given(given)
        elif port and count > 1:
            # Sockets that share a port do not notice a stranger that shares it, too.
            open_listener(self._address, port, size).close()
        while len(self._listeners) < count:
            bound = open_listener(self._address, port, size, shared=count > 1)
            self._listeners.append(Listener(bound))
            port = self._listeners[0].port
        warn_of_small_buffer(self._listeners[0].socket, size, self._log.warning)

    def _take_given(self, given: socket.socket) -> None:
        if self._settings.workers > 1:
            given.close()
            raise ServiceError(
                "a socket unit hands over one socket, and several workers need several",
                hint="set [tftp] workers = 1, or serve without the socket unit",
            )
        self._listeners.append(Listener(given))

    async def _serve_here(
        self, where: tuple[str, int], task_status: trio.TaskStatus[tuple[str, int]]
    ) -> None:
        engine = Engine(
            self._listeners[0],
            self._source,
            self._settings,
            self.counters.row(),
            self._log,
        )
        self._running = engine
        task_status.started(where)
        try:
            await drive(engine)
        finally:
            engine.close(trio.current_time())

    async def _serve_in_workers(
        self, where: tuple[str, int], task_status: trio.TaskStatus[tuple[str, int]]
    ) -> None:
        workers = Workers(self._listeners, self._settings, self.counters, self._log)
        self._running = workers
        workers.replace_source(self._source)
        task_status.started(where)
        try:
            await workers.supervise()
        finally:
            workers.close()


def _make_room(settings: TftpSettings) -> None:
    raise_descriptor_limit(
        _SPARE_DESCRIPTORS + DESCRIPTORS_A_PORT * settings.max_transfers
    )
