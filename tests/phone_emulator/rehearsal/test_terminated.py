"""SIGTERM, as `timeout` and CI servers send it: a rehearsal leaves no folder behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.serving import environment
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.play import executor as executors
from tokenless.phone_emulator.rehearsal.play.executor import open_executor, results_of

LARGE = 64 << 20
"""Bytes."""


@contextmanager
def rehearsing(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Play a rehearsal until its cluster has a folder below `folder`."""
    known = {**environment(folder), "TMPDIR": str(folder)}
    known.pop("TOKENLESS_CONFIG")
    command = [sys.executable, "-m", "tokenless", "rehearse", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=known,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            while not list(folder.glob("tokenless-*/cluster/*")):
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
    with rehearsing(tmp_path, "run", "tvs-down") as child:
        signal.signal(signal.SIGINT, known)
        child.terminate()
        assert child.stderr
        assert child.stderr.read().splitlines()[-1] == "tokenless: interrupted"
    assert child.returncode == 130
    assert not list(tmp_path.glob("tokenless-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_group_of_processes_that_is_terminated_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Workers finish what they play, and end."""
    with rehearsing(tmp_path, "run", "tvs-down", "expiry") as child:
        os.killpg(child.pid, number)
        assert child.stderr
        said = child.stderr.read()  # until no process has it any more
    assert "tokenless: interrupted" in said
    assert "Traceback" not in said
    assert "resource_tracker" not in said
    assert child.returncode == 130
    assert not list(tmp_path.glob("tokenless-*"))


def terminated(size: int) -> bytes:
    """Return what a pipe does not hold at once, in a process that gets SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)
    return bytes(size)


def test_a_worker_that_is_terminated_sends_its_result() -> None:
    """Half a result would be waited for without end."""
    with open_executor(1, None) as executor:
        (answer,) = results_of(executor, terminated, [LARGE])
    assert len(answer) == LARGE


def parent_and_modules(_: None) -> tuple[int, set[str]]:
    return os.getppid(), set(sys.modules)


def test_workers_find_everything_loaded() -> None:
    with open_executor(2, None) as executor:
        (asked,) = results_of(executor, parent_and_modules, [None])
        (again,) = results_of(executor, parent_and_modules, [None])
    assert asked[0] == again[0] != os.getpid()
    assert executors._FORKER in asked[1], "nobody else loads it"


def test_workers_start_where_no_socket_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 90)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with open_executor(1, None) as executor:
        ((_, modules),) = results_of(executor, parent_and_modules, [None])
    assert executors._FORKER not in modules


def died(_: None) -> None:
    os._exit(1)


def test_when_one_worker_dies_the_others_are_ended() -> None:
    with (
        pytest.raises(PhoneError, match="has died"),
        open_executor(2, None) as executor,
    ):
        list(results_of(executor, died, [None, None, None]))
