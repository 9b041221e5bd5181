"""Ten thousand phones that all meet a signer whom they do not know.

    python benchmarks/fleet.py [--phones 10000] [--model 8861] [--runs 3]

A lab cluster is served by `tokenless serve` with RSA-2048 keys; a fleet boots once and
takes its lists by first use; the publisher's CallManager certificate is regenerated and
the CTL updated; the same fleet boots again. That second boot is measured, in a process
of its own: three downloads and one TVS query over TLS 1.2 a phone, by turns over TFTP
and over HTTP with keep-alive. Then a thousand phones do the same by TFTP with 5% of its
packets lost, both ways.

Goals on two cores: 250 phones a second, over HTTP no fewer than over TFTP, under 200 MB
in the fleet's process, no phone lost. Exit status 1 when one is missed.
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
GOAL_MEGABYTES = 200
TOKENLESS = [sys.executable, "-m", "tokenless"]
Report = dict[str, Any]
NODES = ("cucm-1051-a-pub", "cucm-1051-a-sub1")


@dataclass(frozen=True)
class Lab:
    """A lab that is served: its process, and where its publisher serves files."""

    data: Path
    pid: int
    tftp: str
    http_port: str

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

    def go_mixed(self) -> None:
        """Switch mixed mode on; TVS gets keys of today's length."""
        self.admin("utils ctl set-cluster mixed-mode")
        for node in NODES:
            self.admin("set cert regen TVS", node=node)
        self.restart("Cisco Trust Verification Service")
        self.restart("Cisco Tftp")


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
                yield Lab(data, child.pid, *publisher_of(child))
            finally:
                child.terminate()


def publisher_of(child: "subprocess.Popen[str]") -> tuple[str, str]:
    """Read what `serve` prints; return the publisher's TFTP address and HTTP port.

    The subscriber's HTTP port is another one, but phones come here first.
    """
    tftp = http_port = ""
    for line in child.stdout or ():
        event = json.loads(line)
        match event["event"], event.get("node"), event.get("service"):
            case "serving", _, _:
                return tftp, http_port
            case _, name, "tftp" if name == NODES[0]:
                tftp = f"{event['address']}:{event['port']}"
            case _, name, "http" if name == NODES[0]:
                http_port = str(event["port"])
            case _:
                pass
    sys.exit("the lab does not serve")


def boot(lab: Lab, flash: str, *options: str) -> tuple[Report, float]:
    """Boot a fleet in a process of its own; return its report and its megabytes.

    The report gains `cpu_ms`: the processor time of that process, a phone.
    """
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
    report["cpu_ms"] = (usage.ru_utime + usage.ru_stime) / report["phones"] * 1e3
    return report, usage.ru_maxrss / 1024


def regenerate(lab: Lab) -> None:
    """Give the CTL a signer that no phone knows."""
    lab.admin("set cert regen CallManager")
    lab.admin("utils ctl update CTLFile")
    lab.restart("Cisco Tftp")


def measure(
    lab: Lab, flash: str, options: list[str], ways: dict[str, list[str]], runs: int
) -> tuple[dict[str, list[Report]], float]:
    """Boot a fleet after each of some regenerations; print and return the reports.

    Args:
        lab: The lab.
        flash: The fleet's own flash.
        options: Of the fleet.
        ways: More options by the name of a way to fetch; each run takes every way.
        runs: How many.
    """
    boot(lab, flash, *options, "--tftp-only")
    reports: dict[str, list[Report]] = {way: [] for way in ways}
    most = 0.0
    for way in [*ways] * runs:
        regenerate(lab)
        report, megabytes = boot(lab, flash, *options, *ways[way])
        reports[way].append(report)
        most = max(most, megabytes)
        print(
            f"{way}: {report['phones_per_second']} phones/s, {megabytes:.0f} MB, "
            f"{report['cpu_ms']:.2f} ms of CPU a phone, "
            f"outcomes {report['outcomes']}, CTL {report['files']['CTLFile.tlv']}, "
            f"TVS {report['tvs_answers']}, {report['retransmits']} retransmits, "
            f"{len(report['stuck'])} stuck",
            flush=True,
        )
    return reports, most


def rate_of(reports: list[Report]) -> float:
    """Return the median of the phones a second."""
    return float(median(report["phones_per_second"] for report in reports))


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--model", default="8861", help="79xx know TLS 1.0 only")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lossy-phones", type=int, default=1000)
    arguments = parser.parse_args()
    model = ["--model", arguments.model]
    with serving() as lab:
        lab.go_mixed()
        reports, megabytes = measure(
            lab,
            "fleet",
            ["--count", str(arguments.phones), *model],
            {"tftp": ["--tftp-only"], "http": ["--http-port", lab.http_port]},
            arguments.runs,
        )
        lossy: dict[str, list[Report]] = {}
        if arguments.lossy_phones:
            count = ["--count", str(arguments.lossy_phones), *model]
            lossy, _ = measure(lab, "lossy", count, {"lossy": ["--loss", "0.05"]}, 1)
    stuck = sum(len(r["stuck"]) for each in (reports | lossy).values() for r in each)
    tftp, http = rate_of(reports["tftp"]), rate_of(reports["http"])
    print(
        f"median {tftp} phones/s over TFTP, {http} over HTTP, {megabytes:.0f} MB at "
        f"most, {stuck} lost"
    )
    good = http >= tftp >= GOAL_PHONES_PER_SECOND and megabytes < GOAL_MEGABYTES
    return 0 if good and not stuck else 1


if __name__ == "__main__":
    sys.exit(main())
