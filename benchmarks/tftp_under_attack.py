"""Measure honest TFTP clients beside attackers, on a node that `serve` runs.

    python -m benchmarks.tftp_under_attack [--seconds 6] [--rounds 3] [--only WORD]

For each attack (`tftp_attacks`): the rate of 20 honest clients that fetch the ITL, with
and without it in turns, the share of a processor that the attack takes from the
server (its processor time less what the honest transfers cost without), whether the
node still runs, what `tokenless health` says, the most memory it had, what it logged in
a minute, and what the attacker got for what it sent. Generator, attacker and server
share the machine's processors.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.tftp import build_generator
from benchmarks.tftp_node import ADDRESS, RunningNode, running_node

_FIRMWARE_BYTES: Final = 81_396_056
_HONEST: Final = 20


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack, and the node that it is made on."""

    title: str
    kind: str
    rate: int
    settings: tuple[str, ...] = ()
    key_size: int = 2048


ATTACKS: Final = (
    Attack(
        "table filled with clients that answer once, 300 more a second", "hold", 300
    ),
    Attack("the same, single port", "hold", 300, ('ports = "single"',)),
    Attack("blind ACKs, single port, 3,000/s", "blind", 3000, ('ports = "single"',)),
    Attack("blind ACKs, a port a transfer, 3,000/s", "blind", 3000),
    Attack("made-up .sgn names, RSA-2048, 3,000/s", "names", 3000),
    Attack("made-up .sgn names, RSA-4096, 1,000/s", "names", 1000, key_size=4096),
    Attack("an 81 MB file as text, 2,000/s forged", "text", 2000),
    Attack("forged requests, 5,000/s", "flood", 5000),
    Attack("requests that cannot be read, 5,000/s", "junk", 5000),
)


@dataclass(slots=True)
class Figures:
    """The figures measured beside one attack."""

    without: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    attack_cpu: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    failed: int = 0
    health: str = ""
    peak_mb: float = 0.0
    log_mb_a_minute: float = 0.0
    gain: str = ""
    is_running: bool = False

    def row(self, title: str) -> str:
        """Return it as a row of a table in Markdown."""
        before, beside = map(statistics.median, (self.without, self.beside))
        return (
            f"| {title} | {before:,.0f}/s | {beside:,.0f}/s, {beside / before:.0%}"
            f" | {statistics.median(self.attack_cpu):.0%}"
            f" | {statistics.median(self.p99_ms):.1f} ms | {self.failed}"
            f" | {self.health if self.is_running else 'ENDED'}"
            f" | {self.peak_mb:.0f} MB | {self.log_mb_a_minute:.2f} MB | {self.gain} |"
        )


class Bench:
    """The generator, the static files and how long everything takes."""

    def __init__(self, folder: Path, seconds: float, rounds: int) -> None:
        self._folder = folder
        self._generator = build_generator(folder)
        self._static = folder / "static"
        self._static.mkdir()
        line = b"a line of a load\n"
        with (self._static / "firmware.sbn").open("wb") as file:
            file.write(line * (_FIRMWARE_BYTES // len(line)))
        self._seconds = seconds
        self._rounds = rounds

    def measure(self, attack: Attack) -> Figures:
        """Let honest clients fetch with and without an attack, in turns."""
        figures = Figures()
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            folder = Path(name)
            node_of = running_node(
                folder, self._static, *attack.settings, key_size=attack.key_size
            )
            with node_of as node:
                content = _itl(node)
                total = max(200, int(self._fetch(node, content, 500)["rate"]))
                for _ in range(self._rounds):
                    amount, before = int(total * self._seconds), node.cpu_s()
                    found = self._fetch(node, content, amount)
                    figures.without.append(found["rate"])
                    cost_s = (node.cpu_s() - before) / amount
                    self._beside(
                        attack, node, content, amount, cost_s=cost_s, to=figures
                    )
                figures.is_running = node.is_running
                figures.peak_mb = node.peak_mb()
        return figures

    def _beside(
        self,
        attack: Attack,
        node: RunningNode,
        content: Path,
        amount: int,
        *,
        cost_s: float,
        to: Figures,
    ) -> None:
        begun, logged = time.monotonic(), node.log_bytes()
        with attacking(attack, node.port) as results:
            before, at = node.cpu_s(), time.monotonic()
            found = self._fetch(node, content, amount)
            taken = node.cpu_s() - before - amount * cost_s
            to.attack_cpu.append(taken / (time.monotonic() - at))
            to.health = node.health()
        to.beside.append(found["rate"])
        to.p99_ms.append(found["p99_ms"])
        to.failed += int(found["failed"])
        spent = time.monotonic() - begun
        a_minute = (node.log_bytes() - logged) / spent * 60 / 1e6
        to.log_mb_a_minute = max(to.log_mb_a_minute, a_minute)
        sent, got = results["sent"], results["received"]
        in_bytes = results["received_bytes"] / results["sent_bytes"]
        a_second = sent / results["seconds"]
        to.gain = (
            f"{got / sent:.2f} datagrams, {in_bytes:.1f} bytes of {a_second:,.0f}/s"
        )
        time.sleep(1)

    def _fetch(self, node: RunningNode, content: Path, total: int) -> dict[str, float]:
        command = [
            *(str(self._generator), "--json", "--host", ADDRESS),
            *("--port", str(node.port), "--files", "ITLFile.tlv"),
            *("--expect-file", str(content), "--concurrency", str(_HONEST)),
            *("--total", str(total)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return {
            "rate": found["transfers_per_s"],
            "p99_ms": found["latency_ms"]["p99"],
            "failed": found["failed"],
        }


def _itl(node: RunningNode) -> Path:
    (found,) = (node.folder / "data").glob("nodes/*/tftp/ITLFile.tlv")
    return found


@contextmanager
def attacking(attack: Attack, port: int) -> Iterator[dict[str, float]]:
    """Run an attack; afterwards the mapping says what was sent and received."""
    module = (sys.executable, "-m", "benchmarks.tftp_attacks")
    process = subprocess.Popen(
        [*module, ADDRESS, str(port), attack.kind, str(attack.rate)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    results: dict[str, float] = {}
    with process.stdout:
        process.stdout.readline()
        try:
            yield results
        finally:
            process.terminate()
            results.update(json.loads(process.stdout.readline()))
            process.wait()


def main() -> None:
    """Measure, and print as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="attacks whose title has this")
    given = parser.parse_args()
    print(
        "| attack | honest without | beside it | CPU | p99 | failed | health"
        " | most memory | log a minute | the attacker gets for each |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="tftp-attack-") as folder:
        bench = Bench(Path(folder), given.seconds, given.rounds)
        for attack in ATTACKS:
            if given.only in attack.title:
                print(bench.measure(attack).row(attack.title), flush=True)


if __name__ == "__main__":
    main()
