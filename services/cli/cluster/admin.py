"""`tokenless admin`: the administration shell of a node, or one command of it."""

import sys
from pathlib import Path

import click

from tokenless.command_line import FILE, complain
from tokenless.services.admin.interactive import ask_person, ask_secret, talk
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cli.cluster.administration import open_cluster
from tokenless.services.cli.options import config_option, data_option
from tokenless.services.logs import configure_logs


@click.command(context_settings={"ignore_unknown_options": True})
@data_option
@config_option
@click.option("--node", help="The node whose shell it is; default: the publisher.")
@click.option("--yes", is_flag=True, help="Answer every question with yes.")
@click.option(
    "--output",
    type=FILE,
    help="The file that `file get` writes; default: the same name, in this folder.",
)
@click.argument("command", nargs=-1, metavar="[COMMAND WORD...]")
def admin(
    data: Path,
    config: Path | None,
    node: str | None,
    output: Path | None,
    command: tuple[str, ...],
    *,
    yes: bool,
) -> None:
    """Open a node's shell (prompt `admin:`), or run one COMMAND.

    The shell talks to a running `tokenless serve` if there is one, and works on the
    stored state otherwise. `tokenless admin help` lists the commands. Lines can come
    from a file or a pipe; the exit status is then that of the last one that failed.
    """
    configure_logs()
    cluster = open_cluster(data, config)
    try:
        name = cluster.publisher.name if node is None else node
        if command:
            shell = AdminShell(
                cluster,
                name,
                ask=ask_person,
                ask_secret=ask_secret,
                assume_yes=yes,
                echo=lambda text: click.echo(text, nl=False),
                output=output,
            )
            line = command[0] if len(command) == 1 else None
            result = shell.run_words(command) if line is None else shell.run(line)
            if result.error is not None:
                complain(result.error)
            sys.exit(result.status)
        status = talk(cluster, name, data / "admin_history", assume_yes=yes)
        if not sys.stdin.isatty():  # a person has seen what failed, a script asks
            sys.exit(status)
    finally:
        cluster.close()
