"""Run `tokenless` as its users do: a process of its own."""

import subprocess
import sys


def run_cli(*arguments: str, timeout_s: float = 120) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "tokenless", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
