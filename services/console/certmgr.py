"""The certificate management REST interface (REFERENCE-5 3), on the console's port.

    POST csr                           a request of a unit; its key stays here
    POST identity/certificates         the CA's answer, alone or with its chain
    GET  identity/certificate?service= the unit's own certificate
    POST trust/certificates            certificates of CAs, for several stores
    GET  trust/certificate?service=    a trust store
    GET  snapshot/server               all of them, and the requests that wait

Shapes and statuses are those that public clients send and expect. A client signs in by
HTTP Basic as a user of the console; the role `read` may GET. What each call does:
`certmgr_calls`.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tokenless.protocol.errors import TokenlessError
from tokenless.services.console.certmgr_calls import CALLS, Call
from tokenless.services.console.guard import is_loopback_host, is_own_origin
from tokenless.services.pki.identity_checks import IdentityFault, IdentityRefusedError
from tokenless.services.store.console_users import ConsoleRole, ConsoleUser

if TYPE_CHECKING:
    from tokenless.services.console.console import Console
    from tokenless.services.console.sign_in import SignInDesk

BASE: Final = "/platformcom/api/v1/certmgr/config"
_CHALLENGE: Final = {"www-authenticate": 'Basic realm="CMPlatform Realm"'}
_READ_S: Final = 60.0


def routes(console: "Console", desk: "SignInDesk") -> list[Route]:
    """Return the routes of the interface."""
    return [
        Route(f"{BASE}/{path}", _endpoint(console, desk, call), methods=[method])
        for method, path, call in CALLS
    ]


def _endpoint(
    console: "Console", desk: "SignInDesk", call: Call
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            user = await _user(console, desk, request)
            body = b"" if request.method == "GET" else await _body(request, user)
            service = request.query_params.get("service", "")
            answer = await trio.to_thread.run_sync(
                call, console.cluster, service, body, user.name, limiter=console.threads
            )
        except HTTPException as error:
            return error_answer(error.status_code, str(error.detail))
        except TokenlessError as error:
            return error_answer(_status_of(error), error.explain())
        except OSError as error:
            console.log.exception("certmgr failed", path=request.url.path)
            return error_answer(500, error.strerror or str(error))
        return JSONResponse(dict(answer))

    return endpoint


def error_answer(status: int, message: str) -> Response:
    """Return an error as public clients read it: `message`, then `error`."""
    headers = _CHALLENGE if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"message": message, "error": message}, status, headers)


def _status_of(error: TokenlessError) -> int:
    """Return 500 for an answer to an older request, 400 for all else."""
    is_older = isinstance(error, IdentityRefusedError) and error.fault in {
        IdentityFault.NO_REQUEST,
        IdentityFault.KEY,
    }
    return 500 if is_older else 400


async def _user(
    console: "Console", desk: "SignInDesk", request: Request
) -> ConsoleUser:
    """Return the user of a request.

    Raises:
        HTTPException: 401 when nobody signs in with a right password; 403 when a page
            of another site asks through somebody's browser.
    """
    if not is_own_origin(request.headers):
        raise HTTPException(403, "another site's page may not ask")
    if console.asks_nobody:
        if not is_loopback_host(request.headers.get("host", "")):
            raise HTTPException(403, "without a sign-in only this machine may ask")
        return console.guest
    given = _credentials(request.headers.get("authorization", ""))
    if given is None:
        raise HTTPException(401, "sign in with HTTP Basic as a user of the console")
    user = await desk.check(request, *given)
    if user is None:
        raise HTTPException(401, "name or password is wrong")
    return user


def _credentials(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


async def _body(request: Request, user: ConsoleUser) -> bytes:
    """Return the body of a POST: JSON, which no form of another site can send.

    Raises:
        HTTPException: When the user may only read, or it is not JSON or comes too late.
    """
    if user.role is not ConsoleRole.CHANGE:
        raise HTTPException(403, f"{user.name} may only read")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send Content-Type: application/json")
    try:
        with trio.fail_after(_READ_S):
            return await request.body()
    except trio.TooSlowError:
        raise HTTPException(408, "the body did not come in time") from None
