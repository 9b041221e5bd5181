"""`tokenless demo`: the whole story with no set-up."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import trio

from phone_emulator.demo import load_demo
from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.expectations import StepReport
from phone_emulator.rehearsal.player import Watcher, play
from phone_emulator.rehearsal.script import Script
from phone_emulator.rehearsal.stage import open_stage
from phone_emulator.rehearsal.view import ProgressView, result_console, steps_table


@click.command()
@click.option(
    "--phones",
    type=click.IntRange(2, 20_000),
    default=20,
    show_default=True,
    help="How many phones boot; half of them ask the subscriber first.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the cluster, its files and the phones' flash in this new folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a step.")
def demo(*, phones: int, keep: Path | None, as_json: bool) -> None:
    """Take a lab cluster and its phones through the vendor's four flows.

    Builds a two-node cluster in a scratch folder, serves it on free loopback ports,
    boots emulated phones at every step, and compares the checksum on every node with
    the checksum on every phone. Exit status 0 when all ended as expected.
    """
    script = load_demo()
    with _folder(keep) as folder, ProgressView() as view:
        reports, seconds = trio.run(
            _play, script, phones, folder, view.watcher, as_json
        )
    ok = len(reports) == len(script.steps) and all(report.ok for report in reports)
    if as_json:
        _print_json_verdict(script, reports, ok=ok, seconds=seconds)
    else:
        console = result_console()
        console.print(steps_table(reports))
        words = "every step ended as expected" if ok else "not as expected"
        console.print(
            f"{phones} phones, {len(reports)} steps, {seconds:.1f} s: {words}"
        )
        if keep is not None:
            console.print(f"kept in {keep}")
    if not ok:
        first = next(report for report in reports if not report.ok)
        click.echo(
            f"tokenless: step {first.number} ({first.step.title}) ended otherwise "
            f"than expected: {first.differences[0]}",
            err=True,
        )
        sys.exit(1)


async def _play(
    script: Script, phones: int, folder: Path, watcher: Watcher, as_json: bool
) -> tuple[list[StepReport], float]:
    began = time.monotonic()
    reports = []
    async with open_stage(script, phones, folder) as stage:
        async for report in play(script, stage, watcher):
            reports.append(report)
            if as_json:
                click.echo(json.dumps(report.to_json()))
    return reports, time.monotonic() - began


def _print_json_verdict(
    script: Script, reports: list[StepReport], *, ok: bool, seconds: float
) -> None:
    click.echo(
        json.dumps(
            {
                "rehearsal": script.name,
                "ok": ok,
                "steps": len(reports),
                "stuck": list(reports[-1].stuck) if reports else [],
                "seconds": round(seconds, 3),
            }
        )
    )


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield a scratch folder, or the new one that is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="tokenless-") as scratch:
            yield Path(scratch)
        return
    if keep.exists() and any(keep.iterdir()):
        raise PhoneError(f"{keep} is not empty", hint="name a new folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep
