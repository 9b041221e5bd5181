"""Waiting for what must come, on however busy a machine."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 120.0
"""Far longer than anything here takes: what does not come by then does not come."""
_LOOK_S: Final = 0.05

_Found = TypeVar("_Found")


def wait_until(look: Callable[[], _Found], what: str) -> _Found:
    """Look until there is something; return it.

    Raises:
        AssertionError: When it does not come.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"this did not come: {what}"
        time.sleep(_LOOK_S)
    return found
