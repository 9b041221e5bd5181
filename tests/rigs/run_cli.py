"""Run `tokenless` as its users do: a process of its own."""

from tests.rigs.warm_start import run_warm


def run_cli(*arguments: str, timeout_s: float = 120) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error."""
    done = run_warm(arguments, timeout=timeout_s)
    return done.returncode, done.stdout, done.stderr
