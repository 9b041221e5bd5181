"""Compare our TFTP server with those of Debian, side by side in one run.

    python -m benchmarks.tftp [--rounds 3] [--longer 1] [--only WORD] [--json FILE]
                             [--against CHECKOUT]

Every figure is the median of the rounds; in a round the servers take turns, so that
what else the machine does hits all alike. The load comes from `tftp_storm.c`, which
checks every byte. Everything runs on loopback; the generator has one core, the server
the other. Needs a C compiler; servers that are not installed are named and left out.
With `--against` our server of another checkout takes the place of all others: before
and after a change, in one run.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.tftp_hostile import Flood, silent_clients
from benchmarks.tftp_servers import (
    ATFTPD,
    DNSMASQ,
    DNSMASQ_BIG,
    HERE,
    HOST,
    OURS,
    OURS_SINGLE_PORT,
    TFTPD_HPA,
    Running,
    Server,
    ours_of,
    running,
    take_precedence,
)

_SIZES: Final = {"f5000": 5000, "f1m": 1_000_000}
_SLOW: Final = frozenset({TFTPD_HPA.name, ATFTPD.name})
_FLOOD_RATES: Final = (2_000, 5_000, 10_000)
_FLOOD_TOTAL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Workload:
    """The actions of the clients in one measurement."""

    title: str
    servers: Sequence[Server]
    concurrency: int
    total: int
    file: str = "f5000"
    options: Sequence[str] = ()
    unit: str = "transfers_per_s"
    attack: Callable[[int], AbstractContextManager[None]] = lambda _port: nullcontext()
    """The load on the server at the same time; it is given the port."""


@dataclass(slots=True)
class Figures:
    """The rounds of one server under one workload."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    failed: int = 0
    lost_requests: int = 0

    def add(
        self, result: dict[str, Any], unit: str, cpu_s: float | None, mb: float
    ) -> None:
        """Take one round in."""
        self.rates.append(result[unit])
        if cpu_s is not None:
            self.cpu_us.append(cpu_s / result["total"] * 1e6)
        self.p99_ms.append(result["latency_ms"]["p99"])
        self.resident_mb.append(mb)
        self.failed += result["failed"]
        self.lost_requests += result["retransmits"]["rrq"]

    @property
    def rate(self) -> float:
        """The median rate."""
        return statistics.median(self.rates)


STORM: Final = (
    OURS,
    OURS_SINGLE_PORT,
    DNSMASQ_BIG,
    DNSMASQ,
    TFTPD_HPA,
    ATFTPD,
)
WINDOWS: Final = ("--blksize", "1428", "--windowsize")


def workloads(against: Path | None, longer: int) -> Sequence[Workload]:
    """Return all that is measured, in the order of the report.

    Args:
        against: Another checkout, which takes the place of all other servers.
        longer: How many times as many transfers a round of phones has.
    """
    if against is None:
        return _all_workloads(longer)
    rivals = OURS, ours_of(against.resolve())
    return [replace(each, servers=rivals) for each in _all_workloads(longer)]


def _all_workloads(longer: int) -> Sequence[Workload]:
    many = 12_000 * longer
    storms = [
        Workload(f"{count:,} at once", STORM, count, many // 4 if count == 1 else many)
        for count in (1, 50, 500, 2000, 4000)
    ]
    rivals = (OURS, OURS_SINGLE_PORT, DNSMASQ_BIG, ATFTPD)
    return [
        *storms,
        Workload("blksize 1428, 500 at once", STORM, 500, many, options=WINDOWS[:2]),
        *(
            Workload(
                f"1 MB, blksize 1428, windowsize {window}, 20 at once (MB/s)",
                rivals,
                *(20, 400, "f1m"),
                (*WINDOWS, window),
                "MB_per_s",
            )
            for window in ("1", "16")
        ),
        Workload(
            "5% loss, 200 at once",
            (*rivals, TFTPD_HPA),
            200,
            2000,
            options=("--loss", "5"),
        ),
        Workload(
            "4,000 silent clients, 50 honest ones",
            (OURS, OURS_SINGLE_PORT, DNSMASQ_BIG),
            50,
            12_000,
            attack=lambda port: silent_clients(port, 4000),
        ),
    ]


def build_generator(folder: Path) -> Path:
    """Compile the load generator."""
    program = folder / "tftp_storm"
    source = HERE / "tftp_storm.c"
    subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


def write_files(folder: Path) -> Path:
    """Write the files that the servers serve."""
    root = folder / "root"
    root.mkdir()
    for name, size in _SIZES.items():
        (root / name).write_bytes((bytes(range(251)) * (size // 251 + 1))[:size])
    for path in (folder, root):
        path.chmod(0o755)
    return root


class Bench:
    """The generator, the files, and how often everything is repeated."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self._generator = build_generator(folder)
        self._root = write_files(folder)
        self._rounds = rounds

    def measure(self, workload: Workload) -> dict[str, Figures]:
        """Let the servers take turns under one workload."""
        servers = [server for server in workload.servers if server.why_not is None]
        figures = {server.name: Figures() for server in servers}
        for _ in range(self._rounds):
            for server in servers:
                with running(server, self._root) as run:
                    self._round(workload, server, run, figures[server.name])
        return figures

    def measure_flood(self, rate_per_s: int) -> dict[str, Figures]:
        """Measure honest clients beside forged requests, and without them."""
        name = f"with {rate_per_s:,} forged requests a second"
        figures = {"without": Figures(), name: Figures()}
        honest = Workload("flood", (OURS,), 50, 40_000)
        for _ in range(self._rounds):
            with running(OURS, self._root) as run:
                self._round(honest, OURS, run, figures["without"])
            with running(OURS, self._root) as run:
                flood = Flood(run.port, rate_per_s, _FLOOD_TOTAL)
                flood.start()
                self._round(honest, OURS, run, figures[name])
                flood.stop()
        return figures

    def measure_memory(self) -> dict[str, float]:
        """Return the resident megabytes before, with 4,000 transfers, after 10^6."""
        with running(OURS, self._root) as run:
            measured = {"at start": run.resident_mb()}
            with silent_clients(run.port, 4000):
                measured["4,000 transfers under way"] = run.resident_mb()
            flood = Flood(run.port, 1_000_000, _FLOOD_TOTAL)
            flood.start()
            flood.join()
            measured["after 1,000,000 forged requests"] = run.resident_mb()
        return measured

    def _round(
        self, workload: Workload, server: Server, run: Running, figures: Figures
    ) -> None:
        total = workload.total
        if server.name in _SLOW and workload.file == "f5000":
            total = max(total // 4, workload.concurrency)
        command = [
            *(str(self._generator), "--json", "--host", HOST, "--port", str(run.port)),
            *("--files", workload.file, "--total", str(total)),
            *("--expect-file", str(self._root / workload.file)),
            *("--concurrency", str(workload.concurrency), *workload.options),
        ]
        with workload.attack(run.port):
            before = run.cpu_s()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            spent = run.cpu_s() - before if server.counts_cpu else None
        figures.add(json.loads(done.stdout), workload.unit, spent, run.resident_mb())


def table(title: str, figures: dict[str, Figures]) -> str:
    """Return one workload's figures as a table in Markdown, with our ratios."""
    reference = next(iter(figures.values())).rate
    lines = [
        f"\n### {title}\n",
        "| server | rate | ours is | CPU a transfer | p99 | failed | RRQs lost | RSS |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in figures.items():
        cpu = f"{statistics.median(each.cpu_us):,.0f} µs" if each.cpu_us else "unknown"
        ratio = reference / each.rate if each.rate else float("inf")
        lines.append(
            f"| {name} | {each.rate:,.0f} | {ratio:.2f} times"
            f" | {cpu}"
            f" | {statistics.median(each.p99_ms):,.1f} ms | {each.failed}"
            f" | {each.lost_requests} | {statistics.median(each.resident_mb):.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--longer", type=int, default=1, help="so many times as many transfers a round"
    )
    parser.add_argument("--only", default="", help="workloads whose title has this")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    given = parser.parse_args()
    kept: dict[str, Any] = {}
    take_precedence(os.getpid())
    for server in STORM:
        if server.why_not is not None:
            print(f"{server.name} is left out: {server.why_not}")
    with tempfile.TemporaryDirectory(prefix="tftp-bench-") as folder:
        bench = Bench(Path(folder), given.rounds)
        for workload in workloads(given.against, given.longer):
            if given.only in workload.title:
                figures = bench.measure(workload)
                print(table(workload.title, figures), flush=True)
                kept[workload.title] = {k: vars_of(v) for k, v in figures.items()}
        if given.only in "flood of forged requests":
            for rate in _FLOOD_RATES:
                figures = bench.measure_flood(rate)
                title = f"a flood of {rate:,} forged requests a second, 50 honest"
                print(table(title, figures), flush=True)
                kept[title] = {k: vars_of(v) for k, v in figures.items()}
        if given.only in "memory":
            kept["memory"] = bench.measure_memory()
            print("\n### memory\n")
            for moment, size in kept["memory"].items():
                print(f"* {moment}: {size:.0f} MB")
    if given.json is not None:
        given.json.write_text(json.dumps(kept, indent=1))


def vars_of(figures: Figures) -> dict[str, Any]:
    """Return the figures as JSON takes them."""
    return {name: getattr(figures, name) for name in Figures.__slots__}


if __name__ == "__main__":
    main()
