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
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.preflight.checks import all_checks
from tokenless.phone_emulator.rehearsal.preflight.cluster import Preflight
from tokenless.phone_emulator.rehearsal.preflight.view import worst_first
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.studio.study import Look, LookFinding

MODELS: Final = ("7975", "8861")
_KEY_BITS: Final = 2048
_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Difference:
    """What a look found that the one before did not, and the other way round."""

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
        ", ".join(map(str, servers))[:400],
        tuple(
            LookFinding(
                each.severity.value,
                each.code.value,
                each.where[:400],
                each.message[:3900],
                each.consequence[:3900],
                each.advice[:3900],
            )
            for each in inspect(seen, MODELS)
        ),
    )


def preflight(script: Script, units: Sequence[str]) -> Look:
    """Check an imported cluster before a change of some certificates.

    Raises:
        TokenlessError: When the model does not know the cluster.
    """
    goal = f"regenerate {', '.join(units)}"
    task = task_for(script, goal)
    subject = Preflight(
        script=script,
        task=task,
        plan=make_plan(task, timeout_s=_TIMEOUT_S),
        at=datetime.now(UTC),
        key_bits=_KEY_BITS,
        tls_minimum="1.0",
        target=None,
        rollback=None,
        sha512=False,
        ecdsa_only=False,
    )
    return Look(
        datetime.now(UTC),
        "preflight",
        goal[:400],
        tuple(
            LookFinding(
                each.outcome.value,
                each.code.value,
                "",
                each.message[:3900],
                each.consequence[:3900],
                each.remedy[:3900],
            )
            for each in worst_first(all_checks(subject))
        ),
    )


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
