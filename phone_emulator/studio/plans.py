"""Plans that are being made: one a study, in a process of its own."""

from collections.abc import Callable
from typing import Final

import trio

from tokenless.ground.disk import explain
from tokenless.phone_emulator.studio.events import PlanTask
from tokenless.phone_emulator.studio.runs import Runs
from tokenless.phone_emulator.studio.study import PlanResult
from tokenless.protocol.errors import TokenlessError

_AT_ONCE: Final = 2


class Plans:
    """All of them."""

    def __init__(self, runs: Runs, nursery: trio.Nursery) -> None:
        self._runs = runs
        self._nursery = nursery
        self._limiter = trio.CapacityLimiter(_AT_ONCE)
        self._running: set[str] = set()
        self._failures: dict[str, str] = {}

    def is_running(self, study: str) -> bool:
        """Return whether the plan of a study is being made."""
        return study in self._running

    def failure(self, study: str) -> str:
        """Return why the last plan of a study could not be made; empty: it could."""
        return self._failures.get(study, "")

    async def start(
        self, study: str, task: PlanTask, keep: Callable[[PlanResult], None]
    ) -> None:
        """Begin to make a plan, where none is being made.

        Args:
            study: The id of the study.
            task: What is planned.
            keep: Is given the plan, in a thread.
        """
        await trio.lowlevel.checkpoint()
        if study not in self._running:
            self._running.add(study)
            self._failures.pop(study, None)
            self._nursery.start_soon(self._make, study, task, keep)

    async def _make(
        self, study: str, task: PlanTask, keep: Callable[[PlanResult], None]
    ) -> None:
        try:
            async with self._limiter:
                made = await self._runs.plan(task)
            await trio.to_thread.run_sync(keep, made)
        except TokenlessError as error:
            self._failures[study] = error.explain()
        except OSError as error:
            self._failures[study] = explain(error)
        finally:
            self._running.discard(study)
