"""Rehearsals that are being played: a process each, and what is known of it so far."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
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
    Task,
)
from tokenless.phone_emulator.studio.study import (
    PlanResult,
    RunResult,
    StepResult,
    Verdict,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.services.logs import get_logger

MAX_RUNNING: Final = 4
_PATIENCE_S: Final = 5.0
_MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
_WORKER: Final = "tokenless.phone_emulator.studio.worker"
_DIED: Final = "the process that played it has died"
_ERRORS: Final = "errors.txt"
_LONGEST_WORDS: Final = 4096
_LOG: Final = get_logger(service="studio")


@dataclass(slots=True, eq=False)
class LiveRun:
    """One rehearsal while it is played."""

    study: str
    """The id of its study."""
    task: PlayTask
    order: str
    """What is played, in words."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[StepResult] = field(default_factory=list)
    step: int = 0
    title: str = ""
    line: int | None = None
    is_judging: bool = False
    booted: Boot = field(default_factory=lambda: Boot(0, 0))
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
        """How many steps there are."""
        return len(self.task.script.steps)

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the present step."""
        return self.task.script.steps[self.step - 1].run if self.step else ()

    @property
    def phones(self) -> int:
        """How many phones it has, as far as it is known."""
        last = self.steps[-1] if self.steps else None
        if last is None:
            return self.booted.of
        return sum(sum(group.states.values()) for group in last.groups)

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

    async def start(self, study: str, task: PlayTask, order: str) -> LiveRun:
        """Begin to play a rehearsal.

        Raises:
            PhoneError: When too many are being played.
        """
        if len(self._runs) >= MAX_RUNNING:
            raise PhoneError(
                f"{MAX_RUNNING} rehearsals are being played",
                hint="wait until one has ended, or stop it",
            )
        run = LiveRun(study, task, order)
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
        with _scratch() as folder:
            async with aclosing(_working(task, folder, None)) as events:
                async for event in events:
                    match event:
                        case Planned(plan):
                            return plan
                        case Failed(reason):
                            raise PhoneError(reason)
                        case _:
                            pass
            said = _last_words(folder)
        raise PhoneError(
            f"the planner's process has died{f': {said}' if said else ''}",
            hint="plan again",
        )

    async def _play(self, run: LiveRun) -> None:
        last: Finished | Failed | None = None
        last_words = ""
        try:
            with _scratch() as folder:
                try:
                    async with aclosing(_working(run.task, folder, run)) as events:
                        async for event in events:
                            last = run.take(event) or last
                finally:
                    last_words = _last_words(folder)
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


async def _working(
    task: Task, folder: Path, run: LiveRun | None
) -> AsyncGenerator[Event, None]:
    """Yield the events of a process that does a task; it is gone afterwards.

    Raises:
        OSError: When the process cannot be started.
    """
    with (folder / _ERRORS).open("wb") as errors:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "TMPDIR": str(folder)},
            # Ctrl-C is for the studio, which ends its processes itself.
            start_new_session=True,
        )
    assert process.stdin is not None  # noqa: S101  # asked for
    assert process.stdout is not None  # noqa: S101  # asked for
    if run is not None:
        run.process = process
    try:
        if run is not None and run.is_stopping:
            return
        await process.stdin.send_all(msgspec.json.encode(task) + b"\n")
        async for line in _lines(process.stdout):
            yield msgspec.json.decode(line, type=Event)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
    finally:
        await _end(process)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="tokenless-studio-", ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _last_words(folder: Path) -> str:
    """Return the last line that a process wrote as an error; empty: there is none."""
    try:
        with (folder / _ERRORS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_WORDS))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((printable(line) for line in reversed(lines) if line.strip()), "")


async def _end(process: trio.Process) -> None:
    """Let a process end; kill it when it does not."""
    with trio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with trio.move_on_after(_PATIENCE_S):
            await process.wait()
        if process.poll() is None:
            process.kill()
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    held = bytearray()
    async for part in stream:
        held += part
        *whole, rest = held.split(b"\n")
        for line in whole:
            yield bytes(line)
        held = bytearray(rest)
        if len(held) > _MAX_EVENT_BYTES:
            return
