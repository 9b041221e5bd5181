"""A node's TFTP as `tokenless serve` runs it, for the benchmarks: RSS, CPU, log."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ADDRESS: Final = "127.0.97.155"
NODE: Final = "bench-pub"
_START_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A process that serves one node."""

    process: subprocess.Popen[str]
    port: int
    """Of TFTP."""
    http: tuple[str, int]
    """The HTTP port."""
    folder: Path
    log: Path

    @property
    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return self.process.poll() is None

    def resident_mb(self) -> float:
        """Return its resident memory."""
        return self._status("VmRSS")

    def peak_mb(self) -> float:
        """Return the most that it ever had resident."""
        return self._status("VmHWM")

    def cpu_s(self) -> float:
        """Return the processor time that its threads took."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def log_bytes(self) -> int:
        """Return how long its log is."""
        return self.log.stat().st_size

    def health(self) -> str:
        """Return what `tokenless health` says."""
        done = _tokenless(["health", "--data", str(self.folder / "data")])
        return done.stdout.split(",")[0].split(": ")[-1].strip()

    def _status(self, field: str) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1e3
        return 0.0


@contextmanager
def running_node(
    folder: Path, static: Path, *settings: str, key_size: int = 2048
) -> Iterator[RunningNode]:
    """Make a cluster of one node and serve its TFTP."""
    config = folder / "bench.toml"
    config.write_text(_config(static, settings, key_size))
    log = folder / "serve.log"
    command = ["serve", "--config", str(config), "--data", str(folder / "data")]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tokenless", *command, "--only", "tftp"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            ports = _ports_of(process)
            http = (ADDRESS, ports["http"])
            yield RunningNode(process, ports["tftp"], http, folder, log)
        finally:
            process.terminate()
            process.wait()


def _config(static: Path, settings: Sequence[str], key_size: int) -> str:
    return "\n".join(
        (
            "[cluster]",
            'name = "bench"',
            'version = "12.5(1)"',
            "auto_registration = true",
            "[certificates]",
            f"key_size = {key_size}",
            "[[nodes]]",
            f'name = "{NODE}"',
            f'address = "{ADDRESS}"',
            "publisher = true",
            "[tftp]",
            "port = 0",
            f'static_files = "{static}"',
            *settings,
        )
    )


def _ports_of(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    deadline = time.monotonic() + _START_S
    ports: dict[str, int] = {}
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "serving":
            return ports
        if "service" in event:
            ports[event["service"]] = int(event["port"])
    msg = f"the node did not start: status {process.poll()}"
    raise RuntimeError(msg)


def _tokenless(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tokenless", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
