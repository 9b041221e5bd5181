"""Server-sent events: pages that are open hear of every change of the cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio
from starlette.types import Receive, Send

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.events import (
    encode_event,
    send_end,
    send_part,
    send_start,
    until_left,
)
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import Status
from tokenless.services.store.registrations import registrations_mark

_LOOK_S: Final = 1.0
_BEAT_S: Final = 15.0
_STATUS_TIMEOUT_S: Final = 2.0
MAX_VIEWS: Final = 500


class LiveState:
    """Looks at the cluster while pages are open; wakes their tasks when it differs."""

    def __init__(self, cluster: Cluster, limiter: trio.CapacityLimiter) -> None:
        self._cluster = cluster
        self._limiter = limiter
        self._known: object = None
        self._watchers = 0
        self._someone = trio.Event()
        self._changed = trio.Event()
        self.number = 0

    async def follow(self) -> None:
        """Look until cancelled."""
        while True:
            await self._someone.wait()
            seen = await trio.to_thread.run_sync(self._look, limiter=self._limiter)
            if seen != self._known:
                self._known = seen
                self._wake()
            await trio.sleep(_LOOK_S)

    async def serve(
        self, receive: Receive, send: Send, *, goes_on: Callable[[], bool]
    ) -> None:
        """Send events to one browser until it leaves.

        Args:
            receive: Tells when the browser leaves.
            send: Sends to it.
            goes_on: Whether the session has not ended; asked before each event.
        """
        if self._watchers >= MAX_VIEWS:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await send_start(send)
        with self._watching():
            async with until_left(receive):
                while goes_on():
                    await send_part(send, encode_event("cluster", self.number))
                    changed = self._changed
                    with trio.move_on_after(_BEAT_S):
                        await changed.wait()
        await send_end(send)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        self._watchers += 1
        self._someone.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if self._watchers == 0:
                self._someone = trio.Event()

    def _wake(self) -> None:
        self.number += 1
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def _look(self) -> object:
        """Return what pages show that may change by itself."""
        try:
            revision = self._cluster.store.revision()
            with self._cluster.store.read() as connection:
                phones = registrations_mark(connection)
            nodes = self._cluster.nodes
        except ServiceError as error:
            return str(error)
        services = [_services(node.name, node.control_socket) for node in nodes]
        return revision, phones, tuple(services)


def _services(name: str, path: Path) -> tuple[tuple[object, ...], ...] | None:
    try:
        status = request(name, path, Status(), timeout_s=_STATUS_TIMEOUT_S)
    except ServiceError:
        return None
    # A server of an earlier version, which an upgrade has left running, says less.
    shown = ("name", "state", "activated", "started_at")
    return tuple(tuple(map(each.get, shown)) for each in status["services"])
