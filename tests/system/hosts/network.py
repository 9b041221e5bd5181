"""Hosts with network stacks of their own, on a switch: Linux namespaces.

A namespace lives as long as the process that holds it, and that ends with the test's
own. Nothing is made outside: no interface, address or rule in the namespace that the
tests run in, no name under /run. The switch is a bridge in a namespace of its own; each
host has one cable to it, whose port there bears the host's name. nftables on the bridge
cuts connections and loses frames; netem delays them or, where the kernel has none, a
program between two plugs does (`forwarder`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.peers import require

PREFIX_BITS: Final = 24
_TOOLS: Final = ("busybox", "ip", "nft", "nsenter", "ss", "tc", "unshare")
_FORWARDER: Final = str(Path(__file__).with_name("forwarder.py"))
_RULES: Final = """
table bridge cables {
    set parted { type ifname . ifname; }
    counter lost { }
    chain connections {
        type filter hook forward priority 0;
        iifname . oifname @parted drop
    }
    chain wear {
        type filter hook forward priority 1;
    }
}
"""


def require_namespaces() -> None:
    """Skip the test where it cannot make hosts; fail where a tool should be there."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for tool in _TOOLS:
        require(tool)
    refused = subprocess.run(
        ["unshare", "--net", "true"], capture_output=True, text=True, check=False
    )
    if refused.returncode:
        pytest.skip(f"no network namespace may be made: {refused.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network stack of its own."""

    holder: int
    """The process that keeps it."""

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command in it begins with."""
        return "nsenter", f"--net={self.path}", "--"

    @property
    def path(self) -> str:
        """Where it can be opened."""
        return f"/proc/{self.holder}/ns/net"

    def run(self, *words: str, stdin: str = "") -> str:
        """Run a command that must not fail; return what it printed."""
        done = subprocess.run(
            [*self.enter, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}{stdin}"
        return done.stdout

    def ip(self, *lines: str) -> None:
        """Run lines of `ip`."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines))


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Keep a new namespace until the block ends, or this process does."""
    with subprocess.Popen(
        ["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        # Its echo says that it is `cat` already, in its new namespace.
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"\n"
        yield Namespace(holder.pid)


@dataclass
class Network:
    """A switch and the hosts on it."""

    switch: Namespace
    _stack: ExitStack
    hosts: dict[str, Namespace] = field(default_factory=dict)
    """By their names."""

    def add(self, name: str, address: str, *, delay_s: float = 0.0) -> Namespace:
        """Connect a new host.

        Args:
            name: Its name, at most 10 characters.
            address: Its IPv4 address.
            delay_s: How long each frame takes to it, and as long from it.
        """
        host = self._stack.enter_context(namespace())
        self.hosts[name] = host
        with_netem = bool(delay_s) and self._has_netem()
        plug = f"{name}-plug" if delay_s and not with_netem else name
        self.switch.ip(
            f"link add name {plug} type veth peer name eth0 netns {host.holder}",
            f"link set dev {plug} up",
        )
        host.ip(
            "link set dev lo up",
            f"address add {address}/{PREFIX_BITS} dev eth0",
            "link set dev eth0 up",
        )
        if with_netem:
            for end, interface in ((self.switch, name), (host, "eth0")):
                end.run(*_netem(interface, delay_s))
        elif delay_s:
            self._put_forwarder(name, host, plug, delay_s)
        self.switch.ip(f"link set dev {name} master switch")
        return host

    def part(self, one: str, other: str | None = None) -> None:
        """Cut the connection of two hosts, at once and both ways.

        Args:
            one: A host.
            other: Whom it does not reach any more; everybody when None.
        """
        self._change_parted("add", one, other)

    def mend(self, one: str, other: str | None = None) -> None:
        """Undo `part` with the same arguments.

        Whom a host looked for in vain it looks for again, as when its cable is back.
        """
        self._change_parted("delete", one, other)
        for host in self.hosts.values():
            host.run("ip", "neighbour", "flush", "dev", "eth0")

    def lose(self, name: str, percent: int) -> None:
        """Lose this part of all frames to a host and from it, at random."""
        for side in ("iifname", "oifname"):
            self._wear(f"{side} {name} numgen random mod 100 <= {percent - 1}")

    def break_after(self, name: str, size: int) -> None:
        """Let no more than these bytes reach a host."""
        self._wear(f"oifname {name} quota over {size} bytes")

    def renew_cables(self) -> None:
        """Undo `lose` and `break_after`."""
        self.switch.run("nft", "flush", "chain", "bridge", "cables", "wear")

    @property
    def lost(self) -> int:
        """How many frames `lose` and `break_after` have lost."""
        printed = self.switch.run(
            "nft", "--json", "list", "counter", "bridge", "cables", "lost"
        )
        found = json.loads(printed)["nftables"]
        return int(
            next(each["counter"] for each in found if "counter" in each)["packets"]
        )

    def _wear(self, which: str) -> None:
        rule = f"{which} counter name lost drop"
        self.switch.run("nft", "add rule bridge cables wear", rule)

    def _change_parted(self, verb: str, one: str, other: str | None) -> None:
        others = [other] if other else [name for name in self.hosts if name != one]
        pairs = [f'"{one}" . "{name}", "{name}" . "{one}"' for name in others]
        self.switch.run(
            *("nft", verb, "element", "bridge", "cables", "parted"),
            f"{{ {', '.join(pairs)} }}",
        )

    def _has_netem(self) -> bool:
        probe = [*self.switch.enter, *_netem("lo", 0.001)]
        return not subprocess.run(probe, capture_output=True, check=False).returncode

    def _put_forwarder(
        self, name: str, host: Namespace, plug: str, delay_s: float
    ) -> None:
        """Connect `plug`, where the host's cable ends, with the switch's port."""
        port = f"{name}-port"
        self.switch.ip(
            f"link add name {name} type veth peer name {port}",
            f"link set dev {name} up",
            f"link set dev {port} up",
        )
        host.run(sys.executable, _FORWARDER, "whole", "eth0")
        self.switch.run(sys.executable, _FORWARDER, "whole", name)
        forwarder = self._stack.enter_context(
            subprocess.Popen(
                [
                    *(*self.switch.enter, sys.executable, _FORWARDER),
                    *("forward", plug, port, str(delay_s)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert forwarder.stdout is not None
        assert forwarder.stdout.readline() == b"forwarding\n"


def _netem(interface: str, delay_s: float) -> tuple[str, ...]:
    delay = f"{delay_s * 1000:.0f}ms"
    return "tc", "qdisc", "add", "dev", interface, "root", "netem", "delay", delay


@contextmanager
def network() -> Iterator[Network]:
    """Make a switch without hosts; everything on it ends with the block."""
    with ExitStack() as stack:
        switch = stack.enter_context(namespace())
        switch.ip(
            "link set dev lo up",
            "link add name switch type bridge",
            "link set dev switch up",
        )
        switch.run("nft", "-f", "-", stdin=_RULES)
        yield Network(switch, stack)
