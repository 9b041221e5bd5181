"""SIGTERM, as `timeout` and CI servers send it: a rehearsal leaves no folder behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.serving import environment


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


def test_a_group_of_processes_that_is_terminated_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Workers finish what they play, and end."""
    with rehearsing(tmp_path, "run", "tvs-down", "expiry") as child:
        os.killpg(child.pid, signal.SIGTERM)
        assert child.stderr
        child.stderr.read()  # until no process has it any more
    assert not list(tmp_path.glob("tokenless-*"))
