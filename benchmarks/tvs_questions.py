"""Further measurements of the TVS daemon: workers, memory, attacks, logging."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.tvs_lab import HERE, Server, first_line, running
from benchmarks.tvs_measure import measure, median_of, warm_up


def two_processes(folder: Path, factor: float) -> dict[str, object]:
    """Compare two workers with one; the generator takes its share of the cores.

    With keys of 4,096 bits the server's share is many times the generator's.
    """
    found: dict[str, object] = {"load": round(os.getloadavg()[0], 1)}
    for key, total in (("rsa", 6000), ("rsa4096", 2000)):
        for name in ("ceiling", "ours"):
            for workers in (1, 2):
                with running(name, folder, key=key, workers=workers) as server:
                    warm_up(server, folder)
                    arguments = ["--mode", "query", "--total", str(int(total * factor))]
                    found[f"{key}_{name}_{workers}"] = asdict(
                        measure(server, folder, [*arguments, "--concurrency", "100"])
                    )
    return found


def idle_connections(folder: Path, factor: float) -> dict[str, object]:
    """Hold 5,000 answered clients and see what that costs, and others' latency."""
    count = int(5000 * factor)
    with running("ours", folder) as server:
        warm_up(server, folder)
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


def hello_flood(folder: Path, factor: float) -> dict[str, object]:
    """Say how long honest handshakes take beside 2,600 ClientHellos a second."""
    honest = ["--mode", "query", "--total", str(int(2000 * factor))]
    honest += ["--concurrency", "1"]
    found: dict[str, object] = {"load": round(os.getloadavg()[0], 1)}
    for key in ("rsa", "rsa4096"):
        with running("ours", folder, key=key) as server:
            warm_up(server, folder)
            alone = measure(server, folder, honest)
            with attack(server, "hellos", "1000000", "2600"):
                beside = measure(server, folder, honest)
        found[key] = {
            "alone_p50_ms": alone.p50_ms,
            "alone_p99_ms": alone.p99_ms,
            "beside_p50_ms": beside.p50_ms,
            "beside_p99_ms": beside.p99_ms,
            "failed": beside.failed,
        }
    return found


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
            warm_up(server, folder)
            for _ in range(_ATTACK_ROUNDS):
                alone.append(measure(server, folder, honest))
                with attack(server, kind, count, rate):
                    attacked.append(measure(server, folder, honest))
        before, during = median_of(alone), median_of(attacked)
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
        warm_up(server, folder)
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
            warm_up(server, folder)
            found[level] = asdict(measure(server, folder, arguments))
    return found


QUESTIONS: Final[dict[str, Callable[[Path, float], dict[str, object]]]] = {
    "two processes": two_processes,
    "idle connections": idle_connections,
    "hello flood": hello_flood,
    "under attack": under_attack,
    "memory under attack": memory_under_attack,
    "logging": cost_of_logging,
}
