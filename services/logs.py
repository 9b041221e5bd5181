"""Log output of the services: destination and form.

Talk goes to standard error: one line an event, in the form of the vendor's trace files
(REFERENCE 3.9: `HH:MM:SS.mmm | debug <text>`) followed by what is known about it as
`key=value`, or one JSON object a line. One line a transfer or a query, never one a
packet; private keys and passwords never.

The level comes from TOKENLESS_LOG_LEVEL, the form from TOKENLESS_LOG_FORMAT
(`text` or `json`).
"""

import json as json_format
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum, unique
from functools import partial
from typing import Final, TextIO

import structlog

from tokenless.protocol.certificates.name_text import printable
from tokenless.services.errors import ConfigurationError

LEVEL_VARIABLE: Final = "TOKENLESS_LOG_LEVEL"
FORMAT_VARIABLE: Final = "TOKENLESS_LOG_FORMAT"

_WRITING: Final = threading.Lock()


@unique
class LogLevel(IntEnum):
    """Log levels; the numbers are those of the standard library."""

    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR


def configure_logs(
    *, level: LogLevel | None = None, json: bool | None = None, to: TextIO | None = None
) -> None:
    """Decide where every logger of this process writes.

    Args:
        level: The least that is written; the environment's, else INFO, when None.
        json: Whether lines are JSON objects; the environment's, else no, when None.
        to: The stream; standard error when None.

    Raises:
        ConfigurationError: When the environment names no level or no form.
    """
    as_json = _environment_json() if json is None else json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.ExceptionRenderer(),
            _json_line if as_json else _text_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            environment_level() if level is None else level
        ),
        logger_factory=partial(_Lines, sys.stderr if to is None else to),
        cache_logger_on_first_use=False,
    )


def get_logger(**known: object) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose every line has the values of `known` (node, service…)."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**known)
    return logger


def environment_level() -> LogLevel:
    """Return the level that TOKENLESS_LOG_LEVEL names, INFO without one.

    Raises:
        ConfigurationError: When it names none of debug, info, warning, error.
    """
    name = os.environ.get(LEVEL_VARIABLE, LogLevel.INFO.name)
    try:
        return LogLevel[name.upper()]
    except KeyError:
        raise ConfigurationError(
            f"{LEVEL_VARIABLE}={name} is not a level",
            hint="use debug, info, warning or error",
        ) from None


def _environment_json() -> bool:
    form = os.environ.get(FORMAT_VARIABLE, "text")
    if form not in {"text", "json"}:
        raise ConfigurationError(
            f"{FORMAT_VARIABLE}={form} is not a form", hint="use text or json"
        )
    return form == "json"


class _Lines:
    """Output of structlog: writes each rendered line whole, one at a time."""

    def __init__(self, to: TextIO, *_: object) -> None:
        self._to = to

    def write(self, line: str) -> None:
        with _WRITING:
            print(line, file=self._to, flush=True)

    debug = info = warning = error = critical = write


def _text_line(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    """Render `HH:MM:SS.mmm | level text  key=value…`, in local time as CUCM does."""
    # Local time: these lines are compared with the administrator's clock.
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    level, text = event.pop("level"), event.pop("event")
    trace = event.pop("exception", None)
    line = f"{now} | {level} {one_line(text)}"
    if event:
        line += "  " + " ".join(f"{key}={one_line(v)}" for key, v in event.items())
    if trace is None:
        return line
    # A message of an exception may quote a peer: no line of it begins as ours do.
    return "\n".join((line, *(f"    {one_line(part)}" for part in trace.split("\n"))))


def _json_line(_logger: object, _method: str, event: Mapping[str, object]) -> str:
    stamped = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}
    # ASCII only: U+009B and U+2028 are controls and line ends to terminals and tools.
    return json_format.dumps(stamped, default=str)


def one_line(value: object) -> str:
    """Return a value's text; peers must not forge lines or colour a terminal."""
    return printable(str(value))
