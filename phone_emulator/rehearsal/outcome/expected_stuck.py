"""Groups that a script expects to be stuck, compared with those that are.

A step without expectations for a group expects that none of its phones is stuck. What
was expected of a group counts until it boots again: a later step that leaves its phones
alone need not repeat that they are stuck.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.scripts.script import Expectation, Step
from tokenless.phone_emulator.secd.report import FileAction, Outcome

_STUCK_OUTCOMES: Final = frozenset({Outcome.REJECTED, Outcome.UNREACHABLE})
_STUCK_ACTIONS: Final = frozenset({FileAction.REJECTED, FileAction.FAILED})


class ExpectedStuck:
    """The groups that a script expects to be stuck, from step to step."""

    def __init__(self) -> None:
        self._stuck: set[str] = set()
        self._later: set[str] = set()
        self._silent: set[str] = set()
        self._at_risk: set[str] = set()
        """In this step only."""

    def unforeseen(
        self,
        step: Step,
        booted: Collection[str],
        statuses: Iterable[GroupStatus],
        at_risk: Mapping[str, int] | None = None,
    ) -> tuple[str, ...]:
        """Take in a step that has ended; return unexpected results, a sentence each.

        Args:
            step: The step.
            booted: The groups that booted in it.
            statuses: How every group stands after it.
            at_risk: By group: phones that would have refused something, had they been
                reset at another moment.
        """
        self._stuck.difference_update(booted)
        self._later.difference_update(booted)
        self._silent.difference_update(booted)
        self._at_risk = {each.group for each in step.expect if each.at_risk}
        for each in step.expect:
            _note(self._stuck, each.group, says_stuck(each))
            _note(self._later, each.group, each.would_be_stuck)
            has_tone = each.registered
            _note(self._silent, each.group, None if has_tone is None else not has_tone)
        return tuple(
            sentence
            for status in statuses
            for sentence in (
                *self._missed(status),
                *self._missed_at_another_moment(status, at_risk or {}),
            )
        )

    def _missed_at_another_moment(
        self, status: GroupStatus, at_risk: Mapping[str, int]
    ) -> Iterable[str]:
        count, impact = at_risk.get(status.group, 0), status.impact
        known = self._stuck | self._at_risk
        if count > impact.stuck and status.group not in known:
            yield (
                f"{count} of {counted(impact.of, 'phone')} of {status.group} would "
                "have refused a file, had they been reset at another moment (expected: "
                "none)"
            )

    def _missed(self, status: GroupStatus) -> Iterable[str]:
        group, impact = status.group, status.impact
        whole = f"of {counted(impact.of, 'phone')} of {group}"
        lost = " and locked out" if impact.locked_out else ""
        if impact.stuck and group not in self._stuck:
            yield f"{impact.stuck} {whole} stuck{lost} (expected: none)"
        if impact.unregistered and group not in self._silent:
            yield f"{impact.unregistered} {whole} without dial tone (expected: none)"
        if impact.would_be_stuck and group not in self._later:
            yield (
                f"{impact.would_be_stuck} {whole} would be stuck{lost} when they next "
                "start (expected: none)"
            )


def says_stuck(expectation: Expectation) -> bool | None:
    """Tell whether an expectation has the phones stuck; None: it does not say."""
    each = expectation
    if each.stuck is not None:
        return each.stuck
    if each.outcome is not None:
        return each.outcome in _STUCK_OUTCOMES
    actions = {each.ctl, each.itl, each.configuration}
    return True if actions & _STUCK_ACTIONS or each.rule is not None else None


def _note(groups: set[str], group: str, says: bool | None) -> None:
    if says is not None:
        (groups.add if says else groups.discard)(group)
