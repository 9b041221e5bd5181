"""The agent of a node of a cluster that runs elsewhere, seen from the tests.

Its process is the command in front of `tokenless test-agent`. It is not in the
terminal's process group: Ctrl-C is for the tests. When they end, however they do, its
standard input ends, and the agent puts its node back.
"""

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock, Timer
from typing import IO, Any, Final

import msgspec

from tokenless.command_line import ExitStatus
from tokenless.phone_emulator.errors import PhoneError
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import decode_answer
from tokenless.services.test_agent.requests import (
    MAX_LINE_BYTES,
    Greeting,
    Request,
    read_greeting,
)

PATIENCE_S: Final = 120.0
_STOP_S: Final = 30.0


class RemoteAgent:
    """A running agent."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start the command; `greet` waits for the agent.

        Raises:
            PhoneError: When the command cannot be run.
        """
        self._command = command
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        self._turn = Lock()
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the tests' own command
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise PhoneError(f"{shlex.join(command)}: {error.strerror}") from None

    @property
    def is_up(self) -> bool:
        """True if its process runs."""
        return self._child.poll() is None

    def greet(self) -> Greeting:
        """Return what it says of its node, once.

        Raises:
            PhoneError: When it does not start.
        """
        with self._turn:
            result = self._answer(PATIENCE_S)
        try:
            return read_greeting(result)
        except ServiceError as error:
            raise PhoneError(f"{shlex.join(self._command)}: {error}") from None

    def ask(self, request: Request, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """Let it do something; return the result.

        Args:
            request: What.
            patience_s: How long to wait for the answer.

        Raises:
            PhoneError: When it refuses or fails, or does not answer in time.
        """
        with self._turn:
            try:
                if (pipe := self._child.stdin) is not None:
                    pipe.write(msgspec.json.encode(request) + b"\n")
                    pipe.flush()
            except (OSError, ValueError):
                raise self._ended() from None
            return self._answer(patience_s)

    def close(self) -> None:
        """End it; it puts its node back if the tests have it."""
        if self._child.stdin is not None:
            with suppress(OSError):  # it has ended
                self._child.stdin.close()
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._errors.close()

    def _answer(self, patience_s: float) -> dict[str, Any]:
        is_late = False

        def give_up() -> None:
            nonlocal is_late
            is_late = True
            self._child.kill()

        watchdog = Timer(patience_s, give_up)
        watchdog.start()
        try:
            stream = self._child.stdout
            line = b"" if stream is None else stream.readline(MAX_LINE_BYTES)
        finally:
            watchdog.cancel()
        if not line:
            if is_late:
                shown = shlex.join(self._command)
                raise PhoneError(f"{shown}: no answer within {patience_s:g} s")
            raise self._ended()
        if len(line) == MAX_LINE_BYTES:
            self._child.kill()  # what is left of the answer would be the next one
            shown = shlex.join(self._command)
            raise PhoneError(f"{shown}: the answer is longer than 4 MB")
        try:
            return decode_answer(line)
        except ServiceError as error:
            raise PhoneError(str(error), hint=error.hint) from None

    def _ended(self) -> PhoneError:
        """Say why it has ended: the last line of its standard error."""
        status = self._child.wait(_STOP_S)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"exit status {status}"
        is_unknown = status == ExitStatus.USAGE
        hint = "use the same version of tokenless there as here" if is_unknown else None
        return PhoneError(f"{shlex.join(self._command)}: {reason}", hint=hint)


def run_once(command: Sequence[str], given: bytes) -> str:
    """Run a command with this standard input; return what it printed.

    Raises:
        PhoneError: When it cannot be run, fails, or does not end in time.
    """
    shown = shlex.join(command)
    try:
        done = subprocess.run(  # noqa: S603 - the tests' own command
            command, input=given, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except OSError as error:
        raise PhoneError(f"{shown}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise PhoneError(f"{shown}: no answer within {PATIENCE_S:g} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise PhoneError(f"{shown}: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode(errors="replace")
