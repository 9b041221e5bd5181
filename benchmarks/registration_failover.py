"""A node killed with all phones on it: how long until all are on the other one.

    python -m benchmarks.registration_failover [--phones N] [--sip] [--secure]
        [--standby]

Two nodes, each in a process of its own, phones in this one; the first is killed with
SIGKILL once all phones are registered there. Printed are the time until all have
registered at the second, how long its database needs to say so, and whether any row
still calls a phone registered at the node that is no more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import trio

from benchmarks.registration import (
    ADDRESS,
    CONFIG,
    Ports,
    fill_flash,
    make_cluster,
    serving,
)
from tokenless.ground.heap import freeze_heap_after_startup
from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.fleet.lines import FleetLines, FleetLineSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.registration.line import LineSettings
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import read_presences

SECOND = "127.0.47.156"
ADDRESSES = {"pub": ADDRESS, "sub": SECOND}
TWO_NODES = CONFIG.replace(
    "[tftp]",
    f'[[nodes]]\nname = "sub"\naddress = "{SECOND}"\n[tftp]',
).replace('members = ["pub"]', 'members = ["pub", "sub"]')


async def run_phones(
    plan: FleetPlan,
    store: FleetStore,
    nodes: dict[str, tuple[subprocess.Popen[str], Ports]],
    data: Path,
    options: argparse.Namespace,
) -> None:
    """Register all, kill their node, and print how they came back."""
    phones = list(plan.phones((Server(ADDRESS, 69),)))
    secure = {ADDRESSES[name]: ports["sccps"] for name, (_, ports) in nodes.items()}
    settings = FleetLineSettings(
        concurrency=options.concurrency,
        boots=False,
        line=LineSettings(30.0, holds_standby=options.standby),
        certificates=options.lscs if options.secure else None,
    )
    async with (
        open_network(
            secure_ports=SecurePorts(by_address=secure), tls=("1.0", "1.2")
        ) as network,
        trio.open_nursery() as nursery,
    ):
        lines = FleetLines(phones, store, network, settings)
        freeze_heap_after_startup()  # as `fleet run` does
        nursery.start_soon(lines.run)
        counts = lines.registrations_now.nodes
        await reached(lambda: counts["pub"] == len(phones), options.limit)
        sys.stdout.write(f"{counts['pub']} of {len(phones)} registered at pub\n")
        await trio.sleep(3)  # until the database has them
        nodes["pub"][0].kill()
        begun = time.monotonic()
        await reached(lambda: counts["sub"] == len(phones), options.limit)
        taken_s = time.monotonic() - begun
        sys.stdout.write(
            f"pub killed: {counts['sub']} of {len(phones)} at sub after "
            f"{taken_s:.1f} s (load of the machine {os.getloadavg()[0]:.1f})\n"
        )
        await trio.to_thread.run_sync(judge, data, len(phones), begun, options.limit)
        missing = len(phones) - counts["sub"]
        nursery.cancel_scope.cancel()
    if missing:
        sys.exit(f"{missing} phones are not at the other node")


async def reached(is_so: Callable[[], bool], limit_s: float) -> None:
    """Wait until a condition holds, or the time is over."""
    with trio.move_on_after(limit_s):
        while not is_so():  # noqa: ASYNC110
            await trio.sleep(0.05)


def judge(data: Path, count: int, begun: float, limit_s: float) -> None:
    """Print when the database has all phones at the second node."""
    with closing(Cluster.open(data, makes=False)) as cluster:
        while True:
            found = list(read_presences(cluster).values())
            at_sub = sum(each.is_registered and each.node == "sub" for each in found)
            at_pub = sum(each.is_registered and each.node == "pub" for each in found)
            if at_sub == count or time.monotonic() - begun > limit_s:
                break
            time.sleep(0.2)
        sys.stdout.write(
            f"database: {at_sub} at sub, {at_pub} at pub, "
            f"{time.monotonic() - begun:.1f} s after the kill\n"
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=300)
    parser.add_argument("--secure", action="store_true")
    parser.add_argument("--sip", action="store_true")
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--limit", type=float, default=120.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Make a cluster of two nodes, serve it, register phones, kill a node."""
    plan = FleetPlan((FleetGroup(options.phones, "8861" if options.sip else "7975"),))
    names = [each.device for each in plan.phones((Server(ADDRESS, 69),))]
    ctl = make_cluster(folder, names, options, TWO_NODES)
    options.lscs = folder / "lscs"
    with ExitStack() as stack:
        nodes = {
            name: stack.enter_context(serving(folder, "--node", name))
            for name in ADDRESSES
        }
        store = stack.enter_context(closing(FleetStore.open(folder / "flash")))
        content = ctl.read_bytes() if options.secure else b""
        members = {name: (ADDRESSES[name], ports) for name, (_, ports) in nodes.items()}
        fill_flash(store, plan, members, content, options)
        trio.run(run_phones, plan, store, nodes, folder / "data", options)


if __name__ == "__main__":
    main()
