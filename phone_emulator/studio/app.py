"""The application: sign-in, one function a page, one sentence for a failure."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from tokenless.ground.disk import explain
from tokenless.phone_emulator.studio.pages import PAGES
from tokenless.phone_emulator.studio.studio import COOKIE, Studio
from tokenless.phone_emulator.studio.visit import SEE_OTHER, Page, Visit
from tokenless.protocol.errors import TokenlessError
from tokenless.services import console
from tokenless.services.console.forms import STRANGERS, Form, FormLimits
from tokenless.services.console.guard import (
    IS_LIVE,
    Protection,
    checked_form,
    own_path,
    set_cookie,
)
from tokenless.services.console.serving import Do, Endpoint, KeptFiles, routes_of
from tokenless.services.console.sessions import NoticeKind, Session
from tokenless.services.console.texts import text

_STATIC: Final = Path(__file__).with_name("static")
_SHARED: Final = Path(console.__path__[0]) / "static"
LIMITS: Final = FormLimits(
    body_bytes=80 * 1024 * 1024, files=60, fields=20_000, part_bytes=4 * 1024 * 1024
)
"""An export of 100,000 phones, and the lists of 21 nodes, in one form."""

_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_WRONG: Final = "This is not the key that the studio printed when it started."
_REFUSED: Final = "refused"
_ENDED: Final = (
    "You were not signed in any longer, so nothing was done: sign in and do it again."
)


def make_app(studio: Studio) -> ASGIApp:
    """Return the application."""
    desk = SignInDesk(studio)
    routes: list[BaseRoute] = [
        Route("/sign-in", desk.show, methods=["GET"]),
        Route("/sign-in", desk.act, methods=["POST"]),
        Mount("/static", KeptFiles(directory=_SHARED)),
        Mount("/studio", KeptFiles(directory=_STATIC)),
        *routes_of(
            PAGES,
            partial(_endpoint, studio, is_form=False),
            partial(_endpoint, studio, is_form=True),
        ),
    ]
    handlers = {HTTPException: _explain(studio), Exception: _report(studio)}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    return Protection(app, LIMITS.body_bytes)


def _endpoint(studio: Studio, page: Page, do: Do[Visit], *, is_form: bool) -> Endpoint:
    """Return what answers a request: session, origin and token come first."""

    async def endpoint(request: Request) -> Response:
        found = studio.visitor(request)
        if found is None:
            back = page.back.format(**request.path_params) if is_form else None
            return _to_sign_in(request, back)
        session, cookie = found
        form = await checked_form(request, session, LIMITS) if is_form else Form()
        visit = Visit(studio, request, session, form)
        response = await trio.to_thread.run_sync(
            _do, visit, page, do, is_form, limiter=studio.threads
        )
        return response if cookie is None else set_cookie(response, cookie, COOKIE)

    return endpoint


def _to_sign_in(request: Request, back: str | None) -> Response:
    """Send a browser to the sign-in, and back to its page after it.

    Args:
        request: The request of a browser that was not let in.
        back: The page of a form, which is not carried out; None for a page itself.
    """
    if IS_LIVE in request.headers:
        # A part of a live page asks: the whole page has to sign in.
        return _reload()
    url = request.url
    here = f"{url.path}?{url.query}" if url.query else url.path
    query = {"next": here if back is None else back}
    query |= {} if back is None else {_REFUSED: "1"}
    return RedirectResponse(f"/sign-in?{urlencode(query)}", status_code=SEE_OTHER)


def _reload() -> Response:
    """Make a live page load itself again as a whole."""
    return Response(headers={"HX-Refresh": "true"})


def _do(visit: Visit, page: Page, do: Do[Visit], is_form: bool) -> Response:
    """Do what a page does; a refusal is a sentence on the page before it."""
    try:
        return do(visit)
    except TokenlessError as error:
        sentence = error.explain()
    except OSError as error:
        visit.studio.log.exception("page failed", path=page.path)
        sentence = explain(error)
    visit.say(sentence, NoticeKind.ERROR)
    if is_form and IS_LIVE in visit.request.headers:
        # A button of a page that stays: loaded again, it shows the sentence.
        return _reload()
    if is_form:
        return visit.go(page.back.format(**visit.request.path_params))
    return visit.render("failed.html", status=HTTPStatus.BAD_REQUEST, sentence="")


def _failed(studio: Studio, status: int, sentence: str) -> Response:
    return studio.render(
        "failed.html", None, status=status, sentence=sentence, notices=[]
    )


def _explain(studio: Studio) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    async def explain(_: Request, error: HTTPException) -> Response:
        await trio.lowlevel.checkpoint()
        known = error.status_code != HTTPStatus.NOT_FOUND
        sentence = str(error.detail) if known else "There is no such page."
        return _failed(studio, error.status_code, sentence)

    return explain


def _report(studio: Studio) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def report(request: Request, error: Exception) -> Response:
        await trio.lowlevel.checkpoint()
        path = request.url.path
        studio.log.error("page failed", path=path, exc_info=error)
        sentence = "The page failed; the studio's log has the reason."
        return _failed(studio, HTTPStatus.INTERNAL_SERVER_ERROR, sentence)

    return report


class SignInDesk:
    """Takes the key that the studio printed when it started; gives sessions."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def show(self, request: Request) -> Response:
        """Show the form; a link with the key leads in at once."""
        await trio.lowlevel.checkpoint()
        key = request.query_params.get("key")
        if key is not None:
            return self._enter(request, key)
        asked = request.query_params
        ended = _ENDED if _REFUSED in asked else ""
        return self._page(request, ended, where=asked.get("next", "/"))

    async def act(self, request: Request) -> Response:
        """Let a browser in whose form has the key.

        Raises:
            HTTPException: When the form is not of this session, or too many try.
        """
        session = self._studio.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return _to_sign_in(request, "/")
        form = await checked_form(request, session, STRANGERS)
        return self._enter(request, form.one("key").strip(), form.one("next"))

    def _enter(self, request: Request, key: str, where: str = "/") -> Response:
        studio = self._studio
        address = "" if request.client is None else request.client.host
        if not studio.throttle.take(address):
            raise HTTPException(_TOO_MANY, text("sign-in.throttled"))
        if not studio.is_key(key):
            studio.log.warning("sign-in refused", client=address)
            return self._page(request, _WRONG, _FORBIDDEN, where)
        studio.throttle.give_back(address)
        studio.sessions.end(request.cookies.get(COOKIE))
        value, _ = studio.sessions.begin("studio")
        # The key does not stay in the address of a page.
        return set_cookie(RedirectResponse(own_path(where), SEE_OTHER), value, COOKIE)

    def _page(
        self, request: Request, wrong: str, status: int = 200, where: str = "/"
    ) -> Response:
        value: str | None = None
        session: Session | None = self._studio.sessions.find(
            request.cookies.get(COOKIE)
        )
        if session is None:
            value, session = self._studio.sessions.begin(None)
        response = self._studio.render(
            "key.html",
            session,
            status=status,
            wrong=wrong,
            notices=[],
            next=own_path(where),
        )
        return response if value is None else set_cookie(response, value, COOKIE)
