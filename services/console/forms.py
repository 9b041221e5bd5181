"""Forms of pages, read whole and bounded before a page sees them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Final, Self

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from tokenless.services.console.texts import text
from tokenless.services.errors import ServiceError

MAX_BODY_BYTES: Final = 1024 * 1024
"""Of any request; the greatest is an upload of a chain of certificates."""
TOO_LARGE: Final = 413
MAX_FIELDS: Final = 20_000
"""A table of 7,500 phones with a tick at each, and room."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Upper bounds of a form."""

    body_bytes: int = MAX_BODY_BYTES
    files: int = 2
    fields: int = MAX_FIELDS
    part_bytes: int = 64 * 1024
    """Of a field that is not a file."""


STRANGERS: Final = FormLimits(
    body_bytes=64 * 1024, files=0, fields=8, part_bytes=16 * 1024
)
"""A form of somebody who is not signed in: a name, a password and a path."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a submitted form."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)
    """By field; the last one of several."""
    uploads: list[Upload] = field(default_factory=list)
    """Every file, in order."""

    def one(self, name: str) -> str:
        """Return a field's value, the last one when there are several; empty: none."""
        values = self.fields.get(name)
        return values[-1] if values else ""

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self.fields.get(name, [])


async def read_form(request: Request, limits: FormLimits | None = None) -> Form:
    """Read a form.

    Args:
        request: The request that has it.
        limits: Its bounds; those of the console's forms when None.

    Raises:
        ServiceError: When it is not one.
        HTTPException: When it is longer than its bound.
    """
    form, bounds = Form(), limits or FormLimits()
    try:
        async with (
            _Body(request, bounds.body_bytes) as body,
            body.form(
                max_files=bounds.files,
                max_fields=bounds.fields,
                max_part_size=bounds.part_bytes,
            ) as parts,
        ):
            for name, value in parts.multi_items():
                if isinstance(value, UploadFile):
                    data = await value.read(bounds.body_bytes)
                    form.files[name] = Upload(value.filename or "", data)
                    form.uploads.append(form.files[name])
                else:
                    form.fields.setdefault(name, []).append(value)
    except (MultiPartException, ValueError, AssertionError) as error:
        raise ServiceError(f"the form cannot be read: {error}") from None
    if sum(map(len, form.fields.values())) > bounds.fields:
        # Older versions of the library count only those of forms with files.
        raise ServiceError(f"the form has more than {bounds.fields} fields")
    return form


class _Body(Request):
    """A request whose body is bounded, and read no longer than the block lasts.

    Older versions of the library leave it to the garbage collector to close what a
    form that cannot be read was read from.
    """

    def __init__(self, request: Request, most: int) -> None:
        super().__init__(request.scope, _bounded(request.receive, most))
        self._opened = AsyncExitStack()

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Return the pieces of the body."""
        stream = super().stream()
        self._opened.push_async_exit(aclosing(stream))
        return stream

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()


def _bounded(receive: Receive, most: int) -> Receive:
    received = 0

    async def within() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(TOO_LARGE, text("error.too-large"))
        return message

    return within
