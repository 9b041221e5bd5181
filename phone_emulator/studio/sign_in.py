"""Letting browsers in: the key that the studio prints when it starts."""

from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokenless.phone_emulator.studio.studio import COOKIE, Studio
from tokenless.phone_emulator.studio.visit import SEE_OTHER
from tokenless.services.console.guard import checked_form, set_cookie
from tokenless.services.console.sessions import Session
from tokenless.services.console.texts import text

_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_WRONG: Final = "This is not the key that the studio printed when it started."


class SignInDesk:
    """Takes keys; gives sessions."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def show(self, request: Request) -> Response:
        """Show the form; a link with the key leads in at once."""
        await trio.lowlevel.checkpoint()
        key = request.query_params.get("key")
        if key is not None:
            return self._enter(request, key)
        return self._page(request, "")

    async def act(self, request: Request) -> Response:
        """Let a browser in whose form has the key.

        Raises:
            HTTPException: When the form is not of this session, or too many try.
        """
        session = self._studio.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return RedirectResponse("/sign-in", status_code=SEE_OTHER)
        form = await checked_form(request, session)
        return self._enter(request, form.one("key").strip())

    def _enter(self, request: Request, key: str) -> Response:
        studio = self._studio
        address = "" if request.client is None else request.client.host
        if not studio.throttle.take(address):
            raise HTTPException(_TOO_MANY, text("sign-in.throttled"))
        if not studio.is_key(key):
            studio.log.warning("sign-in refused", client=address)
            return self._page(request, _WRONG, _FORBIDDEN)
        studio.throttle.give_back(address)
        studio.sessions.end(request.cookies.get(COOKIE))
        value, _ = studio.sessions.begin("studio")
        # The key does not stay in the address of a page.
        return set_cookie(RedirectResponse("/", SEE_OTHER), value, COOKIE)

    def _page(self, request: Request, wrong: str, status: int = 200) -> Response:
        value: str | None = None
        session: Session | None = self._studio.sessions.find(
            request.cookies.get(COOKIE)
        )
        if session is None:
            value, session = self._studio.sessions.begin(None)
        response = self._studio.render(
            "key.html", session, status=status, wrong=wrong, notices=[]
        )
        return response if value is None else set_cookie(response, value, COOKIE)
