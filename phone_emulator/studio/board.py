"""The page for a change board: what it says of a study and a run, as values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.studio.orders import digest_of, orders_of, script_for
from tokenless.phone_emulator.studio.study import (
    GroupResult,
    Runbook,
    RunResult,
    StepResult,
    Study,
)
from tokenless.protocol.codes import TrustStore

_NAMED: Final = 6
_REMEDIES: Final = 6
_UNITS: Final = frozenset(unit.value for unit in TrustStore)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Groups that are not well after a step, with the same causes and remedies."""

    step: int
    title: str
    groups: tuple[str, ...]
    causes: tuple[str, ...]
    remedies: tuple[str, ...]
    reasons: tuple[str, ...]
    """Of the first group, in a phone's own words."""

    @property
    def names(self) -> str:
        """The groups, in short."""
        return _in_short(self.groups)


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page says."""

    name: str
    run: RunResult
    is_old: bool
    """True if the study's cluster or change is another one by now."""
    tested: tuple[str, ...]
    not_tested: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    warnings: tuple[str, ...]
    """The actions that the runbook forbids, and until when."""
    meanwhile: tuple[str, ...]
    """The reaction of phones at each step."""
    rollback: tuple[str, ...]
    verification: tuple[str, ...]
    sources: tuple[str, ...]
    change: tuple[str, ...]
    """The certificates that are regenerated, or the commands of the ticket."""
    outages: tuple[str, ...]
    """When phones have no service within a step, as the runbook computes it."""


def _in_short(groups: Sequence[str]) -> str:
    """Name the first of some groups, and count the others."""
    more = len(groups) - _NAMED
    shown = ", ".join(groups[:_NAMED])
    return f"{shown} and {more} more groups" if more > 0 else shown


def board_of(study: Study, run: RunResult) -> Board:
    """Return what the page of a run says: of what was played, not of the study now."""
    book = run.subject.runbook
    current = {digest_of(script_for(study, order)) for order in orders_of(study)}
    return Board(
        name=study.name,
        run=run,
        is_old=run.digest not in current,
        tested=tuple(_tested(run)),
        not_tested=tuple(_not_tested(run)),
        troubles=tuple(each for step in run.steps for each in troubles_of(step)),
        warnings=tuple(_by_step(run.subject.runbook, "not yet")),
        meanwhile=tuple(_by_step(run.subject.runbook, "phones meanwhile")),
        rollback=tuple(_rollback(run)),
        verification=tuple(_verification(run)),
        sources=tuple(f"{each.name}: {each.what}" for each in run.subject.sources),
        change=tuple(map(_in_words, run.subject.change)),
        outages=() if book is None else book.outages,
    )


def _in_words(changed: str) -> str:
    """Say `TVS@sub1` in words; a command of a ticket stays."""
    unit, _, node = changed.partition("@")
    if unit not in _UNITS:
        return f"`{changed}`"
    return f"regenerate {unit} on {node}" if node else f"regenerate {unit}"


def _tested(run: RunResult) -> Iterator[str]:
    last = run.steps[-1] if run.steps else None
    groups = () if last is None else last.groups
    models = sorted({group.model for group in groups})
    yield (
        f"{len(run.steps)} of {run.total} steps{_of_book(run)}; services "
        "and trust decisions are those of the release. Played on "
        f"{counted(run.phones, 'emulated phone')} in {counted(len(groups), 'group')} "
        f"(models {', '.join(models) or 'none'})."
    )
    yield "After each step: what phones hold, and what they would do if they restarted."
    yield "Registration of the phones that are on, after each step."
    for each in run.injected:
        yield f"Fault put in by hand: {each}."


def _of_book(run: RunResult) -> str:
    """Say that what was played is the whole runbook, where it is."""
    book = run.subject.runbook
    is_whole = len(run.steps) == run.total and not any(s.left_out for s in run.steps)
    if book is None or not is_whole:
        return ""
    return f", with all {len(book.rows)} of the runbook in them"


def _not_tested(run: RunResult) -> Iterator[str]:
    if len(run.steps) < run.total:
        yield f"{run.total - len(run.steps)} steps were not played."
    if run.error:
        yield f"The rehearsal: {run.error}."
    for step in run.steps:
        for line in step.left_out:
            yield f"Step {step.number}: `{line}` was not carried out."
    yield "Real phones, their firmware and their network: phones are emulated."
    yield (
        "Calls, media and features of Cisco CallManager beyond registration, where no "
        "step makes a call."
    )
    yield "The time that restarts and resets take on your cluster."
    yield from run.not_modelled


def troubles_of(step: StepResult) -> list[Trouble]:
    """Return the groups that are not well after a step, those alike together."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[GroupResult]] = {}
    for group in step.groups:
        if not group.is_safe:
            alike.setdefault((group.causes, group.remedies), []).append(group)
    return [
        Trouble(
            step.number,
            step.title,
            tuple(group.name for group in groups),
            causes,
            remedies,
            groups[0].reasons,
        )
        for (causes, remedies), groups in alike.items()
    ]


def _by_step(book: Runbook | None, column: str) -> Iterator[str]:
    """Yield what a column of a runbook says, each sentence once, with its steps."""
    said: dict[str, list[str]] = {}
    if book is None:
        return
    for row in book.rows:
        cells = dict(zip(book.columns, row, strict=True))
        for each in filter(None, cells.get(column, "").split("; ")):
            said.setdefault(each, []).append(cells.get("step", ""))
    for each, steps in said.items():
        word = "Step" if len(steps) == 1 else "Steps"
        yield f"{word} {', '.join(steps)}: {each}."


def _rollback(run: RunResult) -> Iterator[str]:
    yield (
        "Before step 1: a DRS backup, kept apart from the cluster. A regenerated key "
        "comes back only from it."
    )
    yield (
        "Stop when a phone shows Trust List update failed: no further regeneration, "
        "restart or reset until the reason is known."
    )
    book = run.subject.runbook
    yield from () if book is None else book.rescue
    remedies = dict.fromkeys(
        remedy
        for step in run.steps
        for group in step.groups
        for remedy in group.remedies
    )
    for remedy in list(remedies)[:_REMEDIES]:
        yield f"If phones refuse files: {remedy}."
    if len(remedies) > _REMEDIES:
        more = len(remedies) - _REMEDIES
        yield f"{more} more ways are on the studio's page of the run."


def _verification(run: RunResult) -> Iterator[str]:
    yield "`show ctl` and `show itl` on each node: verified successfully, same signer."
    yield "As many registered phones as before the window (RTMT)."
    yield (
        "On one phone of each group: Settings > Status > Status Messages shows no "
        "Trust List update failed; Trust List shows the checksum of `show itl`."
    )
    book = run.subject.runbook
    yield from () if book is None else book.after
    alike: dict[str, list[str]] = {}
    for group in run.steps[-1].groups if run.steps else ():
        alike.setdefault(group.anchors, []).append(group.name)
    for anchors, names in alike.items():
        yield f"{_in_short(names)}: anchors left {anchors}."
