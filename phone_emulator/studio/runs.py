"""Rehearsals that are being played, and plans that are being made: a process each."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, assert_never

import msgspec
import trio

from tokenless import __version__
from tokenless.ground.disk import explain
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.archive import StudyArchive
from tokenless.phone_emulator.studio.events import (
    Began,
    Boot,
    Command,
    Event,
    Failed,
    Finished,
    Line,
    Planned,
    PlanTask,
    PlayTask,
    Reported,
    State,
)
from tokenless.phone_emulator.studio.orders import digest_of
from tokenless.phone_emulator.studio.process import (
    last_words_of,
    scratch_folder,
    working,
)
from tokenless.phone_emulator.studio.study import (
    PlanResult,
    RunResult,
    RunSubject,
    StepResult,
    Verdict,
)
from tokenless.protocol.errors import TokenlessError
from tokenless.services.logs import get_logger

MAX_RUNNING: Final = 4
_DIED: Final = "the process that played it has died"
_LOG: Final = get_logger(service="studio")
_PLANS_AT_ONCE: Final = 2


@dataclass(slots=True, eq=False)
class LiveRun:
    """One rehearsal while it is played."""

    study: str
    """The id of its study."""
    task: PlayTask
    order: str
    """The change that is played, in words."""
    subject: RunSubject
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[StepResult] = field(default_factory=list)
    step: int = 0
    title: str = ""
    line: int | None = None
    is_judging: bool = False
    booted: Boot = field(default_factory=lambda: Boot(0, 0))
    states: dict[str, int] = field(default_factory=dict)
    """Phones by the state after their last boot."""
    state: State = field(default_factory=lambda: State(False, False, (), {}, ()))
    version: int = 0
    """Grows with every event, so that a page knows whether it is new."""
    controls: int = 0
    """Grows when what can be clicked has changed."""
    result: RunResult | None = None
    """Set when it is over."""
    is_stopping: bool = False
    over: trio.Event = field(default_factory=trio.Event)
    process: trio.Process | None = None

    @property
    def total(self) -> int:
        """The number of steps."""
        return len(self.task.script.steps)

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the present step."""
        return self.task.script.steps[self.step - 1].run if self.step else ()

    @property
    def phones(self) -> int:
        """The number of phones, as far as it is known."""
        last = self.steps[-1] if self.steps else None
        if last is None:
            return self.booted.of
        return sum(sum(group.states.values()) for group in last.groups)

    def adopt(self, process: trio.Process) -> bool:
        """Note the process that plays it; return False when it was stopped already."""
        self.process = process
        return not self.is_stopping

    def take(self, event: Event) -> "Finished | Failed | None":
        """Take an event in; return it when it is the last one."""
        self.version += 1
        match event:
            case Began(number, title):
                self.step, self.title, self.line = number, title, None
                self.is_judging = False
                self.controls += 1
            case Line(_, line):
                self.line, self.is_judging = line, line is None
                self.booted = Boot(0, 0)
            case Boot():
                self.booted = event
                self.states = event.states or self.states
            case State():
                self.controls += event != self.state
                self.state = event
            case Reported(step):
                self.steps.append(step)
                self.is_judging = False
                self.controls += 1
            case Finished() | Failed():
                return event
            case Planned():
                pass
            case _:
                assert_never(event)
        return None

    def close(self, last: Finished | Failed | None, last_words: str) -> RunResult:
        """Return what came of it.

        Args:
            last: The last event; None: there was none.
            last_words: What the process wrote before it died; may be empty.
        """
        error = ""
        verdicts: tuple[Verdict, ...] = ()
        not_modelled: tuple[str, ...] = ()
        state: Literal["done", "stopped", "failed"] = "done"
        if isinstance(last, Finished):
            verdicts, not_modelled = last.verdicts, last.not_modelled
            if last.left:
                error = f"put in too late, and not carried out: {', '.join(last.left)}"
                if refused := self.state.refused:
                    error += f"; {refused} more were not taken, too many waited"
        elif self.is_stopping:
            state, error = "stopped", "it was stopped before its end"
        else:
            died = f"{_DIED}: {last_words}" if last_words else _DIED
            state, error = "failed", died if last is None else last.reason
        return RunResult(
            id=self.id,
            order=self.order,
            began=self.began,
            state=state,
            version=__version__,
            seed=0,
            phones=self.phones,
            steps=tuple(self.steps),
            total=self.total,
            verdicts=verdicts,
            subject=self.subject,
            digest=digest_of(self.subject.script),
            error=error[:4000],
            not_modelled=not_modelled,
        )


class Runs:
    """All of them."""

    def __init__(self, archive: StudyArchive, nursery: trio.Nursery) -> None:
        self._archive = archive
        self._nursery = nursery
        self._runs: dict[str, LiveRun] = {}

    def of_study(self, study: str) -> list[LiveRun]:
        """Return the rehearsals of a study that are being played."""
        return [run for run in self._runs.values() if run.study == study]

    def find(self, run_id: str) -> LiveRun | None:
        """Return one that is being played."""
        return self._runs.get(run_id)

    async def start(
        self, study: str, task: PlayTask, order: str, subject: RunSubject
    ) -> LiveRun:
        """Begin to play a rehearsal.

        Raises:
            PhoneError: When too many are being played.
        """
        if len(self._runs) >= MAX_RUNNING:
            raise PhoneError(
                f"{MAX_RUNNING} rehearsals are being played",
                hint="wait until one has ended, or stop it",
            )
        run = LiveRun(study, task, order, subject)
        self._runs[run.id] = run
        self._nursery.start_soon(self._play, run)
        return run

    async def send(self, run: LiveRun, command: Command) -> None:
        """Tell the process what a person wants."""
        if run.process is not None and run.process.stdin is not None:
            try:
                await run.process.stdin.send_all(msgspec.json.encode(command) + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def stop(self, run: LiveRun) -> None:
        """Stop a rehearsal; returns when its process is gone."""
        run.is_stopping = True
        if run.process is not None and run.process.stdin is not None:
            await run.process.stdin.aclose()
        await run.over.wait()

    async def plan(self, task: PlanTask) -> PlanResult:
        """Plan a change in a process of its own.

        Raises:
            PhoneError: When it cannot be planned for.
            OSError: When the process cannot be started.
        """
        with scratch_folder() as folder:
            async with aclosing(working(task, folder)) as events:
                async for event in events:
                    match event:
                        case Planned(plan):
                            return plan
                        case Failed(reason):
                            raise PhoneError(reason)
                        case _:
                            pass
            said = last_words_of(folder)
        raise PhoneError(
            f"the planner's process has died{f': {said}' if said else ''}",
            hint="plan again",
        )

    async def _play(self, run: LiveRun) -> None:
        last: Finished | Failed | None = None
        last_words = ""
        try:
            with scratch_folder() as folder:
                try:
                    async with aclosing(working(run.task, folder, run.adopt)) as events:
                        async for event in events:
                            last = run.take(event) or last
                finally:
                    last_words = last_words_of(folder)
        except OSError as error:
            last = Failed(explain(error))
        except msgspec.MsgspecError as error:
            last = Failed(f"what the process that plays it said is unreadable: {error}")
        except trio.Cancelled:
            run.is_stopping = True
            raise
        finally:
            run.result = run.close(last, last_words)
            # The studio may be ending: what came of the run is kept all the same.
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._save, run.study, run.result)
            run.process = None
            del self._runs[run.id]
            run.over.set()

    def _save(self, study: str, result: RunResult) -> None:
        """Keep what came of a run; a full disk does not end the studio."""
        try:
            self._archive.save_run(study, result)
        except OSError as error:
            why = explain(error)
            _LOG.error("run not kept", study=study, run=result.id, reason=why)


class Plans:
    """All of them."""

    def __init__(self, runs: Runs, nursery: trio.Nursery) -> None:
        self._runs = runs
        self._nursery = nursery
        self._limiter = trio.CapacityLimiter(_PLANS_AT_ONCE)
        self._running: set[str] = set()
        self._failures: dict[str, str] = {}

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
