"""`tokenless demo`: the whole story with no set-up."""

import json
import sys
from pathlib import Path

import click

from phone_emulator.cli.terminal import result_console
from phone_emulator.demo import load_demo
from phone_emulator.rehearsal.expectations import StepReport
from phone_emulator.rehearsal.run import rehearsal_folder, run_script
from phone_emulator.rehearsal.view import WIDTH_IN_FILES, ProgressView, steps_table


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
    with rehearsal_folder(keep) as folder, ProgressView() as view:
        on_report = _print_json if as_json else _ignore
        played = run_script(load_demo(), phones, folder, view.watcher, on_report)
    if as_json:
        click.echo(json.dumps(played.to_json()))
    else:
        console = result_console(WIDTH_IN_FILES)
        console.print(steps_table(played.steps))
        words = "every step ended as expected" if played.ok else "not as expected"
        console.print(
            f"{phones} phones, {len(played.steps)} steps, {played.seconds:.1f} s: "
            f"{words}"
        )
        if keep is not None:
            console.print(f"kept in {keep}")
    if not played.ok:
        click.echo(f"tokenless: {played.first_difference}", err=True)
        sys.exit(1)


def _print_json(report: StepReport) -> None:
    click.echo(json.dumps(report.to_json()))


def _ignore(_: StepReport) -> None:
    """Print nothing yet: the table comes at the end."""
