"""Start `tokenless` as its users do, but in a process that has its modules loaded.

Loading them takes far longer than what most commands do, and the tests start hundreds.
Each command still has a process of its own, with its own folder, environment, streams
and network: only the interpreter's start is shared (`warm_server`). What a command
loads, and that it can, is shown by tests/system/test_start_up.py and test_installed.py.
"""

import atexit
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from signal import SIGKILL
from threading import Lock
from typing import Any, Final

from tests.rigs import quick_keys, warm_command

MAX_REQUEST: Final = 128 * 1024
# Where Popen's own method is given what it needs, behind the words.
_FOLDER: Final = 4
_ENVIRONMENT: Final = 5
_PIPES: Final = slice(9, 15)
_NEW_SESSION: Final = 20


class WarmPopen(subprocess.Popen[str]):
    """A command of `tokenless` in a process of its own.

    It takes what `Popen` takes of `cwd`, `env`, `stdin`, `stdout`, `stderr` and
    `start_new_session`.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        network: str = "",
        **settings: Any,  # noqa: ANN401 - as Popen's
    ) -> None:
        """Start a command.

        Args:
            words: Its words, without `tokenless`.
            network: The namespace that it enters, a path; its own when empty.
            settings: Of `Popen`.
        """
        self._network = network
        self._end = -1
        super().__init__(words, text=True, **settings)

    # What follows takes the place of fork, exec and waitpid in Popen.

    def _execute_child(self, words: Sequence[str], *settings: Any) -> None:  # noqa: ANN401
        folder, environment = settings[_FOLDER], settings[_ENVIRONMENT]
        pipes = settings[_PIPES]
        request = {
            "words": list(words),
            "folder": str(folder or Path.cwd()),
            "environment": dict(os.environ if environment is None else environment),
            "network": self._network,
            "new_session": settings[_NEW_SESSION],
        }
        theirs = pipes[0], pipes[3], pipes[5]
        streams = [own if each == -1 else each for own, each in enumerate(theirs)]
        self._end, told = os.pipe()
        try:
            self.pid = _server().fork(json.dumps(request).encode(), [*streams, told])
        finally:
            os.close(told)
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if self._end == -1:
            return 0, 0
        if flags & os.WNOHANG and not select.select([self._end], [], [], 0)[0]:
            return 0, 0
        status = os.read(self._end, 16)
        os.close(self._end)
        self._end = -1
        return self.pid, int(status or SIGKILL)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:  # noqa: ANN401
        lock: Lock = self._waitpid_lock  # type: ignore[attr-defined]
        if self.returncode is None and lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                lock.release()
        return self.returncode


def run_warm(
    words: Sequence[str],
    *,
    input: str | None = None,  # noqa: A002 - as subprocess.run
    timeout: float | None = None,
    **settings: Any,  # noqa: ANN401 - as Popen's
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return how it ended and what it printed."""
    pipe = subprocess.PIPE
    stdin = None if input is None else pipe
    with WarmPopen(words, stdin=stdin, stdout=pipe, stderr=pipe, **settings) as process:
        try:
            out, err = process.communicate(input, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def warm_commands() -> Path:
    """Return a folder for a shell's PATH; its `tokenless` is one of these processes."""
    return _server().folder


class _Server:
    """The process that forks."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm-"))
        command = self.folder / "tokenless"
        program = Path(warm_command.__file__).read_text()
        command.write_text(f"#!{sys.executable} -IS\n{program}")
        command.chmod(0o755)
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = Lock()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.rigs.warm_server"),
                    str(theirs.fileno()),
                    self.folder / warm_command.SOCKET,
                    quick_keys.counts(),
                ],
                cwd=Path(__file__).parents[2],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._answer()

    def fork(self, request: bytes, passed: list[int]) -> int:
        """Return the process that a request was given to."""
        assert len(request) < MAX_REQUEST
        with self._lock:
            socket.send_fds(self._ours, [request], passed)
            return int(self._answer())

    def end(self) -> None:
        """End it; what it has forked goes with it."""
        self._ours.close()
        self._process.wait()
        shutil.rmtree(self.folder)

    def _answer(self) -> bytes:
        answer = self._ours.recv(MAX_REQUEST)
        assert answer, "the process that forks has ended"
        return answer


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.end)
    return server
