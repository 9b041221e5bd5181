"""A process that works for the studio: started, read, and gone afterwards."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import trio

from tokenless.phone_emulator.studio.events import Event, Task
from tokenless.protocol.certificates.name_text import printable

_PATIENCE_S: Final = 5.0
_MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
_WORKER: Final = "tokenless.phone_emulator.studio.worker"
_ERRORS: Final = "errors.txt"
_LONGEST_WORDS: Final = 4096


async def working(
    task: Task, folder: Path, on_start: Callable[[trio.Process], bool] = lambda _: True
) -> AsyncGenerator[Event, None]:
    """Yield the events of a process that does a task; it is gone afterwards.

    Args:
        task: What it does.
        folder: For its temporary files, and for what it writes as errors.
        on_start: Is given the process; returns whether it is still wanted.

    Raises:
        OSError: When the process cannot be started.
    """
    with (folder / _ERRORS).open("wb") as errors:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "TMPDIR": str(folder)},
            # Ctrl-C is for the studio, which ends its processes itself.
            start_new_session=True,
        )
    assert process.stdin is not None  # noqa: S101  # asked for
    assert process.stdout is not None  # noqa: S101  # asked for
    try:
        if not on_start(process):
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await process.stdin.send_all(msgspec.json.encode(task) + b"\n")
        async with aclosing(_lines(process.stdout)) as lines:
            async for line in lines:
                yield msgspec.json.decode(line, type=Event)
    finally:
        await _end(process)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="tokenless-studio-", ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def last_words_of(folder: Path) -> str:
    """Return the last line that a process wrote as an error; empty: there is none."""
    try:
        with (folder / _ERRORS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_WORDS))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((printable(line) for line in reversed(lines) if line.strip()), "")


async def _end(process: trio.Process) -> None:
    """Let a process end; kill it when it does not."""
    with trio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with trio.move_on_after(_PATIENCE_S):
            await process.wait()
        if process.poll() is None:
            process.kill()
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncGenerator[bytes, None]:
    held = bytearray()
    async for part in stream:
        held += part
        *whole, rest = held.split(b"\n")
        for line in whole:
            yield bytes(line)
        held = bytearray(rest)
        if len(held) > _MAX_EVENT_BYTES:
            return
