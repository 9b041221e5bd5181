"""Forms of pages, read whole and bounded before a page sees them."""

from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from tokenless.services.errors import ServiceError

MAX_BODY_BYTES: Final = 1024 * 1024
"""Of any request; the greatest is an upload of a chain of certificates."""
MAX_FIELDS: Final = 20_000
"""A table of 7,500 phones with a tick at each, and room."""
_MAX_FILES: Final = 2
_MAX_PART_BYTES: Final = 64 * 1024


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

    def one(self, name: str, default: str = "") -> str:
        """Return a field's value, the last one when there are several."""
        values = self.fields.get(name)
        return values[-1] if values else default

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self.fields.get(name, [])


async def read_form(request: Request) -> Form:
    """Read a form.

    Raises:
        ServiceError: When it is not one.
    """
    form = Form()
    try:
        async with request.form(
            max_files=_MAX_FILES, max_fields=MAX_FIELDS, max_part_size=_MAX_PART_BYTES
        ) as parts:
            for name, value in parts.multi_items():
                if isinstance(value, UploadFile):
                    data = await value.read(MAX_BODY_BYTES)
                    form.files[name] = Upload(value.filename or "", data)
                else:
                    form.fields.setdefault(name, []).append(value)
    except (MultiPartException, ValueError, AssertionError) as error:
        raise ServiceError(f"the form cannot be read: {error}") from None
    return form
