"""Jinja2 templates, with foreign text made printable wherever it is put out."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tokenless.protocol.certificates.name_text import printable, printable_lines
from tokenless.services.admin.certificate_text import local_time, local_time_at
from tokenless.services.console.texts import text

_FOLDER: Final = Path(__file__).with_name("templates")


class Lines(str):
    """Text whose line breaks are meant: for `<pre>`."""

    __slots__ = ()


def _finalize(value: object) -> object:
    """Make printable what a template puts out; jinja escapes it after this."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Lines):
        return printable_lines(value)
    return printable(value) if isinstance(value, str) else value


def code(text: str) -> Markup:
    """Set what stands between backticks as code; all is escaped."""
    parts = map(escape, printable(text).split("`"))
    tagged = Markup("<code>%s</code>")
    return Markup("").join(
        tagged % part if number % 2 else part for number, part in enumerate(parts)
    )


def breakable(text: str) -> Markup:
    """Let a browser break a distinguished name between its parts; all is escaped."""
    return Markup(";<wbr>").join(map(escape, printable(text).split(";")))


def make_environment(*others: Path) -> Environment:
    """Return the templates' environment.

    Args:
        others: Folders whose templates come before those of the console.
    """
    environment = Environment(
        loader=FileSystemLoader([*others, _FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["t"] = text
    environment.filters["code"] = code
    environment.filters["breakable"] = breakable
    environment.filters["lines"] = Lines
    environment.filters["time"] = local_time
    environment.filters["time_at"] = local_time_at
    return environment
