"""The HTTP server as the rest of the services see it."""

from dataclasses import replace

import structlog
import trio

from tokenless.services.http.counters import COLLECTOR, HttpCount
from tokenless.services.http.guest import HttpGuest
from tokenless.services.http.settings import CLEAR, SECURE, HttpSettings
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.tftp.files.source import FileSource


class HttpServer:
    """Serves the files of a source over HTTP and HTTPS until it is cancelled."""

    def __init__(
        self,
        source: FileSource,
        settings: HttpSettings,
        *,
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """Load the certificates.

        Raises:
            ServiceError: When one cannot be used.
        """
        self.source = source
        """The source of files; may be replaced at any time."""
        self._settings = settings
        self._guest: HttpGuest | None = None
        self._server = StreamServer(
            settings.for_streams(),
            self._make_guest,
            guest_cells=len(HttpCount),
            collector=COLLECTOR,
            log=log,
        )
        self.counters = self._server.counters
        """Its counters."""

    async def bind(self) -> list[tuple[str, int]]:
        """Listen; clients wait in the backlog until `serve` runs.

        Returns:
            The addresses of HTTP, HTTPS and, where there is one, its alias.

        Raises:
            ServiceError: When the address is not ours or a port is in use.
        """
        return await self._server.bind()

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Listening addresses, once bound: `http`, `https`, `https-alias`."""
        names = [port.name for port in self._settings.for_streams().ports]
        return dict(zip(names, self._server.addresses, strict=False))

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled.

        Raises:
            ServiceError: As `bind`, when it was not called before.
        """
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(self._server.serve)
            # The loop has made its guest by now.
            assert self._guest is not None  # noqa: S101
            guest = self._guest
            try:
                nursery.start_soon(_take_made, guest)
                nursery.start_soon(_take_loaded, guest)
                task_status.started(addresses[CLEAR])
                await trio.sleep_forever()
            finally:
                guest.close()

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        self._server.close()

    def reload(self, settings: HttpSettings) -> None:
        """Take other settings; open connections and ports stay.

        Raises:
            ServiceError: When a certificate cannot be used; then nothing has changed.
        """
        own = self._settings
        settings = replace(
            settings,
            address=own.address,
            port=own.port,
            tls_port=own.tls_port,
            alias_port=own.alias_port,
        )
        self._server.reload(settings.for_streams())
        self._settings = settings

    def _make_guest(self, tools: GuestTools) -> HttpGuest:
        self._guest = HttpGuest(
            lambda: self.source, lambda: self._settings.missing_ctl, tools
        )
        return self._guest


async def _take_made(guest: HttpGuest) -> None:
    while True:
        await trio.lowlevel.wait_readable(guest.pending_files.fileno())
        guest.take_made()


async def _take_loaded(guest: HttpGuest) -> None:
    while True:
        await trio.lowlevel.wait_readable(guest.loading.fileno())
        guest.take_loaded()


__all__ = ["CLEAR", "SECURE", "HttpServer"]
