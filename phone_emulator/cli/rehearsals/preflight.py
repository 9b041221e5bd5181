"""`tokenless preflight`: what to look at before a change of an imported cluster."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from tokenless.command_line import (
    ExitStatus,
    NumberRange,
    complain,
    json_option,
)
from tokenless.ground.terminal import result_console, slow_view
from tokenless.inputs import INPUT_FILE
from tokenless.phone_emulator.check.view import WIDTH_IN_FILES
from tokenless.phone_emulator.cli.options import RELEASE
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.rehearsal.preflight.calendar import (
    CalendarEntry,
    calendar,
)
from tokenless.phone_emulator.rehearsal.preflight.checks import all_checks
from tokenless.phone_emulator.rehearsal.preflight.cluster import (
    Preflight,
    preflight_task,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import Check, Outcome
from tokenless.phone_emulator.rehearsal.preflight.view import (
    preflight_view,
    worst_first,
)
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.release import Release


@click.command()
@click.argument("rehearsal", type=INPUT_FILE)
@click.option(
    "--goal",
    required=True,
    help='The change, as for `rehearse plan`: "regenerate CallManager, TVS".',
)
@click.option(
    "--to",
    "target",
    type=RELEASE,
    help="The release of an upgrade that is part of the change.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The day of the change; default: today.",
)
@click.option(
    "--key-size",
    type=click.Choice(["1024", "2048", "3072", "4096"]),
    default="2048",
    help="Key size in bits of the certificates that the change makes.",
)
@click.option(
    "--tls-minimum",
    type=click.Choice(["1.0", "1.1", "1.2", "1.3"]),
    help="The oldest TLS version that the cluster accepts after the change; not in "
    "the lists.",
)
@click.option(
    "--file-signature",
    type=click.Choice(["sha1", "sha512"]),
    help="The TFTP File Signature Algorithm after the change; default: that of the "
    "imported lists.",
)
@click.option(
    "--ecdsa-only", is_flag=True, help="TLS allows ECDSA suites only after the change."
)
@click.option(
    "--rollback",
    type=click.Choice(["F", "T"]),
    help="The value of RollBackToPreGrayback, which is not in the lists.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(min=0, min_open=True),
    default=60.0,
    metavar="SECONDS",
    help="Seconds after which the search for a safe order stops.",
)
@json_option
def preflight(
    *,
    rehearsal: Path,
    goal: str,
    target: Release | None,
    at: datetime | None,
    key_size: str,
    tls_minimum: str | None,
    file_signature: str | None,
    ecdsa_only: bool,
    rollback: str | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Check an imported cluster before a change.

    It also prints the dates on which certificates expire.

    REHEARSAL is a file that `rehearse import` wrote. Each problem is printed with its
    effect and its fix. A check without data is named, and does not count as passed.
    Exit status: 0 without errors; 1 when phones are locked out, or the change would
    lock them out; 3 when nothing but the goal could be checked.
    """
    script = load_script(rehearsal, check_file)
    task = preflight_task(script, goal)
    subject = Preflight(
        script=script,
        task=task,
        plan=_planned(task, timeout_s),
        at=(at or datetime.now(UTC)).replace(tzinfo=UTC),
        key_bits=int(key_size),
        tls_minimum=tls_minimum,
        sha512=None if file_signature is None else file_signature == "sha512",
        ecdsa_only=ecdsa_only,
        target=target,
        rollback=None if rollback is None else rollback == "T",
    )
    if subject.at.date() < datetime.now(UTC).date():
        complain(
            f"--at {subject.at:%Y-%m-%d} is in the past: certificates that have ended "
            "since then are judged as valid; leave --at out for today"
        )
    checks, entries = all_checks(subject), calendar(subject)
    _say(checks, entries, as_json=as_json)
    _exit([check for check in checks if check.outcome is Outcome.ERROR], subject)


def _planned(task: Task, timeout_s: float) -> Plan:
    with slow_view("checking orders") as tell:
        return make_plan(
            task,
            timeout_s=timeout_s,
            progress=lambda count: tell(f"{count} orders checked"),
        )


def _to_json(
    checks: Sequence[Check], entries: Sequence[CalendarEntry]
) -> dict[str, object]:
    return {
        "checks": [check.to_json() for check in worst_first(checks)],
        "calendar": [entry.to_json() for entry in entries],
    }


def _say(
    checks: Sequence[Check], entries: Sequence[CalendarEntry], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps(_to_json(checks, entries)))
    else:
        result_console(WIDTH_IN_FILES).print(preflight_view(checks, entries))


def _exit(errors: list[Check], subject: Preflight) -> None:
    if errors:
        first = errors[0]
        complain(f"{first.message}; {first.remedy}")
        sys.exit(ExitStatus.FAILED)
    if not subject.known:
        complain("no certificate is known: import the cluster from its lists")
        sys.exit(ExitStatus.CANNOT_TELL)
