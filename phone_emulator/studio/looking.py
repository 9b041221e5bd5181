"""Looks at a real cluster, before and after the window; what changed between two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
)
from tokenless.phone_emulator.check.inspect import inspect
from tokenless.phone_emulator.check.observing.observe import observe
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.preflight.calendar import (
    CalendarEntry,
    calendar,
)
from tokenless.phone_emulator.rehearsal.preflight.checks import (
    TELL_GROUPS,
    TELL_GUESSES,
    TELL_ROLLBACK,
    all_checks,
)
from tokenless.phone_emulator.rehearsal.preflight.cluster import (
    Preflight,
    preflight_task,
)
from tokenless.phone_emulator.rehearsal.preflight.model_checks import (
    TELL_DIGEST,
    TELL_MODELS,
    TELL_TLS,
)
from tokenless.phone_emulator.rehearsal.preflight.view import worst_first
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.studio.study import Ending, Look, LookFinding
from tokenless.protocol.release import Release

MODELS: Final = ("7975", "8861")
_KEY_BITS: Final = 2048
_HERE: Final = {
    TELL_ROLLBACK: (
        "choose Prepare Cluster for Rollback above, as `run sql` prints it"
    ),
    TELL_TLS: "choose Oldest TLS version above, as `show tls min-version` prints it",
    TELL_MODELS: "give an export of the phones as a CSV",
    TELL_GUESSES: "tell what was guessed on the page Your cluster, give more lists",
    TELL_GROUPS: "give a phone's SEP….cnf.xml, or name the groups of device pools",
    TELL_DIGEST: (
        "give a list as a .tlv file, or tick SHA-512 above if the parameter says so"
    ),
}
"""Remedies that name options of a command, as this page has them."""
_TIMEOUT_S: Final = 20.0
_LONGEST_PLACE: Final = 400
_LONGEST_TEXT: Final = 3900


@dataclass(frozen=True, slots=True)
class Difference:
    """The findings of a look that the one before did not have, and the reverse."""

    appeared: tuple[LookFinding, ...]
    gone: tuple[LookFinding, ...]


async def check(addresses: str, device: str) -> Look:
    """Look at the nodes of a cluster as its phones do; nothing is changed there.

    Raises:
        PhoneError: When an address or the device's name is none.
    """
    servers = parse_servers(addresses, default_port=DEFAULT_TFTP_PORT)
    seen = await observe(servers, parse_device(device), models=MODELS)
    return Look(
        datetime.now(UTC),
        "check",
        ", ".join(map(str, servers))[:_LONGEST_PLACE],
        tuple(
            _finding(
                each.severity.value,
                each.code.value,
                each.where,
                each.message,
                each.consequence,
                each.advice,
            )
            for each in inspect(seen, MODELS)
        ),
    )


def _finding(severity: str, code: str, where: str, *texts: str) -> LookFinding:
    """Return a finding that fits into a study: texts are cut."""
    message, consequence, advice = (each[:_LONGEST_TEXT] for each in texts)
    return LookFinding(
        severity, code, where[:_LONGEST_PLACE], message, consequence, advice
    )


@dataclass(frozen=True, slots=True)
class WindowChanges:
    """The changes of the window besides certificates."""

    target: str = ""
    """The release of an upgrade; empty: there is none."""
    key_bits: int = 2048
    tls_minimum: str = ""
    """The oldest TLS version that is accepted; empty: not told."""
    rollback: str = ""
    """Prepare Cluster for Rollback to pre 8.0, F or T; empty: not told."""
    sha512: bool = False
    ecdsa_only: bool = False

    @property
    def words(self) -> str:
        """The differences from a change of certificates alone; empty: none."""
        told = (
            f"upgrade to {self.target}" if self.target else "",
            f"keys of {self.key_bits} bits" if self.key_bits != _KEY_BITS else "",
            f"TLS {self.tls_minimum}" if self.tls_minimum else "",
            f"rollback parameter {self.rollback}" if self.rollback else "",
            "SHA-512" if self.sha512 else "",
            "ECDSA only" if self.ecdsa_only else "",
        )
        return "; ".join(filter(None, told))

    def subject(self, script: Script, goal: str) -> Preflight:
        """Return the change of a cluster as checks take it."""
        task = preflight_task(script, goal)
        return Preflight(
            script=script,
            task=task,
            plan=make_plan(task, timeout_s=_TIMEOUT_S),
            at=datetime.now(UTC),
            key_bits=self.key_bits,
            tls_minimum=self.tls_minimum or None,
            target=_release(self.target) if self.target else None,
            rollback=self.rollback == "T" if self.rollback else None,
            sha512=self.sha512 or None,
            ecdsa_only=self.ecdsa_only,
        )


def preflight(
    script: Script,
    units: Sequence[str],
    plans: WindowChanges,
    *,
    of: str = "the study's lists",
) -> Look:
    """Check an imported cluster before a change of some certificates.

    Args:
        script: The cluster.
        units: The certificates.
        plans: What else is changed.
        of: Where the cluster's lists come from.

    Raises:
        TokenlessError: When the model does not know the cluster, or the release of
            the upgrade is none.
    """
    goal = f"regenerate {', '.join(units)}"
    subject = plans.subject(script, goal)
    told = "; ".join(filter(None, (goal, plans.words, of)))
    return Look(
        datetime.now(UTC),
        "preflight",
        told[:_LONGEST_PLACE],
        tuple(
            _finding(
                each.outcome.value,
                each.code.value,
                "",
                each.message,
                each.consequence,
                _HERE.get(each.remedy, each.remedy),
            )
            for each in worst_first(all_checks(subject))
        ),
        tuple(map(_ending, calendar(subject))),
    )


def _release(text: str) -> Release:
    try:
        return Release.parse(text)
    except ValueError as error:
        raise PhoneError(str(error), hint="write 12.5(1)SU3, 14SU3 or 15SU3") from None


def _ending(entry: CalendarEntry) -> Ending:
    known = entry.certificate
    assert known.ends is not None  # noqa: S101  # the calendar has no other
    signer = "a CA" if known.ca_signed else "itself"
    effect = entry.effect[:_LONGEST_TEXT]
    return Ending(known.unit, known.node, known.ends, entry.days_left, signer, effect)


def difference(now: Look, before: Look | None) -> Difference | None:
    """Return what has changed since the look before; None without one."""
    if before is None:
        return None
    old, new = ({each.key for each in look.findings} for look in (before, now))
    return Difference(
        tuple(each for each in now.findings if each.key not in old),
        tuple(each for each in before.findings if each.key not in new),
    )


def previous(looks: Sequence[Look], at: int) -> Look | None:
    """Return the look before one of a list that has the oldest first."""
    look = looks[at]
    those = [
        each
        for each in looks[:at]
        if (each.kind, each.about) == (look.kind, look.about)
    ]
    return those[-1] if those else None
