"""Protection of pages: checks of requests and forms, the cookie, headers of answers."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenless.protocol.errors import TokenlessError
from tokenless.services.console.forms import (
    MAX_BODY_BYTES,
    TOO_LARGE,
    Form,
    FormLimits,
    read_form,
)
from tokenless.services.console.sessions import COOKIE, Session
from tokenless.services.console.texts import text

_OWN_SITES: Final = frozenset({"same-origin", "none"})
CSRF_FIELD: Final = "csrf"
IS_LIVE: Final = "hx-request"
"""The header of a request that a live page makes by itself."""
_READ_S: Final = 30.0
"""The seconds that a browser may take to send a form."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NOT_STORED: Final = (b"cache-control", b"no-store")
_MAX_DRAINED_BYTES: Final = 64 * 1024 * 1024
"""Of a body that is not wanted; after these the connection breaks."""


def is_own_origin(headers: Mapping[str, str], *, is_required: bool = False) -> bool:
    """Tell whether a browser says that a page of ours sent the request.

    Args:
        headers: Of the request.
        is_required: Whether a request without an origin is refused, as for WebSockets.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _OWN_SITES:
        return False
    origin = headers.get("origin")
    if origin is None:
        return not is_required
    return origin == f"https://{headers.get('host', '')}"


def is_of_user(headers: Mapping[str, str]) -> bool:
    """Tell whether a person made a request; a live page makes some by itself."""
    is_stream = headers.get("accept") == "text/event-stream"
    return IS_LIVE not in headers and not is_stream


def has_token(session: Session, given: str) -> bool:
    """Tell whether a form has its session's token."""
    return hmac.compare_digest(session.csrf.encode(), given.encode())


def is_loopback_host(host: str) -> bool:
    """Tell whether a Host header names this machine and nothing else.

    Without a sign-in, a name that an attacker's DNS server points at loopback would
    let any page on the web in.
    """
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host[1:-1]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def set_cookie(response: Response, value: str, name: str = COOKIE) -> Response:
    """Give the browser its session's name."""
    response.set_cookie(
        name, value, path="/", secure=True, httponly=True, samesite="strict"
    )
    return response


async def checked_form(
    request: Request, session: Session, limits: FormLimits | None = None
) -> Form:
    """Read the form of a request that a page of this session sent.

    Args:
        request: The request that has it.
        session: The session of its cookie.
        limits: The bounds of the form; those of the console's forms when None.

    Raises:
        HTTPException: When another site's page sent it, or it has no token; when it
            is not a form, or does not come in time.
    """
    if not is_own_origin(request.headers):
        raise HTTPException(403, text("error.origin"))
    try:
        with trio.fail_after(_READ_S):
            form = await read_form(request, limits)
    except trio.TooSlowError:
        raise HTTPException(408, text("error.slow")) from None
    except TokenlessError as error:
        raise HTTPException(400, error.explain()) from None
    given = request.headers.get("x-csrf-token", form.one(CSRF_FIELD))
    if not has_token(session, given):
        raise HTTPException(403, text("error.csrf"))
    return form


def own_path(path: str) -> str:
    """Return a path of this console; its first page when it leads elsewhere."""
    is_own = path.startswith("/") and path[1:2] not in {"/", "\\"}
    return path if is_own and path.isprintable() else "/"


class Protection:
    """Adds headers to every answer, and bounds every request's body."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._max_body)

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.drain()
                headers = list(message.get("headers", []))
                known = {name.lower() for name, _ in headers}
                headers += _HEADERS
                if _NOT_STORED[0] not in known:
                    headers.append(_NOT_STORED)
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, body.receive, protected)


class _Body:
    """A request's body: bounded, and read to its end before the answer begins.

    A browser that is answered while it still sends shows a broken connection instead of
    the answer: what no page wants is read and dropped.
    """

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._received = 0
        self._is_whole = False
        self._turn = trio.Lock()
        """Some answers wait for the browser's leave while they are sent."""
        self._last: Message | None = None
        """The browser's leave, which is told once only."""

    async def receive(self) -> Message:
        """Receive as the server does; raise when the body is longer than any form."""
        async with self._turn:
            message = self._last or await self._next()
        if self._received > self._most:
            raise HTTPException(TOO_LARGE, text("error.too-large"))
        return message

    async def drain(self) -> None:
        """Drop the rest of the body, up to a bound and for a while."""
        if not self._goes_on():
            return
        with trio.move_on_after(_READ_S):
            async with self._turn:
                while self._goes_on():
                    await self._next()

    def _goes_on(self) -> bool:
        return not self._is_whole and self._received <= _MAX_DRAINED_BYTES

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        else:
            self._last, self._is_whole = message, True
        return message
