"""The process that plays a rehearsal, or plans a change, for the studio.

It reads its task and commands from standard input and writes events to standard output.
When standard input ends, the studio is gone: the process ends, too, and takes its
servers and its folder with it.

What a runbook says of a terminal's options is said of pages here.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from typing import BinaryIO, Final

import msgspec

from tokenless.ground.disk import explain
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.report import in_words, one_go_outcome
from tokenless.phone_emulator.planner.runbook import COLUMNS, Pace, cells_of, runbook_of
from tokenless.phone_emulator.planner.wording import Wording
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.play.run import rehearsal_folder, run_script
from tokenless.phone_emulator.rehearsal.rig.rig import RehearsalRig
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step
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
from tokenless.phone_emulator.studio.gate import Gate
from tokenless.phone_emulator.studio.results import (
    live_states,
    step_result,
    verdicts_of,
)
from tokenless.phone_emulator.studio.study import PlanResult, Runbook
from tokenless.protocol.errors import TokenlessError

_NICE: Final = 2
_COUNTED_A_SECOND: Final = 10_000
_BEAT_S: Final = 0.2
"""Seconds between two reports of a boot's progress."""
_MOST_LINES = 400
_LONGEST = 3900
_ON_PAGES: Final = Wording(
    ca_signed="this plan is not for it",
    models="tick them on the page Your cluster, plan again",
    interaction="choose that on the page Your cluster, plan again",
    rehearse="play it on the page Play",
    check="Look now on the page Before and after",
)


class Teller:
    """Writes events."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write one event."""
        with self._lock:
            self._out.write(msgspec.json.encode(event) + b"\n")
            self._out.flush()


class _Player:
    """Plays one rehearsal and tells what happens."""

    def __init__(self, task: PlayTask, tell: Teller) -> None:
        self._task = task
        self._tell = tell
        self._rig: RehearsalRig | None = None
        self.gate = Gate(
            task.first_step, is_paused=task.is_paused, on_change=self._tell_state
        )
        self._done = self._of = 0
        self._told_at = 0.0

    def play(self) -> None:
        """Play it to its end."""
        listener = ProgressListener(
            on_step=self._on_step,
            on_boot=self._on_boot,
            on_phone=self._on_phone,
            on_rig=self._on_rig,
            before_line=self._before_line,
        )
        with rehearsal_folder(None) as folder:
            played = run_script(
                self._task.script,
                self._task.phones,
                folder,
                listener,
                self._on_report,
            )
        self._tell(
            Finished(
                verdicts_of(played),
                played.not_modelled,
                played.impact.of,
                self.gate.waiting,
            )
        )

    def _on_rig(self, rig: RehearsalRig) -> None:
        self._rig = rig
        self._tell_state()

    def _on_step(self, number: int, step: Step) -> None:
        self._tell(Began(number, step.title))

    def _on_boot(self, phones: int) -> None:
        self._done, self._of = 0, phones
        self._tell(Boot(0, phones))

    def _on_phone(self) -> None:
        self._done += 1
        now = time.monotonic()
        # To count 10,000 phones takes 30 ms: that is done once a second at most.
        beat_s = max(_BEAT_S, self._of / _COUNTED_A_SECOND)
        if now - self._told_at > beat_s or self._done == self._of:
            self._told_at = now
            rig = self._rig
            states = {} if rig is None else live_states(rig.phone_groups)
            self._tell(Boot(self._done, self._of, states))

    async def _before_line(self, step: int, line: int | None) -> "list[str]":
        # Told first: while it waits, the lines before this one are done.
        self._tell(Line(step, line))
        return list(await self.gate.before_line(step, line))

    def _on_report(self, report: StepReport) -> None:
        assert self._rig is not None  # noqa: S101  # a step was played on it
        self._tell(Reported(step_result(report, self._rig)))
        self._tell_state()

    def _tell_state(self) -> None:
        rig = self._rig
        self._tell(
            State(
                self.gate.is_paused,
                self.gate.is_held,
                self.gate.waiting,
                {} if rig is None else rig.nodes_up,
                () if rig is None else rig.phone_groups.off,
                () if rig is None else rig.nodes_cut_off,
                self.gate.refused,
            )
        )


def _follow(commands: BinaryIO, gate: Gate | None) -> None:
    """Take commands until the studio is gone; end this process then."""
    for line in commands:
        with contextlib.suppress(msgspec.MsgspecError):
            command = msgspec.json.decode(line, type=Command)
            if gate is not None:
                gate.obey(command)
    os.kill(os.getpid(), signal.SIGINT)


def work(given: BinaryIO, tell: Teller) -> None:
    """Do one task."""
    task = msgspec.json.decode(given.readline(), type=Task)
    player = _Player(task, tell) if isinstance(task, PlayTask) else None
    gate = None if player is None else player.gate
    threading.Thread(target=_follow, args=(given, gate), daemon=True).start()
    try:
        if player is not None:
            player.play()
        elif isinstance(task, PlanTask):
            tell(
                Planned(
                    plan_result(task.script, task.goal, task.phones, task.timeout_s)
                )
            )
    except TokenlessError as error:
        tell(Failed(error.explain()))
    except OSError as error:
        tell(Failed(explain(error)))


def main() -> None:
    """Work for the studio that has started this process."""
    # Whatever a library prints must not come between the events.
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(_NICE)
    with contextlib.suppress(KeyboardInterrupt):
        work(sys.stdin.buffer, Teller(events))


def plan_result(script: Script, goal: str, phones: int, timeout_s: float) -> PlanResult:
    """Plan a change of the cluster that a rehearsal sets up.

    Raises:
        TokenlessError: When the goal or the rehearsal cannot be planned for.
    """
    began = time.monotonic()
    made = make_plan(task_for(script, goal), timeout_s=timeout_s)
    words = [line[:_LONGEST] for line in in_words(made)]
    blank = words.index("") if "" in words else 0
    has_steps = made.steps is not None
    return PlanResult(
        is_safe=made.is_safe,
        headline=words[blank + 1].rstrip(":"),
        words=tuple(words[blank + 1 :][:_MOST_LINES]),
        at_once=tuple(words[:blank]),
        at_once_in_short=tuple(map(_cut, one_go_outcome(made.in_one_go))),
        steps=tuple(rounds(made)) if has_steps else (),
        runbook=_runbook(made, phones) if has_steps else None,
        seconds=round(time.monotonic() - began, 2),
    )


def _runbook(made: Plan, phones: int) -> Runbook:
    book = runbook_of(made, Pace(phones=phones), _ON_PAGES)
    return Runbook(
        COLUMNS,
        tuple(tuple(map(_cut, cells_of(row))) for row in book.rows),
        tuple(map(_cut, book.remarks())),
        tuple(map(_cut, book.before)),
        tuple(map(_cut, book.after)),
        tuple(map(_cut, book.rescue)),
        tuple(map(_cut, book.without_service)),
    )


def _cut(text: str) -> str:
    return text[:_LONGEST]


if __name__ == "__main__":
    main()
