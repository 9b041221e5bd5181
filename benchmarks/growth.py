"""How cost grows: from 10 to 100,000 phones, and from 2 to 21 nodes.

    python -m benchmarks.growth [--phones 10,100,…] [--nodes 2,5,9,21]

Phones: a fleet of each size boots from one lab node, then meets a CTL of an unknown
signer; the second boot is measured, as in `benchmarks.fleet`. Nodes: clusters of each
size, all nodes in one process, are created, served, changed (a CallManager certificate
and the CTL) and inspected from outside. What must not grow is the cost of a phone, and
the memory of the fleet's process; what a node adds should stay the same. Exit status 1
when a phone is lost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.fleet import TOKENLESS, boot, regenerate, serving
from benchmarks.processes import memory_mb, processor_s

_PHONES: Final = (10, 100, 1_000, 10_000, 100_000)
_NODES: Final = (2, 5, 9, 21)
_MODEL: Final = "8861"
_HEAD: Final = """
[cluster]
name = "growth"
version = "12.5(1)"
[certificates]
key_size = 2048
"""


def grow_phones(counts: Sequence[int]) -> int:
    """Boot fleets of some sizes; print a line for each; return how many were lost."""
    lost = 0
    print(" phones  phones/s  CPU ms a phone: phone, node   MB: fleet, node   stuck")
    if not counts:
        return 0
    with serving() as lab:
        lab.go_mixed()
        for count in counts:
            options = ("--count", str(count), "--model", _MODEL, "--tftp-only")
            boot(lab, f"fleet-{count}", *options)
            regenerate(lab)
            before = processor_s(lab.pid)
            report, megabytes = boot(lab, f"fleet-{count}", *options)
            served_ms = (processor_s(lab.pid) - before) / count * 1e3
            lost += len(report["stuck"])
            print(
                f"{count:7,} {report['phones_per_second']:9.0f}"
                f" {report['cpu_ms']:22.2f} {served_ms:6.2f}"
                f" {megabytes:18.0f} {memory_mb(lab.pid):5.0f}"
                f" {len(report['stuck']):8}",
                flush=True,
            )
    return lost


@dataclass(frozen=True)
class _Cluster:
    """A cluster in a folder, and the addresses of its nodes."""

    data: Path
    config: Path
    nodes: dict[str, str]

    def admin(self, line: str, node: str) -> None:
        """Run a line in a node's administration shell."""
        shell = ("admin", "--data", str(self.data), "--node", node, "--yes")
        subprocess.run(
            [*TOKENLESS, *shell, *line.split()], check=True, stdout=subprocess.DEVNULL
        )


def grow_nodes(sizes: Sequence[int]) -> int:
    """Serve clusters of some sizes; print a line for each; return how many failed."""
    failed = 0
    print("  nodes  seconds: created  serving  changed  inspected   MB  MB a node")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="tokenless-bench-") as scratch:
            cluster = _cluster(Path(scratch), size)
            with _elapsed() as created:
                _run("init", "--data", cluster.data, "--config", cluster.config)
            with _served(cluster) as (serving_s, pid):
                with _elapsed() as changed:
                    _change(cluster)
                with _elapsed() as inspected:
                    code = _run("check", "--tftp", _tftp_of(cluster))
                failed += code != 0
                megabytes = memory_mb(pid)
        print(
            f"{size:7} {created[0]:17.1f} {serving_s:8.1f} {changed[0]:8.1f}"
            f" {inspected[0]:10.1f} {megabytes:4.0f} {megabytes / size:10.1f}"
            f"{'' if code == 0 else f'   check ended with {code}'}",
            flush=True,
        )
    return failed


def _cluster(folder: Path, size: int) -> _Cluster:
    names = ["pub", *(f"sub{number}" for number in range(1, size))]
    nodes = {name: f"127.78.0.{place}" for place, name in enumerate(names, 1)}
    tables = [
        f'[[nodes]]\nname = "{name}"\naddress = "{address}"\n'
        + ("publisher = true\n" if name == "pub" else "")
        for name, address in nodes.items()
    ]
    config = folder / "growth.toml"
    config.write_text(_HEAD + "".join(tables))
    return _Cluster(folder / "data", config, nodes)


def _tftp_of(cluster: _Cluster) -> str:
    return ",".join(f"{address}:6969" for address in cluster.nodes.values())


def _change(cluster: _Cluster) -> None:
    cluster.admin("set cert regen CallManager", "pub")
    for node in cluster.nodes:
        cluster.admin("utils service restart Cisco Tftp", node)


@contextmanager
def _served(cluster: _Cluster) -> Iterator[tuple[float, int]]:
    """Serve a cluster; yield the seconds until it answered, and the process."""
    began = time.monotonic()
    child = subprocess.Popen(
        [*TOKENLESS, "serve", "--data", cluster.data],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        try:
            for line in child.stdout or ():
                if json.loads(line)["event"] == "serving":
                    break
            else:
                sys.exit("the cluster does not serve")
            yield time.monotonic() - began, child.pid
        finally:
            child.terminate()


@contextmanager
def _elapsed() -> Iterator[list[float]]:
    """Measure the seconds of a block; they are in the list at its end."""
    measured: list[float] = []
    began = time.monotonic()
    yield measured
    measured.append(time.monotonic() - began)


def _run(*arguments: str | Path) -> int:
    return subprocess.run(
        [*TOKENLESS, *arguments], check=False, stdout=subprocess.DEVNULL
    ).returncode


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=_numbers, default=_PHONES)
    parser.add_argument("--nodes", type=_numbers, default=_NODES)
    arguments = parser.parse_args()
    failed = grow_nodes(arguments.nodes) + grow_phones(arguments.phones)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
