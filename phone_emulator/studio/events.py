"""The lines between the studio and a process that works for it: JSON, one value each.

studio  → process   Task, then any number of Command
process → studio    Began, Line, Boot, State, Reported, …; then Finished or Failed
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.studio.study import PlanResult, StepResult, Verdict


class PlayTask(msgspec.Struct, frozen=True, tag="play"):
    """Play a rehearsal."""

    script: Script
    phones: int
    first_step: int
    """The first step that is not the cluster as it is."""
    is_paused: bool = False
    """True if it waits before the first line of the change."""


class PlanTask(msgspec.Struct, frozen=True, tag="plan"):
    """Plan a change."""

    script: Script
    goal: str
    phones: int
    timeout_s: float


Task = PlayTask | PlanTask


class Command(msgspec.Struct, frozen=True):
    """An action of a person while a rehearsal is played."""

    verb: Literal["pause", "resume", "step", "inject"]
    line: Annotated[str, Meta(max_length=400)] = ""
    """For `inject`: a line of a rehearsal."""


class Began(msgspec.Struct, frozen=True, tag="began"):
    """A step begins."""

    number: int
    title: str


class Line(msgspec.Struct, frozen=True, tag="line"):
    """A line is next, and those before it are done; None: the step is judged."""

    step: int
    line: int | None


class Boot(msgspec.Struct, frozen=True, tag="boot"):
    """Phones boot."""

    done: int
    of: int
    states: dict[str, int] = {}
    """Phones by the state after their last boot; empty: not counted this time."""


class State(msgspec.Struct, frozen=True, tag="state"):
    """The state of a run: whether it waits, and what is off now."""

    is_paused: bool
    """True if it is to wait."""
    is_held: bool
    """True if it waits now."""
    waiting: tuple[str, ...]
    """Lines that were put in and are not carried out yet."""
    nodes: dict[str, bool]
    off: tuple[str, ...]
    """Groups of phones that are off."""
    cut_off: tuple[str, ...] = ()
    """Nodes from which the database is away."""
    refused: int = 0
    """Lines that were not taken: as many as may wait do so already."""


class Reported(msgspec.Struct, frozen=True, tag="reported"):
    """A step has ended."""

    step: StepResult


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The rehearsal is over."""

    verdicts: tuple[Verdict, ...]
    not_modelled: tuple[str, ...]
    phones: int
    left: tuple[str, ...] = ()
    """Lines that were put in too late."""


class Planned(msgspec.Struct, frozen=True, tag="planned"):
    """The plan is made."""

    plan: PlanResult


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """It cannot be done."""

    reason: str


Event = Began | Line | Boot | State | Reported | Finished | Planned | Failed
