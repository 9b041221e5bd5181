"""The cluster of the soak: four nodes, each a `tokenless serve` of its own.

Nodes are killed with SIGKILL and started again; what an administrator does is typed as
commands. The log of every node is kept, and searched for tracebacks at the end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from benchmarks.processes import memory_mb
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.nodes import ask
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import ResetPhones

NODES: Final = {
    "pub": "127.77.0.1",
    "sub1": "127.77.0.2",
    "sub2": "127.77.0.3",
    "sub3": "127.77.0.4",
}
TFTP_PORT: Final = 6969
TOKENLESS: Final = (sys.executable, "-m", "tokenless")
_PART: Final = 100
_MEMBERS: Final = 3
_SERVICES: Final = "tftp,tvs,capf,callmanager"
_HEAD: Final = """
[cluster]
name = "soak"
version = "{release}"
auto_registration = false
[certificates]
key_size = 2048
[tftp]
port = 6969
[tvs]
tls_minimum = "1.0"
[callmanager]
tls_minimum = "1.0"
"""


@dataclass(frozen=True, slots=True)
class Pool:
    """Phones of one kind: a device pool with a CallManager group of its own."""

    name: str
    model: str
    count: int
    first_mac: int
    is_secure: bool

    @property
    def devices(self) -> list[str]:
        """Return the names of its phones."""
        first = self.first_mac
        return [f"SEP{number:012X}" for number in range(first, first + self.count)]

    def members(self, turn: int) -> list[str]:
        """Return the nodes of its group, the first one by a number."""
        names = list(NODES)
        return [names[(turn + place) % len(names)] for place in range(_MEMBERS)]


def configuration(
    release: str, pools: list[Pool], turn: int, extra: dict[str, str]
) -> str:
    """Return the configuration file.

    Args:
        release: Of the cluster.
        pools: All phones.
        turn: Which node is the first of the first pool's group.
        extra: Devices without a phone, with their pools.
    """
    parts = [_HEAD.format(release=release)]
    for name, address in NODES.items():
        rank = "publisher = true\n" if name == "pub" else ""
        parts.append(f'[[nodes]]\nname = "{name}"\naddress = "{address}"\n{rank}')
    for number, pool in enumerate(pools):
        members = json.dumps(pool.members(turn + number))
        parts.append(
            f'[[callmanager_groups]]\nname = "{pool.name}"\nmembers = {members}\n'
            f'[[device_pools]]\nname = "{pool.name}"\n'
            f'callmanager_group = "{pool.name}"\n'
            f"default = {'false' if number else 'true'}\n"
        )
        mode = 3 if pool.is_secure else 1
        parts += (_device(name, pool, mode) for name in pool.devices)
    known = {pool.name: pool for pool in pools}
    parts += (_device(name, known[pool], 1) for name, pool in extra.items())
    return "".join(parts)


def _device(name: str, pool: Pool, mode: int) -> str:
    return (
        f'[[devices]]\nname = "{name}"\ndevice_pool = "{pool.name}"\n'
        f'model = "{pool.model}"\nsecurity_mode = {mode}\n'
    )


@dataclass(slots=True)
class Life:
    """One process of a node, from its start to its end.

    Attributes:
        node: Which node it serves.
        began: When it was started, seconds of the soak.
        memory: Its resident memory in MB, by seconds of the soak.
        files: Its open files, by seconds of the soak.
    """

    node: str
    began: float
    memory: dict[float, float] = field(default_factory=dict)
    files: dict[float, int] = field(default_factory=dict)


class SoakCluster:
    """Nodes, each in a process, and the administrator's commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "soak.toml"
        self.lives: list[Life] = []
        self.repeated = 0
        """Commands that failed because a node was down, and were typed again."""
        self._running: dict[str, tuple[subprocess.Popen[str], Life]] = {}
        self._began = time.monotonic()

    @property
    def age_s(self) -> float:
        """Return the seconds since the soak began."""
        return time.monotonic() - self._began

    @property
    def running(self) -> list[str]:
        """Return the nodes that run."""
        return list(self._running)

    def start(self, node: str) -> None:
        """Start a node; return when it serves.

        Raises:
            RuntimeError: When it ends instead.
        """
        log = self.folder / f"{node}.log"
        command = [*TOKENLESS, "serve", "--node", node, "--only", _SERVICES]
        command += ["--data", str(self.data), "--config", str(self.config)]
        with log.open("a") as stderr:
            served = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ | {"TOKENLESS_LOG_LEVEL": "warning"},
                start_new_session=True,  # Ctrl-C here does not end it
            )
        for line in served.stdout or ():
            if json.loads(line).get("event") == "serving":
                break
        else:
            raise RuntimeError(f"{node} did not start: see {log}")
        life = Life(node, self.age_s)
        self.lives.append(life)
        self._running[node] = (served, life)

    def kill(self, node: str) -> None:
        """End a node with SIGKILL.

        Raises:
            RuntimeError: When it had already ended by itself.
        """
        served, _ = self._running.pop(node)
        if served.poll() is not None:
            raise RuntimeError(f"{node} ended by itself: {served.returncode}")
        served.kill()
        served.wait()

    def stop(self) -> dict[str, int]:
        """End all nodes with SIGTERM; return their exit statuses."""
        for served, _ in self._running.values():
            served.terminate()
        return {node: each.wait() for node, (each, _) in self._running.items()}

    def sample(self) -> None:
        """Note the memory and the open files of every node that runs.

        Raises:
            RuntimeError: When one has ended by itself.
        """
        for node, (served, life) in list(self._running.items()):
            if served.poll() is not None:
                raise RuntimeError(f"{node} ended by itself: {served.returncode}")
            life.memory[self.age_s] = memory_mb(served.pid)
            life.files[self.age_s] = len(list(Path(f"/proc/{served.pid}/fd").iterdir()))

    async def run(self, *words: str, tries: int = 6) -> str:
        """Type a command; type it again while it fails, as a node may be down.

        Raises:
            RuntimeError: When it fails to the end, or in a traceback.
        """
        command = [*TOKENLESS, *words]
        env = os.environ | {"TOKENLESS_DATA": str(self.data)}
        for left in reversed(range(tries)):
            done = await trio.run_process(
                command,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=env,
                start_new_session=True,
            )
            said = done.stderr.decode()
            if done.returncode == 0 and "Traceback" not in said:
                return done.stdout.decode()
            if not left or "Traceback" in said:
                raise RuntimeError(f"{' '.join(words)}: {done.returncode}: {said}")
            self.repeated += 1
            await trio.sleep(2)
        raise AssertionError  # at least one try

    async def restart(self, service: str, *nodes: str) -> None:
        """Restart a service on nodes, on all when none is named.

        A node that is down, or killed meanwhile, does the same when it starts.
        """
        for node in nodes or NODES:
            life = self._running.get(node)
            if life is None:
                continue
            line = f"utils service restart {service}"
            try:
                await self.run("admin", "--node", node, "--yes", line, tries=2)
            except RuntimeError:
                if self._running.get(node) is life:
                    raise

    def reset(self, devices: tuple[str, ...] = ()) -> int:
        """Reset registered phones, all when none is named; return how many were."""
        parts = [devices[at : at + _PART] for at in range(0, len(devices), _PART)]
        done = 0
        with closing(Cluster.open(self.data, makes=False)) as cluster:
            for node in cluster.nodes:
                for part in parts or [()]:
                    try:
                        done += ask(node, ResetPhones(devices=part))["reset"]
                    except ServiceError:  # it is down: its phones are elsewhere
                        break
        return done

    def newest_lists(self) -> tuple[bytes, set[bytes]]:
        """Return the newest CTL, and the ITLs of all nodes."""
        with closing(Cluster.open(self.data, makes=False)) as cluster:
            ctl = cluster.publisher.ctl_file.read_bytes()
            return ctl, {node.itl_file.read_bytes() for node in cluster.nodes}

    def tracebacks(self) -> Iterator[str]:
        """Return lines of the nodes' logs that no node may write."""
        for node in NODES:
            log = self.folder / f"{node}.log"
            for line in log.read_text(errors="replace").splitlines():
                if "Traceback" in line or "crashed" in line:
                    yield f"{node}: {line}"
