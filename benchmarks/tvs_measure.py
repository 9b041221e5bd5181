"""One server under one load: what that cost it, and how fast it was."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.tvs_lab import Server, storm


@dataclass(frozen=True, slots=True)
class Run:
    """One server under one workload."""

    cpu_ms: float
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


def measure(server: Server, folder: Path, arguments: list[str]) -> Run:
    """Run the generator once and see what that cost the server."""
    before = server.usage()
    seen = storm(folder, server, arguments)
    cpu = server.usage().cpu_s - before.cpu_s
    return Run(
        cpu_ms=cpu * 1000 / max(1, seen["completed"]),
        rate=seen["connections_per_second"],
        p50_ms=seen["first_answer_ms"]["p50"],
        p99_ms=seen["first_answer_ms"]["p99"],
        failed=seen["failed"] + seen["never_started"],
    )


def warm_up(server: Server, folder: Path) -> None:
    """Let first times (imports, caches, allocators) not be counted."""
    storm(folder, server, ["--mode", "query", "--total", "200"])


def median_of(runs: list[Run]) -> Run:
    """Return the medians of several runs, and the sum of what failed."""
    return Run(
        cpu_ms=median(run.cpu_ms for run in runs),
        rate=median(run.rate for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        failed=sum(run.failed for run in runs),
    )
