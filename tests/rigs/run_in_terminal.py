"""Run `tokenless` in a terminal, as people see it: colours, bars and all."""

import os
import pty
import re
import subprocess
import sys

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run_in_terminal(*arguments: str, script: str = "") -> tuple[int, str]:
    """Return exit status, and all that the terminal was sent, without its controls.

    Args:
        arguments: Those of `tokenless`.
        script: A Python program to run instead.
    """
    program = ["-c", script] if script else ["-m", "tokenless", *arguments]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "140"},
    ) as child:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
        status = child.wait(60)
    return status, _CONTROLS.sub("", shown.decode())


def _read(terminal: int) -> bytes:
    """Read what comes; nothing once the program has closed its side."""
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO where others say end of file
        return b""
