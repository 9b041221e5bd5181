"""`tokenless apply`: bring a cluster to what its configuration file says."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.ground.counting import counted
from tokenless.ground.disk import explain
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import TokenlessError, UnreadableError
from tokenless.services.admin.interactive import ask_person
from tokenless.services.applying.difference import find_difference
from tokenless.services.applying.file import ConfigFile
from tokenless.services.applying.steps import Difference
from tokenless.services.cli.cluster.administration import announce_change, using_cluster
from tokenless.services.cli.options import config_option, data_option
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.store.audit import administrator

_NEXT = (
    "Phones get it when Cisco Tftp is restarted on every node; in mixed mode run "
    "`utils ctl update CTLFile` before, if nodes or certificates have changed."
)


@click.command()
@data_option
@config_option
@json_option
@click.option("--dry-run", is_flag=True, help="Print the difference, change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changes are made.")
@click.option(
    "--prune",
    is_flag=True,
    help="Remove nodes, groups, pools and devices that the file does not name.",
)
def apply(
    *,
    data: Path,
    config: Path | None,
    dry_run: bool,
    yes: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Bring the cluster to what the configuration file says.

    It compares nodes and their roles, CallManager groups, device pools, devices,
    parameters and certificates of trust stores. Keys that the file leaves out stay as
    they are. Each change is a transaction of its own: after an error, correct it and
    apply the file again. Exit status 0 when the cluster is as the file says, 1 when it
    is not. With --dry-run 1 means that there is a difference, and 3 that none could be
    found, because of an error: the file, the database, or what the file asks for.
    """
    if config is None:
        raise click.UsageError("name the file with --config")
    with _telling_errors_apart(is_dry=dry_run):
        file = ConfigFile.read(config)
        with using_cluster(data, config) as cluster:
            found = find_difference(cluster, file, prunes=prune)
            if not as_json:
                _show(found)
            is_applied = bool(found.steps) and not dry_run and (yes or _wants(found))
            if is_applied:
                _apply(cluster, found)
            if as_json:
                click.echo(json.dumps(_report(found, is_applied=is_applied)))
    if found.steps and not is_applied:
        if not dry_run:
            complain("nothing was changed: it was not confirmed; --yes does not ask")
        sys.exit(ExitStatus.FAILED)


@contextmanager
def _telling_errors_apart(*, is_dry: bool) -> Iterator[None]:
    """Give the errors of a dry run a status of their own: 1 says that things differ.

    Raises:
        UnreadableError: In a dry run, for everything that kept it from comparing.
    """
    try:
        yield
    except (TokenlessError, OSError) as error:
        if not is_dry:
            raise
        if isinstance(error, TokenlessError):
            raise UnreadableError(str(error), hint=error.hint) from error
        raise UnreadableError(explain(error)) from error


def _show(found: Difference) -> None:
    for step in found.steps:
        click.echo(printable(str(step)))
    if found.kept:
        count = len(found.kept)
        names = ", ".join(found.kept[:3]) + (", …" if count > 3 else "")  # noqa: PLR2004
        click.echo(printable(f"= kept, not in the file: {names} ({count}; --prune)"))
    if not found.steps:
        click.echo("the cluster is as the file says")


def _wants(found: Difference) -> bool:
    answer = ask_person(f"Make {counted(len(found.steps), 'change')}? (yes/no) ")
    return answer.strip().lower() == "yes"


def _apply(cluster: Cluster, found: Difference) -> None:
    done = 0
    try:
        for step in found.steps:
            step.do(cluster, by=administrator())
            done += 1
    except ServiceError as error:
        raise ServiceError(
            f"{found.steps[done]}: {error} (after {done} of {len(found.steps)} "
            "changes)",
            hint=error.hint,
        ) from error
    except KeyboardInterrupt:
        made = ", ".join(map(str, found.steps[:done])) or "none"
        complain(f"interrupted after {done} of {len(found.steps)} changes: {made}")
        raise
    finally:
        if done:
            announce_change(cluster)
    click.echo(f"{counted(done, 'change')} made. {_NEXT}", err=True)


def _report(found: Difference, *, is_applied: bool) -> dict[str, object]:
    return {
        "changes": [step.to_json() for step in found.steps],
        "kept": list(found.kept),
        "applied": is_applied,
    }
