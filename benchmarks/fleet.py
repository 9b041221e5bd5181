"""Ten thousand phones that all meet a signer whom they do not know.

    python benchmarks/fleet.py [--phones 10000] [--model 8861] [--runs 3]

A lab cluster is served by `tokenless serve` with RSA-2048 keys; a fleet boots once and
takes its lists by first use; the publisher's CallManager certificate is regenerated and
the CTL updated; the same fleet boots again. That second boot is measured, in a process
of its own: three downloads and one TVS query over TLS 1.2 a phone. Then a thousand
phones do the same with 5% of the TFTP packets lost, both ways.

Goals on two cores: 250 phones a second, under 400 MB in the fleet's process, no phone
lost. Exit status 1 when one is missed.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

GOAL_PHONES_PER_SECOND = 250
GOAL_MEGABYTES = 400
TOKENLESS = [sys.executable, "-m", "tokenless"]
Report = dict[str, Any]
NODES = ("cucm-1051-a-pub", "cucm-1051-a-sub1")


@dataclass(frozen=True)
class Lab:
    """A lab that is served, and its publisher's TFTP address."""

    data: Path
    tftp: str

    def admin(self, line: str, *, node: str = NODES[0]) -> None:
        """Run a line in a node's administration shell."""
        subprocess.run(
            [
                *TOKENLESS,
                *("admin", "--data", self.data, "--node", node, "--yes"),
                *line.split(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def restart(self, service: str) -> None:
        """Restart a service on every node."""
        for node in NODES:
            self.admin(f"utils service restart {service}", node=node)


@contextlib.contextmanager
def serving() -> Iterator[Lab]:
    """Serve a new lab on free ports."""
    with tempfile.TemporaryDirectory(prefix="tokenless-bench-") as scratch:
        data = Path(scratch) / "lab"
        config = Path(scratch) / "lab.toml"
        lab = (Path(__file__).parents[1] / "configs" / "lab.toml").read_text()
        lab = lab.replace("port = 6969", "port = 0").replace("port = 2445", "port = 0")
        config.write_text(lab)
        child = subprocess.Popen(
            [*TOKENLESS, "serve", "--data", data, "--config", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TOKENLESS_LOG_LEVEL": "error"},
            text=True,
        )
        with child:
            try:
                yield Lab(data, publisher_of(child))
            finally:
                child.terminate()


def publisher_of(child: "subprocess.Popen[str]") -> str:
    """Read what `serve` prints; return the publisher's TFTP address."""
    tftp = ""
    for line in child.stdout or ():
        event = json.loads(line)
        if event["event"] == "serving":
            return tftp
        if (event["node"], event["service"]) == (NODES[0], "tftp"):
            tftp = f"{event['address']}:{event['port']}"
    sys.exit("the lab does not serve")


def boot(lab: Lab, flash: str, *options: str) -> tuple[Report, float]:
    """Boot a fleet in a process of its own; return its report and its megabytes."""
    child = subprocess.Popen(
        [
            *TOKENLESS,
            *("fleet", "boot", "--json", "--tftp", lab.tftp),
            *("--flash", str(lab.data.with_name(flash)), *options),
        ],
        stdout=subprocess.PIPE,
    )
    report = json.loads(child.stdout.read() if child.stdout else b"")
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return report, usage.ru_maxrss / 1024


def regenerate(lab: Lab) -> None:
    """Give the CTL a signer that no phone knows."""
    lab.admin("set cert regen CallManager")
    lab.admin("utils ctl update CTLFile")
    lab.restart("Cisco Tftp")


def measure(
    lab: Lab, name: str, options: list[str], runs: int
) -> tuple[list[Report], float]:
    """Boot a fleet after each of some regenerations; print and return the reports."""
    boot(lab, name, *options)
    reports, most = [], 0.0
    for _ in range(runs):
        regenerate(lab)
        report, megabytes = boot(lab, name, *options)
        reports.append(report)
        most = max(most, megabytes)
        print(
            f"{name}: {report['phones_per_second']} phones/s, {megabytes:.0f} MB, "
            f"outcomes {report['outcomes']}, CTL {report['files']['CTLFile.tlv']}, "
            f"TVS {report['tvs_answers']}, {report['retransmits']} retransmits, "
            f"{len(report['stuck'])} stuck",
            flush=True,
        )
    return reports, most


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--model", default="8861", help="79xx know TLS 1.0 only")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lossy-phones", type=int, default=1000)
    arguments = parser.parse_args()
    model = ["--model", arguments.model]
    with serving() as lab:
        lab.admin("utils ctl set-cluster mixed-mode")
        for node in NODES:
            lab.admin("set cert regen TVS", node=node)
        lab.restart("Cisco Trust Verification Service")
        lab.restart("Cisco Tftp")
        count = ["--count", str(arguments.phones)]
        reports, megabytes = measure(lab, "fleet", [*count, *model], arguments.runs)
        lossy = ["--count", str(arguments.lossy_phones), "--loss", "0.05"]
        lossy_reports, _ = measure(lab, "lossy", [*lossy, *model], 1)
    rate = median(report["phones_per_second"] for report in reports)
    stuck = sum(len(r["stuck"]) for r in (*reports, *lossy_reports))
    print(f"median {rate} phones/s, {megabytes:.0f} MB at most, {stuck} lost")
    good = rate >= GOAL_PHONES_PER_SECOND and megabytes < GOAL_MEGABYTES
    return 0 if good and not stuck else 1


if __name__ == "__main__":
    sys.exit(main())
