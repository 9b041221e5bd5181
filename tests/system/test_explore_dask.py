"""The same exploration on a Dask cluster, one of whose workers dies."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from distributed import Client

from tests.rigs.run_cli import run_cli
from tests.system.test_explore import CHANGE

WORKERS = 2


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a scheduler and workers of a thread each; yield its address and them."""
    file = folder / "scheduler.json"
    here = ("--host", "127.0.0.1")
    scheduler = ("scheduler", *here, "--port", "0", "--no-dashboard")
    worker = ("worker", *here, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    with ExitStack() as stack:
        _start(stack, *scheduler, "--scheduler-file", str(file))
        workers = [
            _start(stack, *worker, "--scheduler-file", str(file))
            for _ in range(WORKERS)
        ]
        with Client(scheduler_file=str(file), set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(WORKERS, timeout=60)
            address = client.scheduler.address
        yield address, workers


def _start(stack: ExitStack, *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def test_a_worker_that_dies_changes_nothing(tmp_path: Path) -> None:
    change = tmp_path / "change.toml"
    change.write_text(CHANGE)
    only = ("--only", "restart-forgotten", "--json")
    words = ("rehearse", "explore", str(change), "--phones", "1", *only)
    status, out, err = run_cli(*words)
    assert status == 0, err
    with dask(tmp_path) as (address, workers):
        command = [sys.executable, "-m", "tokenless", *words, "--scheduler", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as explorer:
            _kill_at_work(address, workers[0])
            assert explorer.stdout is not None
            found = json.loads(explorer.stdout.read())
        assert explorer.returncode == 0
    assert found == json.loads(out)


def _kill_at_work(address: str, worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker while it plays a run."""
    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        while True:
            processing = client.processing()
            if len(processing) == WORKERS and all(processing.values()):
                break
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:9", "not an address"])
def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path, scheduler: str) -> None:
    change = tmp_path / "change.toml"
    change.write_text(CHANGE)
    words = ("rehearse", "explore", str(change), "--scheduler", scheduler)
    status, _, err = run_cli(*words)
    assert status == 1
    assert f"no Dask scheduler answers at {scheduler}" in err
