"""The TFTP server as the rest of the services see it."""

import structlog
import trio

from services.tftp.counters import TftpCounters
from services.tftp.engine import Engine
from services.tftp.journal import Journal
from services.tftp.listener import Listener
from services.tftp.reception import Reception
from services.tftp.settings import TftpSettings
from services.tftp.sockets import open_listener, warn_of_small_buffer
from services.tftp.source import FileSource
from services.tftp.table import TransferTable

_TURNS_BEFORE_OTHERS = 4


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
        self.counters = TftpCounters(self._settings.workers)
        self._listener: Listener | None = None
        self._reception: Reception | None = None

    @property
    def source(self) -> FileSource:
        """Where files come from; replacing it touches no transfer under way."""
        return self._source

    @source.setter
    def source(self, source: FileSource) -> None:
        self._source = source
        if self._reception is not None:
            self._reception.source = source

    async def bind(self) -> tuple[str, int]:
        """Bind the socket; requests wait in its buffer until `serve`.

        Raises:
            ServiceError: When the address or the port cannot be had.
        """
        await trio.lowlevel.checkpoint()
        if self._listener is None:
            size = self._settings.receive_buffer_bytes
            bound = open_listener(self._address, self._port, size)
            warn_of_small_buffer(bound, size, self._log.warning)
            self._listener = Listener(bound)
        return self._listener.address, self._listener.port

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
        listener = self._listener
        assert listener is not None
        settings = self._settings
        table = TransferTable(settings)
        row = self.counters.row()
        journal = Journal(self._log, settings.log_lines_per_s)
        reception = self._reception = Reception(
            self._source, settings, table, row, journal
        )
        engine = Engine(listener, reception, table, settings, row, journal)
        task_status.started(where)
        try:
            await self._run(engine)
        finally:
            engine.close(trio.current_time())
            listener.socket.close()
            self._listener = None

    async def _run(self, engine: Engine) -> None:
        turns = 0
        while True:
            now = trio.current_time()
            if now >= engine.next_at:
                engine.expire(now)
            if engine.turn(now):
                turns += 1
                if turns % _TURNS_BEFORE_OTHERS == 0:
                    await trio.lowlevel.checkpoint()
                continue
            with trio.move_on_at(engine.next_at):
                await trio.lowlevel.wait_readable(engine)
