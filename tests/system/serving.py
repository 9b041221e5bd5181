"""`tokenless serve` as a user runs it: a process, on free ports, with its log."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.rigs.warm_start import WarmPopen, run_warm

LAB = Path(__file__).parents[2] / "configs" / "lab.toml"
PUBLISHER = "cucm-1051-a-pub"
SUBSCRIBER = "cucm-1051-a-sub1"
TOKENLESS = (sys.executable, "-m", "tokenless")
PATIENCE_S = 120  # far longer than anything here takes, on however busy a machine


def lab_config(folder: Path) -> Path:
    """Write the lab's configuration with free ports; return its path."""
    text = LAB.read_text()
    for port in ("6969", "2445", "2000", "2443", "5060", "5061"):
        assert f"port = {port}" in text
        text = text.replace(f"port = {port}", "port = 0")
    config = folder / "lab.toml"
    config.write_text(text)
    return config


def environment(folder: Path) -> dict[str, str]:
    """Return what commands in `folder` run with."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TZ": "UTC",
        "TOKENLESS_LOG_LEVEL": "debug",
        "TOKENLESS_DATA": str(folder / "data"),
        "TOKENLESS_CONFIG": str(folder / "lab.toml"),
        **{name: os.environ[name] for name in os.environ if "COVERAGE" in name},
    }


@dataclass
class Served:
    """A server process."""

    folder: Path
    process: subprocess.Popen[str]
    ready: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def address(self, node: str, service: str = "tftp") -> str:
        """Return `address:port` of a service."""
        for each in self.ready:
            if (each["node"], each["service"]) == (node, service):
                return f"{each['address']}:{each['port']}"
        raise KeyError((node, service))

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """Serve the lab from `folder` until the block ends.

    Without a configuration there it gets the lab's, and a cluster that was made before;
    with one, but without a cluster, the server makes that first.
    """
    if not (folder / "lab.toml").exists():
        lab_config(folder)
        shutil.copytree(_made(), folder / "data")
    with (
        (folder / "serve.log").open("a") as log,
        WarmPopen(
            ["serve", *options],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        served = Served(folder, process)
        try:
            _read_ready(served)
            yield served
        finally:
            process.kill()


@cache
def _made() -> Path:
    """Return the data folder of a new cluster that nobody changes."""
    folder = Path(tempfile.mkdtemp(prefix="made-"))
    atexit.register(shutil.rmtree, folder)
    lab_config(folder)
    assert tokenless(folder, "init").returncode == 0
    return folder / "data"


def _read_ready(served: Served) -> None:
    assert served.process.stdout is not None
    for line in served.process.stdout:
        event = json.loads(line)
        if event["event"] == "serving":
            return
        assert event["event"] == "ready"
        served.ready.append(event)
    raise AssertionError(served.log)


def tokenless(
    folder: Path, *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    return run_warm(
        words,
        cwd=folder,
        env=environment(folder),
        input=stdin,
        timeout=PATIENCE_S,
    )


def admin(folder: Path, line: str, *, node: str = PUBLISHER) -> str:
    """Run one line of a node's shell with `--yes`; return what it printed."""
    done = tokenless(folder, "admin", "--node", node, "--yes", line)
    assert done.returncode == 0, done.stderr
    return done.stdout
