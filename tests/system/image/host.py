"""What containers run on: an engine in namespaces of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class Host:
    """Runs programs that drive an engine: `program`, its compose, our tests."""

    program: ClassVar[str]

    def __init__(self, namespaces_of: int, **variables: str) -> None:
        self._holder = namespaces_of
        self.environment = os.environ | variables

    def inside(self, *words: str) -> list[str]:
        """Return a command that runs in the engine's mounts and network."""
        return ["nsenter", f"--target={self._holder}", "--mount", "--net", *words]

    def run(self, *words: str, check: bool = True) -> str:
        """Run a program that drives the engine; return its standard output."""
        done = subprocess.run(
            self.inside(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program that drives the engine; kill it in the end."""
        with subprocess.Popen(
            self.inside(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
