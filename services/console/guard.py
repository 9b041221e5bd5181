"""Checks of a submitted form, and the cookie that names a session."""

from typing import Final

import trio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tokenless.protocol.errors import TokenlessError
from tokenless.services.console.forms import Form, FormLimits, read_form
from tokenless.services.console.origins import has_token, is_own_origin
from tokenless.services.console.sessions import COOKIE, Session
from tokenless.services.console.texts import text

CSRF_FIELD: Final = "csrf"
_READ_S: Final = 30.0
"""The seconds that a browser may take to send a form."""


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
