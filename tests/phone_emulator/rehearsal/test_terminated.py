"""SIGTERM, as `timeout` and CI servers send it: a rehearsal leaves no folder behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.warm_start import WarmPopen
from tests.system.serving import environment
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.play import executor as executors
from tokenless.phone_emulator.rehearsal.play.executor import open_executor, results_of
from tokenless.phone_emulator.rehearsal.play.worker import leave_to_parent

LARGE = 64 << 20
"""Bytes."""
PATIENCE_S = 60


ROOT = Path(__file__).parents[3]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Return a folder in which a socket has room."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def alone(words: list[str], **settings: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    """Start a command in an interpreter of its own, which inherits what is ignored."""
    command = [sys.executable, "-m", "tokenless", *words]
    return subprocess.Popen(command, text=True, **settings)


def playing(folder: Path) -> bool:
    return bool(list(folder.glob("tokenless-*/cluster/*")))


def forking(folder: Path) -> bool:
    """Tell whether the process is there that forks workers, though not yet ready."""
    return bool(list(folder.glob("pymp-*/listener-*")))


@contextmanager
def rehearsing(
    start: Callable[..., subprocess.Popen[str]],
    folder: Path,
    *words: str,
    until: Callable[[Path], bool] = playing,
) -> Iterator[subprocess.Popen[str]]:
    """Play a rehearsal until its cluster has a folder below `folder`, or as told."""
    known = {**environment(folder), "TMPDIR": str(folder)}
    known.pop("TOKENLESS_CONFIG")
    with start(
        ["rehearse", *words],
        cwd=folder,
        env=known,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            while not until(folder):
                assert child.poll() is None
                time.sleep(0.05)
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("is_background", [False, True])
def test_a_rehearsal_that_is_terminated_leaves_nothing(
    tmp_path: Path, is_background: bool
) -> None:
    """A script's background jobs are started with Ctrl-C ignored."""
    known = signal.getsignal(signal.SIGINT)
    if is_background:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with rehearsing(alone, tmp_path, "run", "tvs-down") as child:
        signal.signal(signal.SIGINT, known)
        child.terminate()
        assert child.stderr
        assert child.stderr.read().splitlines()[-1] == "tokenless: interrupted"
    assert child.returncode == 130
    assert not list(tmp_path.glob("tokenless-*"))


@pytest.mark.parametrize("until", [playing, forking])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_group_of_processes_that_is_terminated_leaves_nothing(
    short_path: Path, number: signal.Signals, until: Callable[[Path], bool]
) -> None:
    """Workers finish what they play, and end."""
    if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("SIGHUP is ignored, as below nohup, and stays so")
    two = ("run", "tvs-down", "expiry")
    with rehearsing(WarmPopen, short_path, *two, until=until) as child:
        os.killpg(child.pid, number)
        assert child.stderr
        said = child.stderr.read()  # until no process has it any more
    assert "tokenless: interrupted" in said
    assert "Traceback" not in said
    assert "resource_tracker" not in said
    assert child.returncode == 130
    assert not list(short_path.glob("tokenless-*"))
    assert not list(short_path.glob("pymp-*"))


def terminated(size: int) -> bytes:
    """Return what a pipe does not hold at once, in a process that gets SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)
    return bytes(size)


def test_a_worker_that_is_terminated_sends_its_result() -> None:
    """Half a result would be waited for without end."""
    with open_executor(1, None) as executor:
        (answer,) = results_of(executor, terminated, [LARGE])
    assert len(answer) == LARGE


def parent(_: None) -> int:
    return os.getppid()


def has_loaded(pid: int) -> bool:
    """Tell whether a process has the product's libraries, which Python has not."""
    return "/msgspec/" in Path(f"/proc/{pid}/maps").read_text()


def test_workers_find_everything_loaded() -> None:
    with open_executor(2, None) as executor:
        (asked,) = results_of(executor, parent, [None])
        (again,) = results_of(executor, parent, [None])
        assert asked == again != os.getpid()
        assert has_loaded(asked)


def begins_late(may_begin: Connection) -> None:
    may_begin.recv()
    leave_to_parent()
    threading.Event().wait()


def test_a_worker_that_is_ended_before_it_has_begun_ends() -> None:
    """As when another one dies at once; the parent would wait for it without end."""
    with open_executor(1, None) as executor:
        list(results_of(executor, parent, [None]))
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        late = context.Process(target=begins_late, args=(theirs,), daemon=True)
        late.start()
        late.terminate()
        with suppress(BrokenPipeError):
            ours.send(None)
        late.join(PATIENCE_S)
        is_alive = late.is_alive()
        late.kill()
    assert not is_alive


_ASKS = f"""
import os
from {__name__} import parent
from {executors.__name__} import *
with open_executor(1, None) as executor:
    (forker,) = results_of(executor, parent, [None])
print(forker != os.getpid())
"""


@pytest.mark.parametrize("name", ["x", "x" * 90])
def test_workers_start_where_no_socket_has_room(short_path: Path, name: str) -> None:
    folder = short_path / name
    folder.mkdir()
    said = subprocess.run(
        [sys.executable, "-c", _ASKS],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (said.stdout, said.stderr) == (f"{len(name) == 1}\n", "")
    assert not list(folder.iterdir())


def died(_: None) -> None:
    os._exit(1)


def test_when_one_worker_dies_the_others_are_ended() -> None:
    with (
        pytest.raises(PhoneError, match="has died"),
        open_executor(2, None) as executor,
    ):
        list(results_of(executor, died, [None, None, None]))
