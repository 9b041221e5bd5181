"""Compare the TVS daemon with the least that OpenSSL itself can cost.

    python -m benchmarks.tvs [--rounds 3] [--quick] [--only NAME]... [--json FILE]
                            [--against CHECKOUT]

Each workload runs against the ceiling (tvs_ceiling.c) and against our daemon by turns;
medians count. The generator shares the machine's cores with the server, so what is
compared is the server's CPU time a connection; rates stand beside it. Needs gcc,
libssl-dev and openssl. With `--against` the daemon of another checkout takes the place
of the ceiling: before and after a change, in one run.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.tvs_lab import build, make_certificates, running
from benchmarks.tvs_measure import Run, measure, median_of, warm_up
from benchmarks.tvs_questions import QUESTIONS


@dataclass(frozen=True, slots=True)
class Workload:
    """The actions of the clients, and the wanted part of the ceiling."""

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


def compare(
    workload: Workload, folder: Path, rounds: int, factor: float, against: str
) -> Row:
    """Measure both servers by turns."""
    runs: dict[str, list[Run]] = {against: [], "ours": []}
    for _ in range(rounds):
        for name, seen in runs.items():
            with running(name, folder, key=workload.key) as server:
                warm_up(server, folder)
                seen.append(measure(server, folder, workload.arguments(factor)))
    ceiling, ours = map(median_of, runs.values())
    return Row(workload.name, workload.goal, ceiling, ours)


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--only", action="append", help="names that contain this")
    parser.add_argument("--json", type=Path, help="write all figures here, too")
    parser.add_argument(
        "--against", default="ceiling", help="another checkout, in place of the ceiling"
    )
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
                rows.append(
                    compare(workload, folder, given.rounds, factor, given.against)
                )
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
