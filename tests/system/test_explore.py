"""A change explored under faults, with real services in processes of their own.

Once here and once on a Dask cluster, one of whose workers dies.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.run_cli import run_cli
from tests.rigs.waiting import wait_until
from tests.rigs.warm_start import WarmPopen

PUB = "cucm-1051-a-pub"
needs_dask = pytest.mark.skipif(
    find_spec("distributed") is None, reason="the extra `dask` is not installed"
)
CHANGE = f"""
name = "callmanager-then-tvs"
lesson = "Safe, as long as TFTP and TVS are restarted in the first round."

[cluster]
nodes = [{{ name = "{PUB}", address = "127.0.47.155", publisher = true }}]
callmanager_groups = [{{ name = "Lab-CMG", members = ["{PUB}"] }}]

[cluster.certificates]
key_size = 1024

[[groups]]
name = "phones"
tftp = ["{PUB}"]

[[steps]]
title = "First boot"
run = ["phones boot"]

[[steps]]
title = "CallManager"
run = [
    "admin set cert regen CallManager",
    "admin utils service restart Cisco Tftp",
    "phones boot",
]

[[steps]]
title = "ITLRecovery and TVS"
run = [
    "admin set cert regen ITLRecovery",
    "admin set cert regen TVS",
    "admin utils service restart Cisco Trust Verification Service",
    "admin utils service restart Cisco Tftp",
    "phones boot",
]
"""
WORKERS = 2
WORST = "restart-forgotten:2.2"


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explore") / "change.toml"
    path.write_text(CHANGE)
    return path


@pytest.fixture(scope="module")
def words(change: Path) -> tuple[str, ...]:
    only = ("--only", "restart-forgotten", "--pairs", "1", "--json")
    return ("rehearse", "explore", str(change), "--phones", "1", *only)


@pytest.fixture(scope="module")
def explored(words: tuple[str, ...], change: Path) -> str:
    """Return what it prints when it is played here; a page is beside the change."""
    page = change.with_name("report.html")
    status, out, err = run_cli(*words, "--jobs", "2", "--report", str(page))
    assert status == 0, err
    return out


def test_the_restart_that_must_not_be_forgotten_is_first(
    change: Path, explored: str
) -> None:
    """Safe without faults; the phones miss CallManager when TFTP is not restarted."""
    found = last_of(explored)
    assert found["not_played"] == 0
    assert found["no_fault"]["end"] == {
        "locked_out": 0,
        "stuck": 0,
        "would_be_stuck": 0,
        "unregistered": 0,
        "failed_calls": 0,
        "weaker_calls": 0,
    }
    assert found["faults"][0]["name"] == WORST
    assert found["faults"][0]["end"]["locked_out"] == 1
    assert any("delete CTL and ITL" in each for each in found["faults"][0]["remedies"])
    assert 0 < found["resilience"] < 1
    assert len(found["pairs"]) == 1
    assert found["worst"][0] == {
        "fault": WORST,
        "step": 2,
        "impact": {**found["faults"][0]["end"], "of": 1},
    }
    shown = change.with_name("report.html").read_text()
    assert "resilience" in shown
    assert shown.index(WORST) < shown.index("Two faults")


def last_of(printed: str) -> dict[str, Any]:
    """Return the results, which come last."""
    last: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return last


def runs_of(printed: str) -> dict[str, dict[str, Any]]:
    """Return the runs by the names of their faults; which ends first is chance."""
    runs = [json.loads(line) for line in printed.splitlines()[:-1]]
    return {run["fault"]: run for run in runs}


def test_each_run_is_an_object_of_its_own(explored: str) -> None:
    runs, found = runs_of(explored), last_of(explored)
    assert len(runs) == found["runs"] == len(explored.splitlines()) - 1
    assert {each["name"] for each in (*found["faults"], *found["pairs"])} == {*runs} - {
        "no-fault"
    }
    assert (runs["no-fault"]["step"], runs["no-fault"]["impact"]["of"]) == (None, 1)
    assert (runs[WORST]["step"], runs[WORST]["impact"]["locked_out"]) == (2, 1)
    assert runs[WORST]["failure"] is None


def test_a_run_is_played_again_by_its_name(change: Path) -> None:
    explore = ("rehearse", "explore", str(change), "--phones", "1")
    status, out, _ = run_cli(*explore, "--replay", WORST)
    assert status == 1
    assert out.startswith(f"{WORST}: in step 2 the restart of Cisco Tftp is forgotten")
    assert "LOCKED OUT 1 of 1 phone" in out


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
        with client(scheduler_file=str(file)) as asked:
            asked.wait_for_workers(WORKERS, timeout=60)
            address = asked.scheduler.address
        yield address, workers


def client(*address: str, **settings: str) -> Any:  # noqa: ANN401 - Dask has no types
    """Return a client of a Dask scheduler; to load Dask takes most of a second."""
    return import_module("distributed").Client(
        *address, set_as_default=False, **settings
    )


def _start(stack: ExitStack, *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


@needs_dask
def test_a_dask_worker_that_dies_changes_nothing(
    tmp_path: Path, words: tuple[str, ...], explored: str
) -> None:
    with dask(tmp_path) as (address, workers):
        command = [*words, "--scheduler", address]
        with WarmPopen(command, stdout=subprocess.PIPE) as explorer:
            _kill_at_work(address, workers[0])
            assert explorer.stdout is not None
            found = explorer.stdout.read()
        assert explorer.returncode == 0
    assert last_of(found) == last_of(explored)
    assert runs_of(found) == runs_of(explored)


def _kill_at_work(address: str, worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker while it plays a run."""
    with client(address) as asked:

        def is_at_work() -> bool:
            processing = asked.processing()
            return len(processing) == WORKERS and all(processing.values())

        wait_until(is_at_work)
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL


@needs_dask
@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:9", "not an address"])
def test_a_scheduler_that_is_not_there_is_said(change: Path, scheduler: str) -> None:
    words = ("rehearse", "explore", str(change), "--scheduler", scheduler)
    status, _, err = run_cli(*words)
    assert status == 1
    assert f"no Dask scheduler answers at {scheduler}" in err


def test_faults_can_be_listed(change: Path) -> None:
    status, out, _ = run_cli("rehearse", "explore", str(change), "--list")
    assert status == 0
    assert re.search(f"^{re.escape(WORST)}: ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--replay", "twice:9.9"), "there is no fault 'twice:9.9'"),
        (("--from-step", "9"), "has 3 steps"),
    ],
)
def test_what_cannot_be_done_is_said(
    change: Path, words: tuple[str, ...], said: str
) -> None:
    status, _, err = run_cli("rehearse", "explore", str(change), *words)
    assert status in {1, 2}
    assert said in err
