"""The console script: runs a command, turns every failure into one line."""

import io
import os
import sys
import traceback
from typing import Final, Never

import click

from tokenless import __version__
from tokenless.command_line import COMMANDS, ExitStatus, LazyGroup, complain
from tokenless.ground.disk import explain
from tokenless.protocol.errors import (
    TokenlessError,
    UnreadableError,
    WrongUsageError,
    first_cause,
)

_DEBUG_VARIABLE: Final = "TOKENLESS_DEBUG"


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option("--debug", is_flag=True, envvar=_DEBUG_VARIABLE, help="Show tracebacks.")
@click.version_option(__version__, prog_name="tokenless")
def cli(*, debug: bool) -> None:
    """Serve, administer and rehearse the trust plane of a CUCM cluster."""
    _ = debug  # main() looks for itself: errors of parsing are caught there, too


def _wants_traceback() -> bool:
    """Return whether --debug or its variable is given, before anything was parsed."""
    variable = os.environ.get(_DEBUG_VARIABLE) or "0"
    return "--debug" in sys.argv or click.BOOL.convert(variable, None, None)


def _fail(message: str, status: ExitStatus) -> Never:
    complain(message)
    sys.exit(status)


def main() -> Never:
    """Run the command line.

    The status is 0, or one of `ExitStatus`; commands themselves exit with CANNOT_TELL.
    """
    _print_every_character()
    try:
        sys.exit(_run())
    except click.ClickException as error:
        error.show()
        is_usage = isinstance(error, click.UsageError)
        sys.exit(ExitStatus.USAGE if is_usage else ExitStatus.FAILED)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", ExitStatus.INTERRUPTED)
    except (Exception, BaseExceptionGroup) as error:
        _let_lost_output_go()
        if _is_interrupt(error):
            _fail("interrupted", ExitStatus.INTERRUPTED)
        if isinstance(first_cause(error), BrokenPipeError):
            sys.exit(
                ExitStatus.FAILED
            )  # the reader of our output has seen enough, as `head` does
        if _wants_traceback():
            traceback.print_exception(error)
        complain(_explain(error))
        raise SystemExit(_status_of(first_cause(error))) from error


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


def _status_of(error: BaseException) -> ExitStatus:
    match error:
        case WrongUsageError():
            return ExitStatus.USAGE
        case UnreadableError():
            return ExitStatus.CANNOT_TELL
        case _:
            return ExitStatus.FAILED


def _is_interrupt(error: BaseException) -> bool:
    """Return whether Ctrl-C is among what trio's nurseries have gathered."""
    return (
        isinstance(error, BaseExceptionGroup)
        and error.subgroup(KeyboardInterrupt) is not None
    )


def _not_utf8() -> list[str]:
    """Return the words of the command line whose bytes are no UTF-8."""
    return [each for each in sys.argv[1:] if any(map(_is_surrogate, each))]


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _explain(error: BaseException) -> str:
    """Return one line for a person."""
    error = first_cause(error)
    if isinstance(error, TokenlessError):
        return error.explain()
    if isinstance(error, OSError):
        return explain(error)
    if isinstance(error, UnicodeEncodeError) and (odd := _not_utf8()):
        return f"{' '.join(odd)}: this is not UTF-8, and cannot be kept; rename it"
    return (
        f"internal error: {type(error).__name__}: {error}; "
        "run `tokenless --debug …` for the traceback and report it"
    )
