"""Hosts, and who works there: processes with the host's network and its folder."""

import json
import re
import signal
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess, Popen
from typing import Any, Final

from tests.rigs.warm_start import WarmPopen
from tests.system.hosts.network import Namespace
from tests.system.hosts.patience import PATIENCE_S, wait_until
from tests.system.serving import environment
from tokenless.phone_emulator.fleet.store import FleetStore, StoredPhone

PHONES: Final = 4
_SUMS: Final = re.compile(r"([0-9a-f]{32})\(MD5\)\s+([0-9a-f]{40})\(SHA1\)")


@dataclass
class Host:
    """A host on the network."""

    name: str
    address: str
    network: Namespace
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """The environment of its commands, beside what every user has."""
    processes: list[Popen[str]] = field(default_factory=list, kw_only=True)

    def start(
        self, *words: str, stdin: int = DEVNULL, stderr: int = PIPE
    ) -> Popen[str]:
        """Start a command of `tokenless`, as a user does; it may be killed."""
        process = WarmPopen(
            words,
            network=self.network.path,
            cwd=self.folder,
            env={**environment(self.folder), **self.variables},
            stdin=stdin,
            stdout=PIPE,
            stderr=stderr,
        )
        self.processes.append(process)
        return process

    def run(self, *words: str, stdin: str = "") -> CompletedProcess[str]:
        """Run a command to its end."""
        return finished(self.start(*words, stdin=PIPE), stdin)

    def do(self, *words: str, stdin: str = "") -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{self.name}: {words}: {done.stderr}"
        return done.stdout

    def kill(self) -> None:
        """Kill all that runs there, as a power cut does to processes."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()
        self.processes.clear()


def finished(process: Popen[str], stdin: str | None = None) -> CompletedProcess[str]:
    """Wait for a process; return how it ended and what it printed."""
    stdout, stderr = process.communicate(stdin, timeout=PATIENCE_S)
    return CompletedProcess(process.args, process.returncode, stdout, stderr)


@dataclass(frozen=True, slots=True)
class Sums:
    """MD5 and SHA-1 of a node's lists, as its shell shows them."""

    ctl: tuple[str, str]
    itl: tuple[str, str]


@dataclass
class NodeHost(Host):
    """A host that serves a node of the cluster."""

    node: str = field(kw_only=True)
    server: Popen[str] | None = field(default=None, kw_only=True)
    log_begin: int = field(default=0, kw_only=True)
    """How many characters of the log were there before."""

    @property
    def tftp(self) -> Path:
        """The folder of the files that the node serves."""
        return self.folder / "data/nodes" / self.node / "tftp"

    @property
    def ctl(self) -> bytes:
        """The node's CTL file."""
        return (self.tftp / "CTLFile.tlv").read_bytes()

    @property
    def log(self) -> str:
        """What its server has logged since `begin_log`."""
        return (self.folder / "serve.log").read_text()[self.log_begin :]

    def begin_log(self) -> None:
        """Leave out of `log` what is logged already."""
        self.log_begin += len(self.log)

    def serve(self, *options: str) -> None:
        """Start the node's server; `await_serving` waits for it."""
        with (self.folder / "serve.log").open("a") as log:
            self.server = self.start("serve", *options, stderr=log.fileno())

    def await_serving(self) -> None:
        """Wait until every socket of the server answers."""
        assert self.server is not None
        assert self.server.stdout is not None
        for line in self.server.stdout:
            if json.loads(line)["event"] == "serving":
                return
        raise AssertionError(f"{self.name} does not serve: {self.log}")

    def stop(self) -> None:
        """Stop the server as systemd does."""
        assert self.server is not None
        self.server.send_signal(signal.SIGTERM)
        assert self.server.wait(PATIENCE_S) == 0, self.log
        self.processes.remove(self.server)
        self.server.communicate()

    def type(self, line: str) -> Popen[str]:
        """Start a line of the node's shell."""
        return self.start("admin", "--node", self.node, "--yes", line)

    def shell(self, line: str) -> str:
        """Run a line of the node's shell, which must succeed."""
        done = finished(self.type(line))
        assert done.returncode == 0, f"{self.name}: {line}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def sums(self) -> Sums:
        """Return what `show ctl` and `show itl` say."""
        lines = "show ctl\nshow itl\n"
        printed = self.do("admin", "--node", self.node, stdin=lines)
        found = _SUMS.findall(printed)
        assert len(found) == len(lines.splitlines()), printed
        return Sums(*found)

    def await_log(self, words: str, *, times: int = 1) -> None:
        """Wait until the server has logged some words so often."""
        wait_until(lambda: self.log.count(words) >= times, f"{self.name}: {words}")


@dataclass
class PhonesHost(Host):
    """A site of phones: all behind one cable, each with a flash of its own."""

    first_mac: str = field(kw_only=True)
    servers: tuple[str, ...] = field(kw_only=True)
    """The TFTP servers, in the order in which the phones try them."""
    tftp_timeout_s: float = field(default=0.2, kw_only=True)
    """Short, for where a server is away; a bad link needs more."""

    @property
    def flash(self) -> Path:
        """Where the phones keep what they hold."""
        return self.folder / "flash"

    def boot(self) -> dict[str, Any]:
        """Switch all phones off and on; return what came of it."""
        return booted(self.start_boot())

    def start_boot(self) -> Popen[str]:
        """Begin to boot all phones."""
        return self.start(
            *("fleet", "boot", "--count", str(PHONES), "--first-mac", self.first_mac),
            *("--model", "7975", "--flash", str(self.flash), "--json"),
            *("--tftp", ",".join(self.servers)),
            *("--tftp-timeout", str(self.tftp_timeout_s)),
            *("--tvs-timeout", "5", "--retries", "0"),
        )

    def phones(self) -> list[StoredPhone]:
        """Return the phones with what they hold."""
        with closing(FleetStore.open_existing(self.flash)) as store:
            return list(store.phones())


def booted(process: Popen[str]) -> dict[str, Any]:
    """Wait for phones that boot; return what came of it."""
    done = finished(process)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
