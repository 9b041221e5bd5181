"""Status of one phone after a step: its last boot, and its boot if it started now."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Prospect
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal, refusals_of
from tokenless.phone_emulator.secd.report import BootReport, Outcome


@unique
class PhoneStatus(StrEnum):
    """The state of one phone, for the timeline."""

    OK = "ok"
    """It holds the files that its server serves."""
    DEGRADED = "degraded"
    """Nothing was refused, but something that it needs is missing."""
    STUCK = "stuck"
    """It refused a file or did not get one, and works with its old files."""
    UNREACHABLE = "unreachable"
    """No TFTP server answered."""
    WOULD_BE_STUCK = "would be stuck"
    """It is off or was not restarted since a change; started now, it would be stuck."""
    NOT_RESTARTED = "not restarted"
    """It was well at its last boot, and would accept the files that are served now."""
    OFF = "off"
    """The case of `NOT_RESTARTED`, or of nothing new for the phone."""
    NEW = "new"
    """It has not booted yet, and would accept the served files."""


AFTER_BOOT: Final = {
    Outcome.OK: PhoneStatus.OK,
    Outcome.DEGRADED: PhoneStatus.DEGRADED,
    Outcome.REJECTED: PhoneStatus.STUCK,
    Outcome.UNREACHABLE: PhoneStatus.UNREACHABLE,
}
"""The state of a phone that has just booted."""
WAITING: Final = frozenset(
    {PhoneStatus.NOT_RESTARTED, PhoneStatus.OFF, PhoneStatus.NEW}
)


@dataclass(frozen=True, slots=True)
class PhoneAfterStep:
    """One phone after a step."""

    report: BootReport | None
    """Its last boot."""
    prospect: Prospect | None
    """Its boot, if it started now; None when it is well since its last boot."""
    is_off: bool

    @property
    def is_stuck(self) -> bool:
        """Return whether its last boot left it stuck, be it off since."""
        return self.report is not None and not self.report.holds_what_is_served

    @property
    def would_be_stuck(self) -> bool:
        """Return whether it would be stuck if it started now."""
        return (
            not self.is_stuck and self.prospect is not None and self._would_refuse != ()
        )

    @property
    def is_healed_by_a_boot(self) -> bool:
        """Return whether it is stuck, and would not be after another boot."""
        return (
            self.is_stuck
            and not self.is_off
            and self.prospect is not None
            and self.prospect.boots_well
        )

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Return the files that it refused at its last boot."""
        return () if self.report is None else tuple(refusals_of(self.report))

    @property
    def prospects(self) -> tuple[Refusal, ...]:
        """Return the files that it would refuse now, when it is not stuck yet."""
        return self._would_refuse if self.would_be_stuck else ()

    def refuses_now(self, node: str | None) -> tuple[Refusal, ...]:
        """Return what it refuses, or would refuse, as things are now.

        Args:
            node: The TFTP node that it asks first.
        """
        if not self.is_stuck:
            return self.prospects
        now = tuple(each for each in self._would_refuse if each.node in (None, node))
        return now or self.refusals

    @property
    def _would_refuse(self) -> tuple[Refusal, ...]:
        return () if self.prospect is None else self.prospect.refusals

    @property
    def state(self) -> PhoneStatus:
        """Return its state, the worst one that is true."""
        if self.report is not None and self.is_stuck:
            is_silent = self.report.outcome is Outcome.UNREACHABLE
            return PhoneStatus.UNREACHABLE if is_silent else PhoneStatus.STUCK
        if self.would_be_stuck:
            return PhoneStatus.WOULD_BE_STUCK
        if self.is_off:
            return PhoneStatus.OFF
        if self.report is None:
            return PhoneStatus.NEW
        if self.prospect is not None and self.prospect.takes_news:
            return PhoneStatus.NOT_RESTARTED
        return AFTER_BOOT[self.report.outcome]
