"""Run an engine inside trio, with little overhead under load."""

import trio

from tokenless.services.short_wait import ShortWait
from tokenless.services.tftp.engine import Engine
from tokenless.services.tftp.turns import turn_for_a_while


async def drive(engine: Engine) -> None:
    """Run an engine until cancelled."""
    short_wait = ShortWait(engine.epoll)
    while True:
        if turn_for_a_while(engine, short_wait, trio.current_time):
            await trio.lowlevel.checkpoint()
        else:
            with trio.move_on_at(engine.next_at):
                await trio.lowlevel.wait_readable(engine.epoll)
