"""A page: its path, a function that shows it, one that carries out its form."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from tokenless.services.console.visit import Visit

Show = Callable[[Visit], Response]
"""Runs in a thread: it may block."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page."""

    path: str
    """With parts in braces, as starlette has them."""
    show: Show | None = None
    """Answers GET; changes nothing."""
    act: Show | None = None
    """Answers POST, for the role change only."""
    back: str = "/"
    """The path to which a refused form sends the browser, with the same parts."""
