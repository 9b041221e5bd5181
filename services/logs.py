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
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum, unique
from typing import Final, Self, TextIO, TypeAlias

import structlog

from tokenless.protocol.certificates.name_text import printable
from tokenless.services.errors import ConfigurationError

LEVEL_VARIABLE: Final = "TOKENLESS_LOG_LEVEL"
FORMAT_VARIABLE: Final = "TOKENLESS_LOG_FORMAT"

_LOST: Final = "lines could not be written: standard error was full or closed"
_CROWDED: Final = "trio.serve_listeners"
_CROWDED_S: Final = 10.0
_Render: TypeAlias = Callable[[object, str, structlog.typing.EventDict], str]


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
    render = _json_line if as_json else _text_line
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.ExceptionRenderer(),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            environment_level() if level is None else level
        ),
        logger_factory=_Lines(sys.stderr if to is None else to, render),
        cache_logger_on_first_use=False,
    )
    logging.getLogger(_CROWDED).addFilter(_SELDOM)


def writes_json() -> bool:
    """Return whether the lines of this process are JSON objects."""
    return _json_line in structlog.get_config()["processors"]


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


class _Seldom(logging.Filter):
    """Says in a line of ours that nothing can be accepted, every ten seconds.

    While descriptors are missing trio writes a trace ten times a second for each
    listener: clients that open connections would fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep trio's own words back."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _CROWDED_S
            get_logger().error("clients wait", reason=record.getMessage())
        return False


_SELDOM: Final = _Seldom()


class _Lines:
    """Output of structlog: writes each rendered line whole, one at a time.

    A full disk, or a reader of standard error that has gone, must not end the services
    of phones: such lines are counted, and the number is written when there is room
    again. A stream's own buffer would keep them and fail with every later line.
    """

    def __init__(self, to: TextIO | None, render: _Render) -> None:
        self._to = to
        self._render = render
        self._one_at_a_time = threading.Lock()
        self._lost = 0
        self._is_torn = False
        """Whether a part of the last line was written."""

    def __call__(self, *_: object) -> Self:
        return self

    def write(self, line: str) -> None:
        if self._to is None:  # closed before the process began
            return
        with self._one_at_a_time:
            try:
                self._report_lost()
                self._put(self._to, f"{line}\n")
            except OSError:
                self._lost += 1

    debug = info = warning = error = critical = write

    def _report_lost(self) -> None:
        if self._lost and self._to is not None:
            event = {"lost": self._lost, "event": _LOST, "level": "warning"}
            line = self._render(None, "", event)
            self._put(self._to, "\n" * self._is_torn + f"{line}\n")
            self._lost = 0

    def _put(self, to: TextIO, text: str) -> None:
        try:
            descriptor = to.fileno()
        except OSError:  # it is no file
            to.write(text)
            return
        data, done = text.encode(to.encoding, "backslashreplace"), 0
        while done < len(data):
            done += os.write(descriptor, data[done:])
            self._is_torn = data[done - 1] != ord("\n")


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
