"""The TFTP server as the rest of the services see it."""

from typing import Final

import structlog
import trio
from msgspec.structs import replace

from tokenless.protocol.tftp.packets import packet_types
from tokenless.services.listening import inherited_socket, raise_descriptor_limit
from tokenless.services.tftp.counters import TftpCounters
from tokenless.services.tftp.driver import drive
from tokenless.services.tftp.engine import Engine
from tokenless.services.tftp.files.source import FileSource
from tokenless.services.tftp.settings import TftpSettings
from tokenless.services.tftp.sockets.listener import (
    Listener,
    open_listener,
    warn_of_small_buffer,
)

_DRAIN_LOOKS_EVERY_S: Final = 0.05


class TftpServer:
    """Serves the files of a source on one address."""

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
        self.counters = TftpCounters()
        self._listener: Listener | None = None
        self._running: Engine | None = None

    @property
    def source(self) -> FileSource:
        """Source of files; replacing it does not affect running transfers."""
        return self._source

    @source.setter
    def source(self, source: FileSource) -> None:
        self._source = source
        if self._running is not None:
            self._running.replace_source(source)

    def change_settings(self, settings: TftpSettings) -> None:
        """Behave otherwise from the next request on; no transfer is touched.

        The socket stays: `ports` and `receive_buffer_bytes` remain what they were.
        """
        changed = replace(
            settings,
            ports=self._settings.ports,
            receive_buffer_bytes=self._settings.receive_buffer_bytes,
        )
        if changed == self._settings:
            return
        self._settings = changed
        if self._running is not None:
            self._running.change_settings(self._settings)

    async def bind(self) -> tuple[str, int]:
        """Bind the socket; requests wait in its buffer until `serve`.

        Raises:
            ServiceError: When the address or the port cannot be had.
        """
        await trio.lowlevel.checkpoint()
        listener = self._listener
        if listener is None:
            size = self._settings.receive_buffer_bytes
            bound = inherited_socket(self._address, self._port)
            if bound is None:
                bound = open_listener(self._address, self._port, size)
            warn_of_small_buffer(bound, size, self._log.warning)
            listener = self._listener = Listener(bound)
        return listener.address, listener.port

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
        assert self._listener is not None  # noqa: S101 (bind has made it)
        packet_types()
        raise_descriptor_limit()
        engine = Engine(
            self._listener, self._source, self._settings, self.counters, self._log
        )
        self._running = engine
        try:
            task_status.started(where)
            await drive(engine)
        finally:
            engine.close(trio.current_time())
            self._running = None
            self.close()

    async def drain(self, timeout_s: float = 3.0) -> None:
        """Take no more requests and wait for the transfers under way, at most so long.

        `serve` goes on until it is cancelled.
        """
        if self._running is not None:
            self._running.drain()
        deadline = trio.current_time() + timeout_s
        # The engine knows no trio: there is no event to wait for.
        while self.counters.under_way and trio.current_time() < deadline:  # noqa: ASYNC110
            await trio.sleep(_DRAIN_LOOKS_EVERY_S)

    def close(self) -> None:
        """Close the socket of a server that was bound and is not serving."""
        if self._listener is not None:
            self._listener.socket.close()
            self._listener = None
