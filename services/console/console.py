"""State that all pages share: cluster, sessions, templates; the sender of a request."""

import time
from dataclasses import dataclass
from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket

from tokenless.services.changes.console_users import find_user
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.guard import is_loopback_host, is_of_user
from tokenless.services.console.live import LiveState
from tokenless.services.console.sessions import COOKIE, Session, Sessions, Throttle
from tokenless.services.console.templates import make_environment
from tokenless.services.console.texts import text
from tokenless.services.console.works import Works
from tokenless.services.logs import get_logger
from tokenless.services.store.console_users import ConsoleRole, ConsoleUser

_THREADS: Final = 8
_SHELL_THREADS: Final = 32
_GUEST: Final = ConsoleUser("lab", ConsoleRole.CHANGE, "", 0)
"""The user of a console without sign-in."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The sender of a request."""

    session: Session
    user: ConsoleUser
    new_cookie: str | None = None


class Console:
    """State that all pages share."""

    def __init__(
        self, cluster: Cluster, nursery: trio.Nursery, *, asks_nobody: bool = False
    ) -> None:
        """Prepare the pages.

        Args:
            cluster: The cluster, opened.
            nursery: Runs what outlives a request.
            asks_nobody: Whether the console has no sign-in: on loopback only.
        """
        self.cluster = cluster
        self.nursery = nursery
        self.works = Works()
        self.asks_nobody = asks_nobody
        self.sessions = Sessions(time.monotonic)
        self.throttle = Throttle(time.monotonic)
        self.threads = trio.CapacityLimiter(_THREADS)
        self.shell_threads = trio.CapacityLimiter(_SHELL_THREADS)
        """Of commands of shells, which may wait for a person: pages do not wait for
        them, nor does the look at whose answer it is."""
        self.live = LiveState(cluster, trio.CapacityLimiter(1))
        self.log = get_logger(service="console")
        self._templates = make_environment()

    @property
    def guest(self) -> ConsoleUser:
        """The user of a console without sign-in."""
        return _GUEST

    def render(
        self, template: str, session: Session, *, status: int = 200, **values: object
    ) -> Response:
        """Return a page from a template."""
        page = self._templates.get_template(template).render(
            csrf=session.csrf, asks_nobody=self.asks_nobody, **values
        )
        return HTMLResponse(page, status)

    def plain(self, status: int, sentence: str) -> Response:
        """Return a page that says one sentence, to any visitor."""
        page = self._templates.get_template("plain.html").render(sentence=sentence)
        return HTMLResponse(page, status)

    async def visitor(self, request: Request | WebSocket) -> Visitor | None:
        """Return the sender of a request, None when a sign-in is needed."""
        cookie = request.cookies.get(COOKIE)
        prolongs = is_of_user(request.headers)
        session = self.sessions.find(cookie, prolongs=prolongs)
        if self.asks_nobody:
            if not is_loopback_host(request.headers.get("host", "")):
                raise HTTPException(403, text("error.host"))
            if session is not None:
                return Visitor(session, _GUEST)
            value, session = self.sessions.begin(_GUEST.name)
            return Visitor(session, _GUEST, value)
        if session is None or session.user is None:
            return None
        user = await trio.to_thread.run_sync(
            find_user, self.cluster, session.user, limiter=self.threads
        )
        if user is None:
            self.sessions.end(cookie)
            return None
        return Visitor(session, user)
