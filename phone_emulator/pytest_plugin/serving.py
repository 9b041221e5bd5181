"""The processes of a lab: one `tokenless serve` for each node, and the folder's keeper.

Each has a pipe as its standard input whose other end is here. When this process dies,
by whatever signal, the nodes see its end and stop. The other end of the keeper's pipe
is with the nodes, too: it deletes their keys when the last of them has stopped. None is
in the terminal's process group: Ctrl-C is for the tests, which end the others in order.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin import keeper

_START_S: Final = 120.0
_STOP_S: Final = 10.0
_SETTINGS: Final = "TOKENLESS_"
"""Begins the variables of the commands: those of the shell are of another cluster."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder for the time of a lab."""

    folder: Path
    lifeline: int
    """The descriptor that keeps the folder; processes that use it inherit it."""


@contextmanager
def scratch_folder() -> Iterator[Scratch]:
    """Make a folder that is deleted when the block ends or this process dies."""
    # Not pytest's own folder: its names are longer than a control socket's may be.
    folder = Path(tempfile.mkdtemp(prefix="tokenless-"))
    with subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-I", keeper.__file__, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            yield Scratch(folder, child.stdin.fileno() if child.stdin else -1)
        finally:
            # A process that the tests have forked may hold the pipe, and live on.
            shutil.rmtree(folder, ignore_errors=True)
            child.kill()


class NodeProcess:
    """The services of one node, running or not."""

    def __init__(self, name: str, data: Path, scratch: Scratch) -> None:
        """Prepare; nothing is started.

        Args:
            name: The node's.
            data: The cluster's data folder.
            scratch: The log is written there; it is kept while the process lives.
        """
        self.name = name
        self.log = scratch.folder / f"{name}.log"
        self._lifeline = scratch.lifeline
        self._data = data
        self._child: subprocess.Popen[str] | None = None

    @property
    def is_up(self) -> bool:
        """True if its process runs."""
        return self._child is not None and self._child.poll() is None

    def start(self, name: str | None = None) -> None:
        """Start the process; `await_services` waits until it serves.

        Args:
            name: The node's name of now, where it was renamed.
        """
        where = ("--data", str(self._data), "--node", name or self.name)
        options = (*where, "--stop-with-stdin")
        variables = {k: v for k, v in os.environ.items() if not k.startswith(_SETTINGS)}
        with self.log.open("a") as errors:
            self._child = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-m", "tokenless", "serve", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=variables,
                pass_fds=[self._lifeline],
                start_new_session=True,
                text=True,
            )

    def await_services(self) -> None:
        """Wait until the process says that it serves.

        Raises:
            PhoneError: When it ends before; has the last line of its log.
        """
        child = self._child
        if child is not None and child.stdout is not None:
            watchdog = Timer(_START_S, child.kill)
            watchdog.start()
            try:
                for line in child.stdout:
                    if json.loads(line)["event"] == "serving":
                        return
            finally:
                watchdog.cancel()
        last = self.log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
        raise PhoneError(f"the services of {self.name} did not start: {last[0]}")

    def stop(self) -> None:
        """End the process as SIGTERM does: phones are told."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """End the process as a power failure does."""
        self._end(subprocess.Popen.kill)

    def _end(self, how: Callable[["subprocess.Popen[str]"], None]) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with child:  # closes its pipes
            how(child)
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
