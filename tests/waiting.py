"""Waiting for what happens elsewhere: in another process, or in the kernel."""

from collections.abc import Callable

import trio


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds; fail when that takes far too long."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 (what is waited for rings no bell)
            await trio.sleep(0.01)
