"""A study: a cluster, a change, a plan, runs; as values that one file holds.

Unknown keys are refused, and every text and list has a bound, so that a study
from an unknown source can be read, as a rehearsal can.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step

MAX_STUDY_BYTES: Final = 16 * 1024 * 1024
FORMAT: Final = "tokenless-study-1"
MAX_HISTORY: Final = 500
MAX_RUNS: Final = 50
MAX_LOOKS: Final = 50

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Short = Annotated[str, Meta(max_length=400)]
Sentence = Annotated[str, Meta(max_length=4000)]
Log = Annotated[str, Meta(max_length=200_000)]
_MANY: Final = Meta(max_length=1000)
"""More than any page has to show."""
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of a study's file."""


class Source(_Part, frozen=True):
    """A file or a paste that the cluster was read from."""

    name: Short
    what: Short
    """The kind that was recognised."""


class Guess(_Part, frozen=True):
    """Something of the cluster that its sources do not tell."""

    topic: Short
    what: Sentence
    why: Sentence
    how: Sentence = ""
    """The way to correct it on the page of the cluster."""


class NodeFact(_Part, frozen=True):
    """A node as the page shows it."""

    name: Short
    address: Short | None
    """The one that it has in its cluster; None: not told."""
    roles: tuple[Short, ...]
    is_publisher: bool


class PhoneFact(_Part, frozen=True):
    """Phones of one group as the page shows them."""

    group: Short
    model: Short
    like: Short
    """The emulated model that plays them."""
    count: Count | None
    pool: Short = ""


class Understood(_Part, frozen=True):
    """The cluster, as far as its sources tell it."""

    script: Script
    """A rehearsal whose steps set it up."""
    version: Short
    version_why: Short
    is_mixed: bool
    tokens: Count
    group: Short
    """The CallManager group's name."""
    members: tuple[Short, ...]
    tftp_nodes: tuple[Short, ...]
    nodes: Annotated[tuple[NodeFact, ...], _MANY]
    phones: Annotated[tuple[PhoneFact, ...], _MANY]
    guesses: Annotated[tuple[Guess, ...], _MANY]
    units: Annotated[tuple[Short, ...], _MANY]
    """Certificates that can be regenerated: `CallManager@node`, `CAPF`."""
    pools: tuple[Short, ...] = ()
    """Device pools of the export of phones."""
    drifts: tuple[Sentence, ...] = ()


class Corrections(_Part, frozen=True):
    """Answers of a person to guesses."""

    version: Short = ""
    serves_tftp: tuple[Short, ...] = ()
    members: tuple[Short, ...] = ()
    pools: dict[Short, tuple[Short, ...]] = {}
    models: tuple[Short, ...] = ()
    phone_interaction: Literal["", "manual", "automatic"] = ""
    """The enterprise parameter Phone Interaction on Certificate Update."""


class Change(_Part, frozen=True):
    """The change that is rehearsed."""

    kind: Literal["none", "ticked", "typed"] = "none"
    units: tuple[Short, ...] = ()
    text: Annotated[str, Meta(max_length=100_000)] = ""
    steps: tuple[Step, ...] = ()
    """The typed commands, as steps of a rehearsal."""


class Runbook(_Part, frozen=True):
    """A plan as a table for those who do the work."""

    columns: tuple[Short, ...]
    rows: Annotated[tuple[tuple[Sentence, ...], ...], _MANY]
    remarks: tuple[Sentence, ...]
    before: tuple[Sentence, ...] = ()
    """Actions before step 1."""
    after: tuple[Sentence, ...] = ()
    """Actions after the last step."""
    rescue: tuple[Sentence, ...] = ()
    """Actions if phones refuse files."""
    outages: tuple[Sentence, ...] = ()
    """When phones have no service within a step; `remarks` has these, too."""


class PlanResult(_Part, frozen=True):
    """The planner's result for the ticked certificates."""

    is_safe: bool
    headline: Sentence
    words: tuple[Sentence, ...]
    """The plan for a reader, line by line."""
    at_once: tuple[Sentence, ...]
    """The effect of the change when it is made all at once."""
    steps: tuple[Step, ...]
    """The plan as steps of a rehearsal; empty: there is none."""
    runbook: Runbook | None
    seconds: float
    at_once_in_short: tuple[Sentence, ...] = ()
    """The same effect, without its steps."""


class GroupResult(_Part, frozen=True):
    """A group of phones after a step."""

    name: Short
    model: Short
    states: dict[Short, Count]
    anchors: Sentence
    tvs: Sentence
    dial_tone: Sentence
    is_safe: bool
    causes: tuple[Sentence, ...] = ()
    reasons: tuple[Sentence, ...] = ()
    remedies: tuple[Sentence, ...] = ()


class NodeResult(_Part, frozen=True):
    """A node after a step."""

    name: Short
    is_up: bool
    ctl_length: Count
    md5: Short
    itl_md5: Short


class Face(_Part, frozen=True):
    """The content of a phone's screen."""

    device: Short
    model: Short
    load: Short
    node: Short
    """The node at which it is registered; empty: none."""
    mark: Literal["", "shield", "lock"]
    lists: dict[Short, tuple[Short, ...]]
    security: tuple[Short, ...]
    messages: tuple[Short, ...]
    call: Short = ""


class PhoneLog(_Part, frozen=True):
    """One phone of a group: its screen and log, and the servers' log of its boot."""

    group: Short
    face: Face
    phone: Log
    services: Log


class StepResult(_Part, frozen=True):
    """A step, played."""

    number: Count
    title: Sentence
    why: Sentence
    lines: tuple[Sentence, ...]
    transcript: Log
    refusal: Sentence | None
    left_out: tuple[Sentence, ...]
    injected: tuple[Sentence, ...]
    verdict: Short
    impact: Sentence
    tone: Literal["good", "plain", "later", "bad"]
    groups: Annotated[tuple[GroupResult, ...], _MANY]
    nodes: Annotated[tuple[NodeResult, ...], _MANY]
    calls: tuple[Sentence, ...]
    logs: Annotated[tuple[PhoneLog, ...], _MANY]
    seconds: float


class Verdict(_Part, frozen=True):
    """A verdict on a whole run."""

    short: Sentence
    tone: Literal["good", "plain", "later", "bad"]
    rest: Sentence


class RunSubject(_Part, frozen=True):
    """The change as played: its report stays true when the study changes afterwards."""

    script: Script
    version: Short
    """The release of the cluster."""
    is_mixed: bool
    nodes: Annotated[tuple[NodeFact, ...], _MANY]
    guesses: Annotated[tuple[Guess, ...], _MANY]
    change: tuple[Sentence, ...]
    """Certificates, or the commands of the ticket."""
    runbook: Runbook | None
    """Of the plan, where that was played."""
    sources: tuple[Source, ...]
    drifts: tuple[Sentence, ...] = ()
    """The certificates that were regenerated before, as the lists tell it."""


class RunResult(_Part, frozen=True):
    """A rehearsal that was played, or broke off."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    order: Short
    """The order that was played: the plan, all at once, or the typed commands."""
    began: datetime
    state: Literal["done", "stopped", "failed"]
    version: Short
    """Of this tool."""
    seed: Count
    phones: Count
    steps: Annotated[tuple[StepResult, ...], _MANY]
    total: Count
    """The number of steps that were to be played."""
    verdicts: Annotated[tuple[Verdict, ...], _MANY]
    subject: RunSubject
    digest: Short
    """Of the script: tells whether the study's change is still what was played."""
    error: Sentence = ""
    not_modelled: tuple[Sentence, ...] = ()

    @property
    def injected(self) -> tuple[str, ...]:
        """Return what a person put in, with the step."""
        return tuple(
            f"step {step.number}, {each}"
            for step in self.steps
            for each in step.injected
        )


class Event(_Part, frozen=True):
    """A line of the study's history."""

    at: datetime
    text: Sentence


class LookFinding(_Part, frozen=True):
    """One finding of a look at a real cluster."""

    severity: Short
    code: Short
    where: Short
    message: Sentence
    consequence: Sentence
    advice: Sentence

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes it the same finding in two looks."""
        return self.code, self.where, self.message


class Ending(_Part, frozen=True):
    """The end of a certificate."""

    unit: Short
    node: Short
    """Empty: it serves all nodes, or it is the cluster's."""
    ends: datetime
    days_left: int
    signer: Short
    effect: Sentence
    """Of its renewal, on phones."""


class Look(_Part, frozen=True):
    """A look at the real cluster, before or after the window."""

    at: datetime
    kind: Literal["check", "preflight"]
    about: Short
    """The addresses, or the goal."""
    findings: Annotated[tuple[LookFinding, ...], _MANY]
    calendar: Annotated[tuple[Ending, ...], _MANY] = ()
    """Of a preflight: the certificates, those that end first at the top."""


class Study(_Part, frozen=True):
    """All of it."""

    name: Name
    made: datetime
    format: Literal["tokenless-study-1"] = FORMAT
    sources: tuple[Source, ...] = ()
    corrections: Corrections = Corrections()
    cluster: Understood | None = None
    is_confirmed: bool = False
    """True if a person has said that the guesses are right."""
    change: Change = Change()
    plan: PlanResult | None = None
    runs: Annotated[tuple[RunResult, ...], Meta(max_length=MAX_RUNS)] = ()
    looks: Annotated[tuple[Look, ...], Meta(max_length=MAX_LOOKS)] = ()
    history: Annotated[tuple[Event, ...], Meta(max_length=MAX_HISTORY)] = ()
    phones: Annotated[int, Meta(ge=1, le=100_000)] = 20
    """The number of phones that are played, where no export tells it."""
    is_guided: bool = False
    """True if it is the guided first visit."""
