"""Works: what pages do that may take long, with how far each is.

A form's work runs in the console's nursery, so it ends even when its browser leaves. A
browser that would have to wait is shown a page with a progress bar, whose end is known;
when the work is over, that page leads on to what the work answered.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Send

from tokenless.services.console.events import (
    encode_event,
    send_end,
    send_part,
    send_start,
    until_left,
)
from tokenless.services.console.sessions import Session
from tokenless.services.console.texts import text

SOON_S: Final = 0.7
"""The longest work that is shown without a progress bar."""
MAX_RUNNING: Final = 32
MAX_KEPT: Final = 200
"""Finished works whose answer was not fetched; the oldest are deleted."""
_THREADS: Final = 8
_LOOK_S: Final = 0.1
_NAME_BYTES: Final = 16
_UNAVAILABLE: Final = 503


@dataclass(slots=True, eq=False)
class Work:
    """One form's work, done in a thread."""

    session: Session
    """The session whose browser may see it."""
    name: str = field(default_factory=lambda: secrets.token_urlsafe(_NAME_BYTES))
    total: int = 1
    done: int = 0
    words: str = ""
    """The present step."""
    response: Response | None = None
    error: Exception | None = None
    """The error that ended it, when no page foresees it."""
    over: trio.Event = field(default_factory=trio.Event)

    def begin(self, words: str) -> None:
        """Name the next step; the one before it is done."""
        if self.words:
            self.done = min(self.done + 1, self.total - 1)
        self.words = words

    @property
    def state(self) -> tuple[int, int, str]:
        """Return the progress: steps done, all steps, and the present step."""
        return self.done, self.total, self.words


class Works:
    """The works of all sessions."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self._threads = trio.CapacityLimiter(_THREADS)

    def find(self, name: str, session: Session) -> Work | None:
        """Return a session's work."""
        work = self._works.get(name)
        return work if work is not None and work.session is session else None

    def take(self, work: Work) -> Response:
        """Return the answer of a work that is over, once.

        Raises:
            Exception: What the work failed with.
        """
        self._works.pop(work.name, None)
        if work.error is not None:
            raise work.error
        assert work.response is not None  # noqa: S101  # `_do` leaves one of both
        return work.response

    async def run(
        self, nursery: trio.Nursery, work: Work, do: Callable[[], Response]
    ) -> Response | None:
        """Do a work in a thread; return its answer, None when it goes on.

        Raises:
            HTTPException: When too many go on.
        """
        self._make_room()
        self._works[work.name] = work
        nursery.start_soon(self._do, work, do)
        with trio.move_on_after(SOON_S):
            await work.over.wait()
            return self.take(work)
        return None

    async def _do(self, work: Work, do: Callable[[], Response]) -> None:
        try:
            work.response = await trio.to_thread.run_sync(do, limiter=self._threads)
        except Exception as error:  # noqa: BLE001 - `take` raises it for its browser
            work.error = error
        finally:
            work.over.set()

    def _make_room(self) -> None:
        running = [each for each in self._works.values() if not each.over.is_set()]
        if len(running) >= MAX_RUNNING:
            raise HTTPException(_UNAVAILABLE, text("error.busy"))
        over = [each for each in self._works.values() if each.over.is_set()]
        for each in over[: max(0, len(self._works) - MAX_KEPT)]:
            del self._works[each.name]


async def follow_work(work: Work, receive: Receive, send: Send) -> None:
    """Send events of a work to its browser until it is over or the browser leaves."""
    await send_start(send)
    async with until_left(receive):
        shown = None
        while not work.over.is_set():
            if work.state != shown:
                shown = work.state
                done, total, words = shown
                fields = {"done": done, "total": total, "words": words}
                await send_part(send, encode_event("work", fields))
            with trio.move_on_after(_LOOK_S):
                await work.over.wait()
        await send_part(send, encode_event("over", {}))
    await send_end(send)
