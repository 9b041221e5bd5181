"""The application: routes and required roles; one function for each page."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from tokenless.protocol.errors import TokenlessError
from tokenless.services.console import certmgr
from tokenless.services.console.console import Console, Visitor
from tokenless.services.console.forms import Form
from tokenless.services.console.guard import (
    IS_LIVE,
    Protection,
    checked_form,
    is_own_origin,
    set_cookie,
)
from tokenless.services.console.pages import PAGES
from tokenless.services.console.serving import Do, Endpoint, KeptFiles, routes_of
from tokenless.services.console.sessions import COOKIE, NoticeKind
from tokenless.services.console.shell_socket import talk
from tokenless.services.console.sign_in import SIGN_IN, SignInDesk, to_sign_in
from tokenless.services.console.texts import text
from tokenless.services.console.visit import SEE_OTHER, Page, Visit
from tokenless.services.console.works import Work, follow_work
from tokenless.services.store.console_users import ConsoleRole

_STATIC: Final = Path(__file__).with_name("static")


def make_app(console: Console) -> ASGIApp:
    """Return the application."""
    desk = SignInDesk(console)
    routes: list[BaseRoute] = [
        Route(SIGN_IN, desk.show, methods=["GET"]),
        Route(SIGN_IN, desk.act, methods=["POST"]),
        Route("/sign-out", desk.leave, methods=["POST"]),
        Route("/live", _Live(console)),
        Route("/works/{name}", _work_page(console), methods=["GET"]),
        Route("/works/{name}/events", _WorkEvents(console)),
        WebSocketRoute("/shell", _shell(console)),
        Mount("/static", KeptFiles(directory=_STATIC)),
        *certmgr.routes(console, desk),
        *routes_of(PAGES, partial(_showing, console), partial(_acting, console)),
    ]
    handlers = {HTTPException: _explain(console), Exception: _report(console)}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    return Protection(app)


def _showing(console: Console, _: Page, show: Do[Visit]) -> Endpoint:
    """Return what answers GET."""

    async def endpoint(request: Request) -> Response:
        visitor = await console.visitor(request)
        if visitor is None:
            return _to_sign_in(request)
        work = Work(visitor.session)
        visit = Visit(
            *(console, request, visitor.session, visitor.user, Form(), work),
            known=console.live.number,
        )
        try:
            response = await trio.to_thread.run_sync(
                show, visit, limiter=console.threads
            )
        except TokenlessError as error:
            visit.session.notify(NoticeKind.ERROR, error.explain())
            response = visit.render("error.html", status=400)
        return _with_cookie(response, visitor)

    return endpoint


def _acting(console: Console, page: Page, act: Do[Visit]) -> Endpoint:
    """Return what answers POST: session, origin, token and role come first."""

    async def endpoint(request: Request) -> Response:
        visitor = await console.visitor(request)
        if visitor is None:
            return _to_sign_in(request, page.back.format(**request.path_params))
        form = await checked_form(request, visitor.session)
        if visitor.user.role is not ConsoleRole.CHANGE:
            console.log.warning("refused: role", user=visitor.user.name, path=page.path)
            raise HTTPException(403, text("error.role"))
        work = Work(visitor.session)
        visit = Visit(console, request, visitor.session, visitor.user, form, work)
        response = await console.works.run(
            console.nursery, work, lambda: _do(act, page, visit)
        )
        if response is None:
            where = f"/works/{work.name}"
            response = RedirectResponse(where, status_code=SEE_OTHER)
        return _with_cookie(response, visitor)

    return endpoint


def _do(act: Do[Visit], page: Page, visit: Visit) -> Response:
    """Do what a form says; a refusal leads back to its page."""
    try:
        return act(visit)
    except TokenlessError as error:
        sentence = error.explain()
    except OSError as error:
        path = page.path
        visit.console.log.exception("page failed", path=path)
        sentence = text("error.file", reason=error.strerror or str(error))
    visit.session.notify(NoticeKind.ERROR, sentence)
    back, url = page.back.format(**visit.request.path_params), visit.request.url
    query = visit.request.query_params if back == url.path else {}
    return visit.go(back, query)


def _work_page(console: Console) -> Endpoint:
    """Return what shows how far a work is, and leads on when it is over."""

    async def endpoint(request: Request) -> Response:
        visitor = await console.visitor(request)
        if visitor is None:
            return _to_sign_in(request)
        work = console.works.find(request.path_params["name"], visitor.session)
        if work is None:
            return RedirectResponse("/", status_code=SEE_OTHER)
        if work.over.is_set():
            return console.works.take(work)
        visit = Visit(console, request, visitor.session, visitor.user, Form(), work)
        return console.render(
            "work.html",
            visitor.session,
            visit=visit,
            work=work,
            path=request.url.path,
        )

    return endpoint


class _WorkEvents:
    """The events of one work, as an ASGI application."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        visitor = await self._console.visitor(request)
        name = request.path_params["name"]
        work = (
            None if visitor is None else self._console.works.find(name, visitor.session)
        )
        if work is None or request.method != "GET":
            await Response(status_code=404)(scope, receive, send)
            return
        await follow_work(work, receive, send)


def _to_sign_in(request: Request, back: str | None = None) -> Response:
    """Send a browser to the sign-in, and back to the page after it.

    Args:
        request: The request of nobody who is signed in.
        back: The page of a form, which is not carried out; None for a page itself.
    """
    if IS_LIVE in request.headers:
        # A part of a live page asks: the whole page has to sign in.
        return Response(headers={"HX-Refresh": "true"})
    if back is not None:
        return to_sign_in(back, is_refused=True)
    url = request.url
    return to_sign_in(f"{url.path}?{url.query}" if url.query else url.path)


def _with_cookie(response: Response, visitor: Visitor) -> Response:
    if visitor.new_cookie is None:
        return response
    return set_cookie(response, visitor.new_cookie)


class _Live:
    """The stream of events, as an ASGI application: it lasts as long as its page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        visitor = await self._console.visitor(request)
        is_gone = visitor is None or visitor.new_cookie is not None
        if is_gone or request.method != "GET":
            # Not of a session that goes on: the page has to be loaded again.
            await Response(status_code=403)(scope, receive, send)
            return
        cookie = request.cookies.get(COOKIE)

        def goes_on() -> bool:
            return self._console.sessions.is_alive(cookie)

        await self._console.live.serve(receive, send, goes_on=goes_on)


def _shell(console: Console) -> Callable[[WebSocket], Awaitable[None]]:
    async def endpoint(socket: WebSocket) -> None:
        async def allowed() -> Visitor | None:
            try:
                return await console.visitor(socket)
            except HTTPException:
                return None

        async def may_go_on() -> bool:
            now = await allowed()
            return now is not None and now.user.role is ConsoleRole.CHANGE

        visitor = await allowed()
        is_ours = is_own_origin(socket.headers, is_required=True)
        if visitor is None or not is_ours:
            await socket.close()
        elif visitor.user.role is not ConsoleRole.CHANGE:
            await socket.close(reason=text("error.role"))
        else:
            name, threads = visitor.user.name, console.shell_threads
            await talk(console.cluster, socket, name, threads, may_go_on)

    return endpoint


def _explain(
    console: Console,
) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    async def explain(request: Request, error: HTTPException) -> Response:
        await trio.lowlevel.checkpoint()
        if request.url.path.startswith(f"{certmgr.BASE}/"):
            return certmgr.error_answer(error.status_code, error.detail)
        is_missing = error.status_code == HTTPStatus.NOT_FOUND
        sentence = text("error.not-found") if is_missing else error.detail
        return console.plain(error.status_code, sentence)

    return explain


def _report(console: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def report(request: Request, error: Exception) -> Response:
        await trio.lowlevel.checkpoint()
        console.log.error("page failed", path=request.url.path, exc_info=error)
        return console.plain(500, text("error.internal"))

    return report
