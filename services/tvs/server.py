"""The TVS daemon as the rest of the services see it."""

from dataclasses import replace
from functools import partial

import structlog
import trio

from tokenless.services.stream_server.server import StreamServer, WorkersGuest
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.counters import COLLECTOR, TvsCount
from tokenless.services.tvs.guest import CachesState, TvsGuest
from tokenless.services.tvs.settings import TvsSettings


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
        self._settings = settings
        self._server = StreamServer(
            settings.for_streams(),
            partial(TvsGuest, caches),
            guest_cells=len(TvsCount),
            in_workers=WorkersGuest(
                "tokenless.services.tvs.guest:make_worker_guest", CachesState(caches)
            ),
            collector=COLLECTOR,
            log=log,
        )
        self.counters = self._server.counters
        """What it has counted, in all its processes."""

    async def bind(self) -> tuple[str, int]:
        """Listen; clients wait in the backlog until `serve` runs.

        Returns:
            The address and the port, also when port 0 was asked for.

        Raises:
            ServiceError: When the address is not ours or the port is in use.
        """
        return (await self._server.bind())[0]

    @property
    def legacy_address(self) -> tuple[str, int] | None:
        """Address of the TLS 1.0 listener, once bound; None when there is none."""
        addresses = self._server.addresses
        return addresses[1] if len(addresses) > 1 else None

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; then say goodbye to all clients and stop listening.

        Raises:
            ServiceError: As `bind`, when it was not called before, or when the process
                of the workers ends.
        """
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(self._server.serve)
            task_status.started(addresses[0])

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        self._server.close()

    def reload(self, settings: TvsSettings) -> None:
        """Take certificates, limits and TLS versions; open connections stay.

        Everything else stays as it is.

        Raises:
            ServiceError: When a certificate cannot be used; then nothing has changed.
        """
        settings = replace(
            self._settings,
            certificates=settings.certificates,
            minimum_tls=settings.minimum_tls,
            newest_tls=settings.newest_tls,
            limits=settings.limits,
        )
        self._server.reload(settings.for_streams())
        self._settings = settings
