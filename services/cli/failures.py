"""What is said of a failure: one line and a status; a JSON object where logs are so."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from tokenless.command_line import ExitStatus
from tokenless.ground import disk
from tokenless.protocol.errors import (
    TokenlessError,
    UnreadableError,
    WrongUsageError,
    first_cause,
)

DEBUG_VARIABLE: Final = "TOKENLESS_DEBUG"
_CLICKS_OWN: Final = (click.ClickException, click.Abort, click.exceptions.Exit)


@contextmanager
def logged_failures() -> Iterator[None]:
    """Make a failure the last line of a log of JSON objects, whose readers parse all.

    Raises:
        SystemExit: Instead of a failure that was logged; its status is the failure's.
    """
    from tokenless.services.logs import get_logger, writes_json  # noqa: PLC0415

    try:
        yield
    except _CLICKS_OWN:
        raise
    except (Exception, BaseExceptionGroup) as error:
        cause = first_cause(error)
        is_quiet = is_interrupt(error) or isinstance(cause, BrokenPipeError)
        if is_quiet or not writes_json():
            raise
        trace = error if wants_traceback() else None
        get_logger().error(explain(error), exc_info=trace)
        raise SystemExit(status_of(cause)) from error


def wants_traceback() -> bool:
    """Return whether --debug or its variable is given, before anything was parsed."""
    variable = os.environ.get(DEBUG_VARIABLE) or "0"
    return "--debug" in sys.argv or click.BOOL.convert(variable, None, None)


def status_of(error: BaseException) -> ExitStatus:
    """Return the exit status of a command that failed so."""
    match error:
        case WrongUsageError():
            return ExitStatus.USAGE
        case UnreadableError():
            return ExitStatus.CANNOT_TELL
        case _:
            return ExitStatus.FAILED


def is_interrupt(error: BaseException) -> bool:
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


def explain(error: BaseException) -> str:
    """Return one line for a person."""
    error = first_cause(error)
    if isinstance(error, TokenlessError):
        return error.explain()
    if isinstance(error, OSError):
        return disk.explain(error)
    if isinstance(error, UnicodeEncodeError) and (odd := _not_utf8()):
        return f"{' '.join(odd)}: this is not UTF-8, and cannot be kept; rename it"
    return (
        f"internal error: {type(error).__name__}: {error}; "
        "run `tokenless --debug …` for the traceback and report it"
    )
