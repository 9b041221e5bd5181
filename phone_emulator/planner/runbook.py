"""A plan as a runbook: a row for each thing to do, in the vendor's words.

Paths of pages, commands and what they print follow docs/reference 1 (6, 7) and 5 (4,
5). A runbook tells what the plan's model knows; `rehearse run` of the saved file is the
proof.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.planner.model.cluster import PUBLISHER, ClusterLayout
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    resets_phones,
)
from tokenless.phone_emulator.planner.plan import Harm, Plan, Planned
from tokenless.protocol.codes import TrustStore

_CERTIFICATE_PAGE: Final = (
    "Cisco Unified OS Administration > Security > Certificate Management"
)
_CERTIFICATES: Final = f"{_CERTIFICATE_PAGE} > Find"
_SERVICEABILITY: Final = "Cisco Unified Serviceability > Tools"
_RESET: Final = (
    "Cisco Unified CM Administration > System > Enterprise Parameters > Reset"
)
_NO_PAGE: Final = "no page: command line only"
_EVERY_NODE: Final = "every node"
COMMAND_S: Final = 30.0
"""What a command takes, with the person who types it."""
_MINUTE_S: Final = 60.0
_BACKUP: Final = "a certificate that was replaced comes back only from a DRS backup"


@dataclass(frozen=True, slots=True)
class Pace:
    """Figures for the length of a window; none of them is known to the model."""

    phones: int | None = None
    """The number of phones; None: no time is estimated."""
    batch: int = 500
    """The number of phones that are reset together."""
    phones_per_s: float = 20.0
    """The number of phones that come back in a second."""
    phone_restart_s: float = 180.0
    """From the reset of a phone to its registration."""
    restart_s: float = 60.0
    """For the restart of a service on a node."""

    def reset_s(self) -> float:
        """Return how long it takes until all phones are back."""
        phones = self.phones or 0
        batches = math.ceil(phones / self.batch)
        return phones / self.phones_per_s + batches * self.phone_restart_s

    def words(self) -> str:
        """Say what times are computed from."""
        return (
            f"{self.phones} phones reset {self.batch} at a time, {self.phones_per_s:g} "
            f"come back in a second, a phone takes {self.phone_restart_s:g} s to "
            f"restart, a service {self.restart_s:g} s on each node"
        )

    def automatic_reset_s(self) -> float:
        """Return the same where the cluster resets all phones at once."""
        return (self.phones or 0) / self.phones_per_s + self.phone_restart_s


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One thing to do."""

    number: int
    node: str
    what: str
    page: str
    command: str
    wait_for: str
    verify: str
    back: str
    """A way to stop or go back from here."""
    forbidden: tuple[str, ...]
    """Forbidden regenerations, each with the step that ends it."""
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Runbook:
    """All of them."""

    rows: tuple[RunbookRow, ...]
    pace: Pace
    assumptions: tuple[str, ...]
    not_safe: tuple[str, ...]
    """Groups that must be told of before the window."""

    @property
    def seconds(self) -> float | None:
        """The length of the window in seconds, None without a number of phones."""
        if self.pace.phones is None:
            return None
        return sum(row.seconds or 0 for row in self.rows)


COLUMNS: Final = (
    "step",
    "node",
    "what",
    "page",
    "command",
    "wait for",
    "verify",
    "stop or go back",
    "not yet",
    "minutes",
)


def runbook_of(plan: Plan, pace: Pace) -> Runbook:
    """Return the runbook of a plan.

    Args:
        plan: One that has steps.
        pace: What its times are computed from.

    Raises:
        ValueError: When the plan has no steps (a caller's mistake).
    """
    if plan.steps is None:
        raise ValueError("a plan without steps has no runbook")
    layout = plan.task.layout
    return Runbook(
        tuple(_row(layout, plan, step, pace) for step in plan.steps),
        pace,
        tuple(_assumptions(pace)),
        tuple(
            f"{each.group.name}: by hand after the last step"
            if each.group in plan.by_hand
            else f"{each.group.name}: may refuse files from step {each.from_step} on"
            for each in plan.unsafe
        ),
    )


def cells_of(row: RunbookRow) -> tuple[str, ...]:
    """Return a row's cells, by `COLUMNS`."""
    minutes = "" if row.seconds is None else _minutes(row.seconds)
    return (
        str(row.number),
        row.node,
        row.what,
        row.page,
        row.command,
        row.wait_for,
        row.verify,
        row.back,
        "; ".join(row.forbidden),
        minutes,
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}" if seconds > _MINUTE_S else "1"


def _assumptions(pace: Pace) -> Iterator[str]:
    yield "Take a DRS backup before step 1 and keep it apart from the cluster."
    yield "What the model leaves out stands in docs/planning.md; rehearse the plan."
    if pace.phones is not None:
        yield f"Times are computed, not measured on your cluster: {pace.words()}."


def _row(layout: ClusterLayout, plan: Plan, step: Planned, pace: Pace) -> RunbookRow:
    what = _Doing(layout, step.step)
    if step.number in plan.restarts:
        what.restart_callmanager_first()
    return RunbookRow(
        number=step.number,
        node=what.node,
        what=step.title,
        page=what.page,
        command=what.command,
        wait_for=what.wait_for,
        verify=what.verify,
        back=what.back + _except(plan, step.number),
        forbidden=tuple(_forbidden(plan, step)),
        seconds=None if pace.phones is None else what.seconds(pace),
    )


def _except(plan: Plan, number: int) -> str:
    """Name the groups for which it is not safe to stop after a step."""
    names = [
        each.group.name
        for each in plan.unsafe
        if each.from_step <= number and (each.to_step is None or number < each.to_step)
    ]
    return f"; not safe for {', '.join(names)}" if names else ""


def _forbidden(plan: Plan, step: Planned) -> Iterator[str]:
    """Say what must not be regenerated from here, and until which step."""
    later = (plan.steps or ())[step.number :]
    for danger in step.dangers:
        until = next(
            (
                each.number
                for each in later
                if all(danger.unit is not other.unit for other in each.dangers)
            ),
            None,
        )
        when = "at the end, too" if until is None else f"until step {until} is done"
        does = (
            "locks out"
            if danger.harm is Harm.LOCKS_OUT
            else "removes the last anchor of"
        )
        groups = len(danger.groups)
        named = danger.groups[0] if groups == 1 else f"{groups} groups"
        yield f"do not regenerate {danger.unit} {when}: it {does} {named}"


class _Doing:
    """The instructions for one step: do it, wait, verify, stop."""

    def __init__(self, layout: ClusterLayout, step: PlanStep) -> None:
        self._nodes = len(layout.nodes)
        self._step = step
        self._resets_phones = resets_phones(layout, step)
        publisher = layout.nodes[PUBLISHER]
        self.node = publisher
        self.page = _NO_PAGE
        self.command = self.wait_for = ""
        self.back = "you may stop here: phones that restart accept all files"
        match step:
            case Regenerate(unit=unit, node=node):
                self.node = layout.nodes[node]
                self._renew(layout, unit)
                self.verify = f"show cert own {unit}: Not Before is today"
                self.back = f"{self.back}; {_BACKUP}"
                if self._resets_phones:
                    self.wait_for += (
                        "; services restart and phones are reset automatically: as "
                        "many registered phones as before (RTMT)"
                    )
            case UpdateCtl():
                self.command = "utils ctl update CTLFile"
                self.wait_for = "CTL file Updated"
                self.verify = (
                    "show ctl: The CTL file was verified successfully; its records "
                    "have the new serial numbers"
                )
            case ResetCtl():
                self.command = "utils ctl reset localkey"
                self.wait_for = "the command says that the CTL file was reset"
                self.verify = "show ctl: The CTL file was verified successfully"
            case ResetItl():
                self.command = "utils itl reset localkey"
                self.wait_for = "the command says that the ITL was reset on all nodes"
                self.verify = "show itl on each node: the same checksum and new signer"
            case RestartTvs():
                self._restart(
                    "Cisco Trust Verification Service",
                    "Network Services",
                    "show itl on each node lists TVS with the certificate of "
                    "`show cert own TVS` after the next restart of Cisco Tftp",
                )
            case RestartTftp():
                self._restart(
                    "Cisco Tftp",
                    "Feature Services",
                    "show itl on each node: The ITL file was verified successfully",
                )
            case ResetPhones():
                self.node = "all phones"
                self.page = f"{_RESET}, or Device > Device Pool > Reset, in batches"
                self.command = "none"
                self.wait_for = "as many registered phones as before (RTMT)"
                self.verify = (
                    "some phones of each group: Settings > Status > Status Messages "
                    "shows no Trust List update failed"
                )
                self.back = (
                    "if a phone says Trust List update failed, stop: no further reset; "
                    f"find the reason with `tokenless check`. {_BACKUP}"
                )

    def _renew(self, layout: ClusterLayout, unit: TrustStore) -> None:
        """Say how a certificate is replaced: `Regenerate` would self-sign it."""
        if unit not in layout.signed:
            self.page = f"{_CERTIFICATES} > {unit}.pem > Regenerate"
            self.command = f"set cert regen {unit}"
            self.wait_for = "the page or the command says that it was regenerated"
            return
        for_all = ", Distribution Multi-server(SAN)" if unit in layout.shared else ""
        self.page = (
            f"{_CERTIFICATE_PAGE} > Generate CSR: {unit}{for_all}; let the CA sign it; "
            f"Upload Certificate/Certificate chain: {unit}"
        )
        self.command = f"set csr gen {unit}; then set cert import own {unit}"
        self.wait_for = "the page or the command says that it was uploaded"

    def restart_callmanager_first(self) -> None:
        """Say that Cisco CallManager is to be restarted right before a reset.

        Its time is the phones', which come back once.
        """
        service = "Cisco CallManager"
        self.page = (
            f"first {_SERVICEABILITY} > Control Center - Feature Services > "
            f"{service} > Restart, on every node; then {self.page}"
        )
        self.command = f"first, on every node: utils service restart {service}"
        self.wait_for = f"{service}[STARTED] on each node, then {self.wait_for}"

    def _restart(self, service: str, kind: str, verify: str) -> None:
        self.node = _EVERY_NODE
        self.page = f"{_SERVICEABILITY} > Control Center - {kind} > {service} > Restart"
        self.command = f"utils service restart {service}"
        self.wait_for = f"{service}[STARTED] on each node, one node after the other"
        self.verify = verify

    def seconds(self, pace: Pace) -> float:
        """Return how long the step takes; commands themselves count half a minute."""
        match self._step:
            case RestartTvs() | RestartTftp():
                return self._nodes * pace.restart_s
            case ResetPhones():
                return pace.reset_s()
            case Regenerate() if self._resets_phones:
                return pace.automatic_reset_s()
            case _:
                return COMMAND_S
