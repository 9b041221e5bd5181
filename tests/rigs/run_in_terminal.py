"""Run `tokenless` in a terminal, as people see it: colours, bars and all."""

import os
import pty
import re
import signal
import subprocess
import sys

from tests.rigs.warm_start import WarmPopen

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run_in_terminal(
    *arguments: str, script: str = "", interrupt_at: str = ""
) -> tuple[int, str]:
    """Return exit status, and all that the terminal was sent, without its controls.

    Args:
        arguments: Those of `tokenless`.
        script: A Python program to run instead.
        interrupt_at: A pattern; once it is shown, Ctrl-C is sent.
    """
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "140"}
    with _start(arguments, script, theirs, environment) as child:
        os.close(theirs)
        shown = b""
        while data := _read(ours):
            shown += data
            if interrupt_at and re.search(interrupt_at, shown.decode(errors="replace")):
                child.send_signal(signal.SIGINT)
                interrupt_at = ""
        os.close(ours)
        status = child.wait(60)
    return status, _CONTROLS.sub("", shown.decode())


def _start(
    arguments: tuple[str, ...], script: str, terminal: int, environment: dict[str, str]
) -> subprocess.Popen[str]:
    if not script:
        return WarmPopen(
            arguments, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
        )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        text=True,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )


def _read(terminal: int) -> bytes:
    """Read what comes; nothing once the program has closed its side."""
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO where others say end of file
        return b""
