"""Signing in and out."""

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import trio
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from tokenless.services.changes import console_users
from tokenless.services.console.forms import STRANGERS
from tokenless.services.console.guard import checked_form, own_path, set_cookie
from tokenless.services.console.sessions import COOKIE, NoticeKind, Session
from tokenless.services.console.texts import text
from tokenless.services.console.visit import SEE_OTHER
from tokenless.services.limited_log import LimitedLog
from tokenless.services.store.console_users import ConsoleUser

if TYPE_CHECKING:
    from tokenless.services.console.console import Console

_AT_ONCE: Final = 2
"""Passwords that are checked at once: each takes 64 MiB."""
_MAX_WAITING: Final = 20
_LINES_PER_S: Final = 5
_HOME: Final = "/"
_REFUSED: Final = "refused"
SIGN_IN: Final = "/sign-in"
"""The path of the form."""


def to_sign_in(where: str, *, is_refused: bool = False) -> Response:
    """Send a browser to the sign-in.

    Args:
        where: The page to show after it.
        is_refused: Whether a form was not carried out, which the sign-in then says.
    """
    query = {"next": where} | ({_REFUSED: "1"} if is_refused else {})
    return RedirectResponse(f"{SIGN_IN}?{urlencode(query)}", status_code=SEE_OTHER)


class SignInDesk:
    """Takes names and passwords; gives sessions."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._checks = trio.CapacityLimiter(_AT_ONCE)
        self._lines = LimitedLog(
            console.log, _LINES_PER_S, summary="more sign-ins throttled"
        )

    async def show(self, request: Request) -> Response:
        """Show the form; a browser without a session is given one, not signed in."""
        sessions = self._console.sessions
        session = sessions.find(request.cookies.get(COOKIE))
        value = None
        if session is None:
            value, session = sessions.begin(None)
        if _REFUSED in request.query_params:
            session.notify(NoticeKind.WARNING, text("sign-in.ended"))
        page = self._page(session, request.query_params.get("next", _HOME))
        return page if value is None else set_cookie(page, value)

    async def act(self, request: Request) -> Response:
        """Sign in: the previous session ends, and only this client knows the new one.

        Raises:
            HTTPException: When the form is not of this session, or too many try.
        """
        console = self._console
        cookie = request.cookies.get(COOKIE)
        session = console.sessions.find(cookie)
        if session is None:
            return to_sign_in(_HOME, is_refused=True)
        form = await checked_form(request, session, STRANGERS)
        where = own_path(form.one("next"))
        user = await self.check(request, form.one("name"), form.one("password"))
        if user is None:
            session.notify(NoticeKind.ERROR, text("sign-in.refused"))
            return self._page(session, where, status=403)
        console.sessions.end(cookie)
        value, _ = console.sessions.begin(user.name)
        return set_cookie(RedirectResponse(where, status_code=SEE_OTHER), value)

    async def check(
        self, request: HTTPConnection, name: str, password: str
    ) -> ConsoleUser | None:
        """Return the user whose name and password these are, None when they are not.

        Raises:
            HTTPException: When too many try.
        """
        console = self._console
        address = "" if request.client is None else request.client.host
        self._check_rate(address)
        outcome = await trio.to_thread.run_sync(
            console_users.sign_in,
            console.cluster,
            name,
            password,
            limiter=self._checks,
        )
        if outcome.user is None:
            console.log.warning(
                "sign-in refused",
                user=name[:64],
                client=address,
                locked=outcome.is_locked,
            )
            return None
        console.throttle.give_back(address)
        console.log.info("signed in", user=name, client=address)
        return outcome.user

    async def leave(self, request: Request) -> Response:
        """Sign out."""
        console = self._console
        cookie = request.cookies.get(COOKIE)
        session = console.sessions.find(cookie)
        if session is not None:
            await checked_form(request, session, STRANGERS)
            console.sessions.end(cookie)
        response = RedirectResponse(SIGN_IN, status_code=SEE_OTHER)
        response.delete_cookie(
            COOKIE, path="/", secure=True, httponly=True, samesite="strict"
        )
        return response

    def _check_rate(self, address: str) -> None:
        waiting = self._checks.statistics().tasks_waiting
        if waiting >= _MAX_WAITING or not self._console.throttle.take(address):
            if self._lines.may_write("throttled", time.monotonic()):
                self._console.log.warning("sign-in throttled", client=address)
            raise HTTPException(429, text("sign-in.throttled"))

    def _page(self, session: Session, where: str, status: int = 200) -> Response:
        return self._console.render(
            "sign_in.html",
            session,
            status=status,
            notices=session.take_notices(),
            next=own_path(where),
        )
