"""A cluster in good order, and what a preflight knows of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.preflight.cluster import (
    Preflight,
    preflight_task,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import Check, Outcome
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Group, Script, Step

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
AT = datetime(2026, 11, 29, tzinfo=UTC)
OURS = {
    "cluster": {"version": "12.5(1)"},
    "parameters": {"tftp_file_signature_algorithm": "SHA-1"},
}
SHA512: dict[str, Any] = {
    "cluster": {**OURS, "parameters": {"tftp_file_signature_algorithm": "SHA-512"}}
}
RESTART = "admin --all utils service restart Cisco Tftp"


def known(unit: str, node: str = PUB, **more: object) -> KnownCertificate:
    fields: dict[str, Any] = {
        "unit": unit,
        "source": "ctl",
        "subject": f"CN={node}-{unit}",
        "serial": "01",
        "node": node,
        "begins": AT - timedelta(days=10),
        "ends": AT + timedelta(days=7000),
        "bits": 2048,
    }
    return KnownCertificate(**fields | more)


WELL = (
    known("ITLRecovery", begins=AT - timedelta(days=300)),
    known("CallManager"),
    known("CallManager", source="itl"),
    known("CallManager", SUB),
    known("CallManager", SUB, source="itl"),
    known("TVS", source="itl"),
    known("TVS", SUB, source="itl"),
    known("ITLRecovery", source="itl", begins=AT - timedelta(days=300)),
    known("CAPF", source="itl"),
    known("CAPF"),
)


def script(models: tuple[str, ...] = ("8861",), **more: object) -> Script:
    fields: dict[str, Any] = {
        "name": "ours",
        "lesson": "a copy",
        "groups": tuple(
            Group(name=f"g-{model}", model=model, like="8861", count=10)
            for model in models
        ),
        "steps": (
            Step(
                title="Current state",
                run=("admin utils ctl set-cluster mixed-mode", RESTART, "phones boot"),
            ),
        ),
        "cluster": OURS,
        "certificates": WELL,
        "itl_bytes": 20_000,
        "unregistered": 0,
    }
    return Script(**fields | more)


def subject(made: Script | None = None, **more: object) -> Preflight:
    made = made or script()
    task = preflight_task(made, "regenerate CallManager")
    fields: dict[str, Any] = {
        "script": made,
        "task": task,
        "plan": make_plan(task),
        "at": AT,
        "key_bits": 2048,
        "tls_minimum": "1.0",
        "sha512": None,
        "ecdsa_only": False,
        "target": None,
        "rollback": False,
    }
    return Preflight(**fields | more)


def found(checks: list[Check]) -> dict[str, Outcome]:
    return {
        check.code.value: check.outcome
        for check in checks
        if check.outcome is not Outcome.OK
    }
