"""Accepting connections while the process has no descriptor left, from a reserve.

Floods of other services may take all that the limit of open files allows. Then a node
must still say how it is, and obey its administrator: a server that accepts by
`serve_reserved` holds some descriptors that are nothing but places, and gives one of
them back for each connection that would find none.
"""

import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import trio

_PLACES: Final = 2
"""For each server: each connection needs its own for milliseconds."""
_PAUSE_S: Final = 0.1
_USED_UP: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

Handler = Callable[[trio.SocketStream], Awaitable[None]]


async def serve_reserved(
    handler: Handler,
    listeners: Sequence[trio.SocketListener],
    *,
    task_status: trio.TaskStatus[
        Sequence[trio.SocketListener]
    ] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept connections until cancelled, as `trio.serve_listeners` does.

    Args:
        handler: Serves one connection, which is closed when it returns.
        listeners: Where clients connect; closed at the end.
        task_status: Is given the listeners when they are listened to.
    """
    async with trio.open_nursery() as nursery:
        for listener in listeners:
            nursery.start_soon(_serve_one, handler, listener, _Reserve())
        task_status.started(listeners)


async def _serve_one(
    handler: Handler, listener: trio.SocketListener, reserve: "_Reserve"
) -> None:
    try:
        async with listener, trio.open_nursery() as nursery:
            while True:
                stream = await _accepted(listener, reserve)
                nursery.start_soon(partial(_handle, handler, stream, reserve))
    finally:
        reserve.release()


async def _accepted(
    listener: trio.SocketListener, reserve: "_Reserve"
) -> trio.SocketStream:
    """Return the next connection, over a place of the reserve where there must be."""
    while True:
        try:
            return await listener.accept()
        except OSError as error:
            if error.errno not in _USED_UP:
                raise
        # Linux says so whether anybody connects or not: a place given up for nobody
        # would be taken by the service that is flooded.
        await trio.lowlevel.wait_readable(listener.socket)
        if reserve.give_up_one():
            # Nothing runs between this and the call of accept(2) inside.
            with suppress(OSError):
                return await listener.accept()
        await trio.sleep(_PAUSE_S)
        reserve.refill()


async def _handle(
    handler: Handler, stream: trio.SocketStream, reserve: "_Reserve"
) -> None:
    try:
        await handler(stream)
    finally:
        # In one step, or the service that is flooded takes the place.
        stream.socket.close()
        reserve.refill()


class _Reserve:
    """Descriptors that are nothing but places."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self.refill()

    def refill(self) -> None:
        """Take as many places as there should be, or as can be had."""
        with suppress(OSError):
            while len(self._places) < _PLACES:
                self._places.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def give_up_one(self) -> bool:
        """Let one more descriptor be opened; return False when none is left."""
        if not self._places:
            return False
        os.close(self._places.pop())
        return True

    def release(self) -> None:
        """Give all of them up."""
        while self.give_up_one():
            pass
