"""Waiting for what happens elsewhere: in another process, or in the kernel."""

import time
from collections.abc import Callable
from pathlib import Path

import trio

_PATIENCE_S = 240


def wait_until(condition: Callable[[], bool]) -> None:
    """Do as `until` where no event loop runs."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds; fail when that takes far too long."""
    with trio.fail_after(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is waited for rings no bell)
            await trio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Return whether a process still runs; one that is only waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
