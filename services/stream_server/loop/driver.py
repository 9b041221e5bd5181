"""Run a stream server's loop inside trio: one task waits, another sweeps."""

from typing import Final

import trio

from tokenless.services.short_wait import LONGEST_TURNS_S, ShortWait
from tokenless.services.stream_server.loop.loop import StreamLoop

_SWEEP_EVERY_S: Final = 0.25


async def drive(loop: StreamLoop) -> None:
    """Turn the loop until cancelled. Between turns trio sees to everything else."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_sweep, loop)
        short_wait = ShortWait(loop.epoll)
        while True:
            await trio.lowlevel.wait_readable(loop.fileno())
            stop = trio.current_time() + LONGEST_TURNS_S
            loop.turn()
            while trio.current_time() < stop and short_wait.brought_something():
                loop.turn()


async def _sweep(loop: StreamLoop) -> None:
    while True:
        await trio.sleep(_SWEEP_EVERY_S)
        loop.sweep()
