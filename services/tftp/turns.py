"""Turns of an engine one after the other, before the other tasks have theirs.

Not in `driver`: a module with coroutines cannot be compiled (`tools/compiled.py`).
"""

from collections.abc import Callable
from typing import Final

from tokenless.services.short_wait import LONGEST_TURNS_S, ShortWait
from tokenless.services.tftp.engine import Engine

_FEW: Final = 2
"""So many sockets at once are those of a few clients, not of a crowd."""


def turn_for_a_while(
    engine: Engine, short_wait: ShortWait, clock: Callable[[], float]
) -> bool:
    """Handle what arrives, until nothing does for a moment.

    Args:
        engine: What handles it.
        short_wait: How long that moment is.
        clock: Tells the time of `Engine.next_at`.

    Returns:
        Whether there may be more, but others have their turn now.
    """
    now = clock()
    stop = now + LONGEST_TURNS_S
    while now < stop:
        if now >= engine.next_at:
            engine.expire(now)
        handled = engine.turn(now)
        # After a datagram or two the next are not there yet, and to look at once is in
        # vain. A client that is alone answers within microseconds.
        if handled <= _FEW and not short_wait.brought_something(
            is_soon=engine.under_way == 1
        ):
            return False
        now = clock()
    return True
