"""Run an engine inside trio, with little overhead under load."""

import trio

from tokenless.services.short_wait import LONGEST_TURNS_S, ShortWait
from tokenless.services.tftp.engine import Engine


async def drive(engine: Engine) -> None:
    """Run an engine until cancelled."""
    short_wait = ShortWait(engine.fileno())
    rested = trio.current_time()
    while True:
        now = trio.current_time()
        if now >= engine.next_at:
            engine.expire(now)
        if engine.turn(now) or short_wait.brought_something():
            if now - rested < LONGEST_TURNS_S:
                continue
            await trio.lowlevel.checkpoint()
        else:
            with trio.move_on_at(engine.next_at):
                await trio.lowlevel.wait_readable(engine)
        rested = trio.current_time()
