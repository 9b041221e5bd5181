"""Run an engine inside trio, with little overhead under load.

One pass through trio's scheduler costs as much as five datagrams. So the engine runs as
long as datagrams arrive; then the driver waits for a moment in the kernel before it
waits in trio: under load the next datagram is a few microseconds away. Other tasks of
the process wait meanwhile, so both times are bounded, and after a wait in vain the next
few are skipped.
"""

import select
from typing import Final

import trio

from tokenless.services.tftp.engine import Engine

_LONGEST_TURNS_S: Final = 0.002
_MOMENT_S: Final = 0.0002
_MOST_SKIPPED: Final = 128
_CROWD: Final = 8
"""After so many datagrams at once the next ones have come meanwhile."""


class _Moment:
    """A short wait in the kernel, skipped for longer after each wait in vain."""

    def __init__(self, engine: Engine) -> None:
        self._descriptors = [engine.fileno()]
        self._to_skip = 0
        self._skip_next = 1

    def is_followed(self, served: int) -> bool:
        """Return whether the engine has its turn again at once, after so many.

        Where little came, the wait tells for the price of the look that it saves.
        """
        if served >= _CROWD:
            return True
        if self._to_skip:
            self._to_skip -= 1
            return served > 0
        if select.select(self._descriptors, (), (), _MOMENT_S)[0]:
            self._skip_next = 1
            return True
        self._to_skip = self._skip_next
        self._skip_next = min(2 * self._skip_next, _MOST_SKIPPED)
        return False


async def drive(engine: Engine) -> None:
    """Run an engine until cancelled."""
    moment = _Moment(engine)
    rested = trio.current_time()
    while True:
        now = trio.current_time()
        if now >= engine.next_at:
            engine.expire(now)
        if moment.is_followed(engine.turn(now)):
            if now - rested < _LONGEST_TURNS_S:
                continue
            await trio.lowlevel.checkpoint()
        else:
            with trio.move_on_at(engine.next_at):
                await trio.lowlevel.wait_readable(engine)
        rested = trio.current_time()
