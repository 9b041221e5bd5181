"""Pause, step and faults of a rehearsal that is being played, at the ends of lines.

Commands come from another thread; the player asks at each line and waits here.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import trio

from tokenless.phone_emulator.studio.events import Command

MAX_WAITING: Final = 50


class Gate:
    """Lets lines pass, one after the other."""

    def __init__(
        self, first_step: int, *, is_paused: bool, on_change: Callable[[], None]
    ) -> None:
        """Begin open, or closed.

        Args:
            first_step: Steps before it always pass.
            is_paused: Whether the first line of that step waits.
            on_change: Is called when what a person sees of it has changed.
        """
        self._first_step = first_step
        self._on_change = on_change
        self.is_paused = is_paused
        self.is_held = False
        self.refused = 0
        """Lines that were not taken because too many waited, since they last moved."""
        self._allowed = 0
        self._waiting: deque[str] = deque()
        self._waiter: tuple[trio.lowlevel.TrioToken, trio.Event] | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """Lines that were put in and are not carried out yet."""
        return tuple(self._waiting)

    def obey(self, command: Command) -> None:
        """Take a command; safe from any thread."""
        match command.verb:
            case "pause":
                self.is_paused, self._allowed = True, 0
            case "resume":
                self.is_paused = False
            case "step":
                self.is_paused = True
                self._allowed += 1
            case "inject":
                if len(self._waiting) < MAX_WAITING:
                    self._waiting.append(command.line)
                else:
                    self.refused += 1
        self._on_change()
        waiter = self._waiter
        if waiter is not None:
            token, event = waiter
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(event.set)

    async def before_line(self, step: int, line: int | None) -> Sequence[str]:
        """Wait until a line may pass; return what is put before it."""
        await trio.lowlevel.checkpoint()
        if step >= self._first_step and line is not None:
            await self._pass()
        if step < self._first_step:
            return ()
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if taken:
            self.refused = 0
            self._on_change()
        return taken

    async def _pass(self) -> None:
        token = trio.lowlevel.current_trio_token()
        while True:
            event = trio.Event()
            # Noted before the look: a command between the two would wake nothing.
            self._waiter = token, event
            if not self.is_paused or self._allowed:
                break
            if not self.is_held:
                self.is_held = True
                self._on_change()
            await event.wait()
        self._waiter = None
        if self.is_paused:
            self._allowed -= 1
        self.is_held = False
        self._on_change()
