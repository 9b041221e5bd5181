"""The parts of the TVS benchmark: programs, certificates, servers, their costs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
HOST: Final = "127.0.0.1"
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_KEYS: Final = {
    "rsa": ["-newkey", "rsa:2048"],
    "rsa4096": ["-newkey", "rsa:4096"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


def build(folder: Path) -> None:
    """Compile the load generator and the ceiling.

    Raises:
        SystemExit: When there is no compiler or no OpenSSL to build against.
    """
    for program, libraries in (("tvs_storm", ["-lpthread"]), ("tvs_ceiling", [])):
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(folder / program)]
        command += [str(HERE / f"{program}.c"), "-lssl", "-lcrypto", *libraries]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"{program} was not built: {error}; install gcc and libssl-dev"
            ) from error


def make_certificates(folder: Path) -> None:
    """Make the servers' own certificates and the one that clients ask about."""
    # Attributes in this order give the `;` form that phones send.
    for name, kind, subject in (
        ("rsa", "rsa", "/CN=tvs"),
        ("rsa4096", "rsa4096", "/CN=tvs"),
        ("p256", "p256", "/CN=tvs"),
        ("asked", "rsa", "/C=PL/ST=Malopolska/L=Krakow/O=Cisco/OU=TAC/CN=cucm-pub"),
    ):
        command = ["openssl", "req", "-x509", "-nodes", "-days", "1000", *_KEYS[kind]]
        command += ["-subj", subject, "-keyout", str(folder / f"{name}.key")]
        command += ["-out", str(folder / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a server's processes have used."""

    cpu_s: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    port: int

    def usage(self) -> Usage:
        """Read from /proc what it and its children have used."""
        cpu, resident = 0.0, 0
        for pid in _family(self.pid):
            stat = Path(f"/proc/{pid}/stat").read_text()
            fields = stat.rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
            resident += int(fields[21]) * _PAGE_BYTES
        return Usage(cpu, resident)


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        for thread in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, thread.read_text().split())
    return found


@contextlib.contextmanager
def running(
    name: str, folder: Path, *, key: str = "rsa", workers: int = 1, log: str = "warning"
) -> Iterator[Server]:
    """Run `ours`, the `ceiling`, or the daemon of another checkout for a while."""
    files = [str(folder / each) for each in (f"{key}.pem", f"{key}.key", "asked.pem")]
    paths: dict[str, str] = {}
    if name == "ceiling":
        command = [str(folder / "tvs_ceiling"), *files, str(workers)]
    else:
        checkout = HERE.parent if name == "ours" else Path(name).resolve()
        # Before `src/` the packages lay at the top.
        paths = {"PYTHONPATH": f"{checkout / 'src'}:{checkout}"}
        script = str(checkout / "benchmarks" / "tvs_daemon.py")
        command = [sys.executable, script, *files, "--workers", str(workers)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TOKENLESS_LOG_LEVEL": log, **paths},
        process_group=0,
    )
    try:
        port = int(first_line(process))
        if workers > 1:
            time.sleep(2)  # the port is printed before the workers run
        yield Server(process.pid, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    """Wait until a process says that it is ready."""
    return b"" if process.stdout is None else process.stdout.readline()


def storm(folder: Path, server: Server, options: Sequence[str]) -> dict[str, Any]:
    """Let clients loose on a server; return what they saw."""
    command = [str(folder / "tvs_storm"), "--host", HOST, "--port", str(server.port)]
    command += ["--cert", str(folder / "asked.pem"), "--expect", "trusted", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, check=False)
    if not done.stdout:
        raise SystemExit(f"tvs_storm failed: {done.stderr.decode()}")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
