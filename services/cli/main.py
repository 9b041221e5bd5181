"""The console script: runs a command, turns every failure into one line."""

import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Never

import click

from tokenless import __version__
from tokenless.command_line import COMMANDS, ExitStatus, LazyGroup, complain
from tokenless.protocol.certificates.name_text import printable_lines
from tokenless.protocol.errors import first_cause
from tokenless.services.cli.failures import (
    DEBUG_VARIABLE,
    explain,
    is_interrupt,
    status_of,
    wants_traceback,
)

# Of a service manager, and of a terminal that closes; not every system has both.
_ENDS: Final = [each for each in signal.Signals if each.name in {"SIGTERM", "SIGHUP"}]


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option("--debug", is_flag=True, envvar=DEBUG_VARIABLE, help="Show tracebacks.")
@click.version_option(__version__, prog_name="tokenless")
def cli(*, debug: bool) -> None:
    """Serve, administer and rehearse the trust plane of a CUCM cluster."""
    _ = debug  # main() looks for itself: errors of parsing are caught there, too


def _fail(message: str, status: ExitStatus) -> Never:
    complain(message)
    sys.exit(status)


def main() -> Never:
    """Run the command line.

    The status is 0, or one of `ExitStatus`; commands themselves exit with CANNOT_TELL.
    """
    _print_every_character()
    try:
        with _stopped_as_by_ctrl_c():
            sys.exit(_run())
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)  # it may quote what no terminal should be sent
        click.echo(printable_lines(shown.getvalue()), err=True, nl=False)
        is_usage = isinstance(error, click.UsageError)
        sys.exit(ExitStatus.USAGE if is_usage else ExitStatus.FAILED)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", ExitStatus.INTERRUPTED)
    except (Exception, BaseExceptionGroup) as error:
        _let_lost_output_go()
        if is_interrupt(error):
            _fail("interrupted", ExitStatus.INTERRUPTED)
        if isinstance(first_cause(error), BrokenPipeError):
            sys.exit(
                ExitStatus.FAILED
            )  # the reader of our output has seen enough, as `head` does
        if wants_traceback():
            traceback.print_exception(error)
        complain(explain(error))
        raise SystemExit(status_of(first_cause(error))) from error


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does.

    By themselves they end the process at once: scratch folders, with private keys in
    them, would stay. What ignores them (`nohup`) or Ctrl-C (a shell's job in the
    background) is left alone, and commands may make of them what they want.
    """
    mine = os.getpid()

    def stop(number: int, _frame: object) -> None:
        if os.getpid() != mine:  # forked: it ends as it did
            signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT if os.getpid() == mine else number)

    has_ctrl_c = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    usual = [each for each in _ENDS if signal.getsignal(each) is signal.SIG_DFL]
    try:
        for each in usual if has_ctrl_c else ():
            signal.signal(each, stop)
        yield
    finally:
        for each in usual if has_ctrl_c else ():
            signal.signal(each, signal.SIG_DFL)


def _run() -> str | int | None:
    """Run the command; return its status when all that it printed was written."""
    status: str | int | None
    try:
        status = cli.main(prog_name="tokenless", standalone_mode=False) or 0
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except SystemExit as stop:
        status = stop.code
    if sys.stdout is not None:  # it is closed: `>&-`
        sys.stdout.flush()
    return status


def _let_lost_output_go() -> None:
    """Write what could not be written nowhere.

    Python would try it again at its end, and fail with words and a status of its own.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_every_character() -> None:
    """Write what the terminal's encoding lacks as an escape: no table ends for it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
