"""The prompt `admin:` in a terminal: completion, history, help, pages."""

import readline
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from getpass import getpass
from pathlib import Path
from typing import Final

import click

from tokenless.services.admin.command import TREE
from tokenless.services.admin.shell import PROMPT, AdminShell
from tokenless.services.cluster.cluster import Cluster

_HISTORY_LENGTH: Final = 500
_LEAVE: Final = frozenset({"exit", "quit", "logout"})


def talk(cluster: Cluster, node_name: str, history: Path, *, assume_yes: bool) -> int:
    """Open the node's shell and run typed lines until `exit` or the end of input.

    Returns:
        The exit status of the last line that failed; 0 when none did.

    Raises:
        ServiceError: When the cluster has no such node.
    """
    pager = Pager(lambda: sys.stdout.isatty() and shell.pagination)
    shell = AdminShell(
        cluster,
        node_name,
        ask=ask_person,
        ask_secret=ask_secret,
        assume_yes=assume_yes,
        echo=pager.echo,
    )
    _prepare_readline(history)
    status = 0
    try:
        while (line := _typed()) is not None:
            if line.strip() in _LEAVE:
                break
            pager.start()
            result = shell.run(line)
            status = result.status or status
            if result.error is not None:
                click.echo(result.error, err=True)
    finally:
        with suppress(OSError):
            readline.write_history_file(history)
    return status


def ask_person(question: str) -> str:
    """Put a question on the terminal; the end of input means no."""
    try:
        return input(question)
    except EOFError:
        click.echo()
        return ""


def ask_secret(question: str) -> str:
    """Ask for a secret without an echo; reads a line without a terminal."""
    return getpass(question) if sys.stdin.isatty() else ask_person(question)


def _typed() -> str | None:
    """Return the next line, empty after Ctrl-C, None at the end."""
    try:
        return input(PROMPT)
    except KeyboardInterrupt:
        click.echo()
        return ""
    except EOFError:
        click.echo()
        return None


def _prepare_readline(history: Path) -> None:
    with suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_HISTORY_LENGTH)
    readline.set_completer_delims(" \t")
    readline.set_completer(_complete)
    readline.parse_and_bind("tab: complete")


def _complete(prefix: str, state: int) -> str | None:
    before = readline.get_line_buffer()[: readline.get_begidx()].split()
    matching = [word for word in TREE.next_words(before) if word.startswith(prefix)]
    return f"{matching[state]} " if state < len(matching) else None


class Pager:
    """Stops after each screen of output, until pagination is switched off.

    `q` skips the rest of the output; the command itself goes on.
    """

    def __init__(self, enabled: Callable[[], bool]) -> None:
        self._enabled = enabled
        self._lines = 0
        self._skipping = False

    def start(self) -> None:
        """Begin a command's output."""
        self._lines, self._skipping = 0, False

    def echo(self, text: str) -> None:
        """Print text, waiting for a key after each full screen."""
        for line in text.splitlines(keepends=True):
            if self._enabled() and self._lines >= shutil.get_terminal_size().lines - 1:
                self._wait()
            if self._skipping:
                return
            sys.stdout.write(line)
            self._lines += 1
        sys.stdout.flush()

    def _wait(self) -> None:
        click.echo("options: q=quit, any other key=next page", nl=False)
        self._skipping = click.getchar() == "q"
        click.echo("\r\033[K", nl=False)
        self._lines = 0
