"""Compare the TVS daemon with the least that OpenSSL itself can cost.

    python -m benchmarks.tvs [--rounds 3] [--quick] [--only NAME]... [--json FILE]

Each workload runs against the ceiling (tvs_ceiling.c) and against our daemon by turns;
medians count. The generator shares the machine's cores with the server, so what is
compared is the server's CPU time a connection; rates stand beside it. Needs gcc,
libssl-dev and openssl.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.tvs_lab import (
    HERE,
    Server,
    build,
    first_line,
    make_certificates,
    running,
    storm,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """What the clients do, and how near to the ceiling we want to be."""

    name: str
    connections: int
    options: tuple[str, ...]
    goal: float | None
    """Of the ceiling's economy: its CPU a connection divided by ours."""
    key: str = "rsa"
    concurrency: int = 50

    def arguments(self, factor: float) -> list[str]:
        """Return the generator's options."""
        total = max(self.concurrency, int(self.connections * factor))
        counts = ["--total", str(total), "--concurrency", str(self.concurrency)]
        return ["--mode", "query", *counts, *self.options]


def _tls(version: str, *more: str) -> tuple[str, ...]:
    return ("--tls", version, *more)


_TEN: Final = ("--requests-per-connection", "10")
WORKLOADS: Final = (
    Workload("RSA-2048, TLS 1.2, full", 4000, _tls("1.2"), 0.80),
    Workload("RSA-2048, TLS 1.3, full", 4000, _tls("1.3"), 0.80),
    Workload("TLS 1.2, resumed", 12000, _tls("1.2", "--resume", "1"), 0.65),
    Workload("TLS 1.3, resumed", 8000, _tls("1.3", "--resume", "1"), 0.75),
    Workload("ten requests, TLS 1.2", 3000, _tls("1.2", *_TEN), 0.75),
    Workload("ten requests, TLS 1.3", 3000, _tls("1.3", *_TEN), 0.75),
    Workload("P-256, TLS 1.2, full", 6000, _tls("1.2"), 0.70, "p256"),
    Workload("P-256, TLS 1.3, full", 6000, _tls("1.3"), 0.70, "p256"),
    Workload("VERIFY, TLS 1.2", 4000, _tls("1.2", "--mode", "verify"), 0.80),
    Workload(
        "VERIFY, 500 at once", 4000, _tls("1.2", "--mode", "verify"), None, "rsa", 500
    ),
    Workload(
        "VERIFY, 2,000 at once",
        6000,
        _tls("1.2", "--mode", "verify"),
        None,
        "rsa",
        2000,
    ),
    Workload("2,000 at once, TLS 1.3", 6000, _tls("1.3"), None, "rsa", 2000),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One server under one workload."""

    cpu_ms: float
    rate: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Row:
    """A workload's medians."""

    workload: str
    goal: float | None
    ceiling: Run
    ours: Run

    @property
    def economy(self) -> float:
        """The ceiling's CPU a connection divided by ours."""
        return self.ceiling.cpu_ms / self.ours.cpu_ms


def measure(server: Server, folder: Path, arguments: list[str]) -> Run:
    """Run the generator once and see what that cost the server."""
    before = server.usage()
    seen = storm(folder, server, arguments)
    cpu = server.usage().cpu_s - before.cpu_s
    return Run(
        cpu_ms=cpu * 1000 / max(1, seen["completed"]),
        rate=seen["connections_per_second"],
        p99_ms=seen["first_answer_ms"]["p99"],
        failed=seen["failed"] + seen["never_started"],
    )


def compare(workload: Workload, folder: Path, rounds: int, factor: float) -> Row:
    """Measure both servers by turns."""
    runs: dict[str, list[Run]] = {"ceiling": [], "ours": []}
    for _ in range(rounds):
        for name, seen in runs.items():
            with running(name, folder, key=workload.key) as server:
                _warm_up(server, folder)
                seen.append(measure(server, folder, workload.arguments(factor)))
    return Row(
        workload.name, workload.goal, _median(runs["ceiling"]), _median(runs["ours"])
    )


def _warm_up(server: Server, folder: Path) -> None:
    """Let first times (imports, caches, allocators) not be counted."""
    storm(folder, server, ["--mode", "query", "--total", "200"])


def _median(runs: list[Run]) -> Run:
    return Run(
        cpu_ms=median(run.cpu_ms for run in runs),
        rate=median(run.rate for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        failed=sum(run.failed for run in runs),
    )


# --- other questions --------------------------------------------------------------


def two_processes(folder: Path, factor: float) -> dict[str, object]:
    """Compare two workers with one; the generator takes its share of the cores."""
    found: dict[str, object] = {}
    for name in ("ceiling", "ours"):
        for workers in (1, 2):
            with running(name, folder, workers=workers) as server:
                _warm_up(server, folder)
                arguments = ["--mode", "query", "--total", str(int(6000 * factor))]
                found[f"{name}_{workers}"] = asdict(
                    measure(server, folder, [*arguments, "--concurrency", "100"])
                )
    return found


def idle_connections(folder: Path, factor: float) -> dict[str, object]:
    """Hold 5,000 answered clients and see what that costs, and others' latency."""
    count = int(5000 * factor)
    with running("ours", folder) as server:
        _warm_up(server, folder)
        before = server.usage().resident_bytes
        alone = measure(server, folder, ["--total", "500", "--concurrency", "4"])
        held = ["--total", str(count), "--concurrency", str(count), "--hold", "8"]
        command = [str(folder / "tvs_storm"), "--port", str(server.port)]
        command += ["--cert", str(folder / "asked.pem"), *held, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as idle:
            time.sleep(5.5)
            resident = server.usage().resident_bytes
            beside = measure(server, folder, ["--total", "500", "--concurrency", "4"])
            out, _ = idle.communicate()
        return {
            "connections": count,
            "held": json.loads(out)["completed"],
            "resident_mb": round(resident / 1e6, 1),
            "resident_before_mb": round(before / 1e6, 1),
            "p99_alone_ms": alone.p99_ms,
            "p99_beside_ms": beside.p99_ms,
        }


_ATTACK_ROUNDS: Final = 3
ATTACKS: Final = {
    "silent": ("500", None),
    "stalled": ("500", None),
    "declared": ("200", None),
    "garbage": ("100000", "200"),
    "resets": ("100000", "500"),
    "nonsense": ("100000", "50"),
}


@contextmanager
def attack(server: Server, kind: str, count: str, rate: str | None) -> Iterator[None]:
    """Run hostile clients beside what is measured."""
    command = [sys.executable, "-m", "benchmarks.tvs_attacks", str(server.port), kind]
    command += [count, *([rate] if rate else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=HERE.parent)
    try:
        first_line(process)
        yield
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def under_attack(folder: Path, factor: float) -> dict[str, object]:
    """Compare honest clients' rate under each attack with their undisturbed rate."""
    found: dict[str, object] = {}
    honest = ["--mode", "query", "--total", str(int(3000 * factor))]
    honest += ["--concurrency", "20"]
    for kind, (count, rate) in ATTACKS.items():
        alone, attacked = [], []
        with running("ours", folder) as server:
            _warm_up(server, folder)
            for _ in range(_ATTACK_ROUNDS):
                alone.append(measure(server, folder, honest))
                with attack(server, kind, count, rate):
                    attacked.append(measure(server, folder, honest))
        before, during = _median(alone), _median(attacked)
        found[kind] = {
            "alone_per_second": before.rate,
            "attacked_per_second": during.rate,
            "kept": round(during.rate / before.rate, 3),
            # Steadier where other programs run: what an honest client costs.
            "alone_cpu_ms": round(before.cpu_ms, 3),
            "attacked_cpu_ms": round(during.cpu_ms, 3),
            "failed": during.failed,
        }
    return found


def memory_under_attack(folder: Path, factor: float) -> dict[str, object]:
    """Make 10^5 hostile connections and see what stays in memory."""
    count = int(33_334 * factor)
    sizes = []
    with running("ours", folder) as server:
        _warm_up(server, folder)
        for kind in ("garbage", "resets", "garbage", "resets"):
            sizes.append(round(server.usage().resident_bytes / 1e6, 1))
            command = [sys.executable, "-m", "benchmarks.tvs_attacks"]
            command += [str(server.port), kind, str(count)]
            subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        sizes.append(round(server.usage().resident_bytes / 1e6, 1))
    return {"connections_a_step": count, "resident_mb": sizes}


def cost_of_logging(folder: Path, factor: float) -> dict[str, object]:
    """Say what one structured line a query costs."""
    arguments = ["--mode", "query", "--total", str(int(4000 * factor))]
    found: dict[str, object] = {}
    for level in ("warning", "info"):
        with running("ours", folder, log=level) as server:
            _warm_up(server, folder)
            found[level] = asdict(measure(server, folder, arguments))
    return found


QUESTIONS: Final[dict[str, Callable[[Path, float], dict[str, object]]]] = {
    "two processes": two_processes,
    "idle connections": idle_connections,
    "under attack": under_attack,
    "memory under attack": memory_under_attack,
    "logging": cost_of_logging,
}


# --- the table --------------------------------------------------------------------


def machine() -> str:
    """Describe where the figures come from."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    version = subprocess.run(
        ["openssl", "version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {version}"
    )


_HEAD: Final = (
    "| workload | ceiling, CPU | ours, CPU | ours/ceiling | goal | ceiling, rate "
    "| ours, rate | ceiling, p99 | ours, p99 | failed |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """Return a row of the table."""
    goal = "" if row.goal is None else f"{row.goal:.0%}"
    ceiling, ours = row.ceiling, row.ours
    return (
        f"| {row.workload} | {ceiling.cpu_ms:.3f} ms | {ours.cpu_ms:.3f} ms "
        f"| {row.economy:.0%} | {goal} | {ceiling.rate:,.0f}/s | {ours.rate:,.0f}/s "
        f"| {ceiling.p99_ms:.1f} ms | {ours.p99_ms:.1f} ms | {ours.failed} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--only", action="append", help="names that contain this")
    parser.add_argument("--json", type=Path, help="write all figures here, too")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    given = _arguments()
    factor = 0.1 if given.quick else 1.0

    def is_wanted(name: str) -> bool:
        return not given.only or any(part in name for part in given.only)

    print(machine())
    print(_HEAD)
    rows, answers = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        make_certificates(folder)
        for workload in WORKLOADS:
            if is_wanted(workload.name):
                rows.append(compare(workload, folder, given.rounds, factor))
                print(line(rows[-1]), flush=True)
        for question, ask in QUESTIONS.items():
            if is_wanted(question):
                answers[question] = ask(folder, factor)
                print(f"{question}: {json.dumps(answers[question])}", flush=True)
    if given.json is not None:
        figures = {"rows": [asdict(row) for row in rows], "answers": answers}
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
