"""Changes told by PostgreSQL, so that nodes need not wait for their next look.

The looks go on all the same: a broken connection costs half a second, not a change.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from tokenless.services.errors import ServiceError
from tokenless.services.store.database import Database

if TYPE_CHECKING:
    from tokenless.services.store.listening import Listener  # its driver is an extra

_PAUSE_S: Final = 1.0
_LEAST_S: Final = 0.05
"""The time between two looks that notifications cause."""


async def follow_notifications(store: Database, poke: Callable[[], None]) -> None:
    """Poke at every change of a shared database, until cancelled.

    While it is away, this tries to reach it again; who looks at it says that it is.
    """
    while True:
        with suppress(ServiceError):
            listener = await trio.to_thread.run_sync(
                store.listen, abandon_on_cancel=True
            )
            try:
                await _pass_on(listener, poke)
            finally:
                listener.close()
        await trio.sleep(_PAUSE_S)


async def _pass_on(listener: "Listener", poke: Callable[[], None]) -> None:
    poke()  # for what has happened before it listened
    while True:
        await trio.lowlevel.wait_readable(listener.fileno())
        if listener.take():
            poke()
            # Any role may notify, as often as it likes: a look at the database each
            # time would be what it wants.
            await trio.sleep(_LEAST_S)
