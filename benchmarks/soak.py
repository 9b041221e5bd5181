"""Phones that stay registered while their cluster changes and its nodes are killed.

    python -m benchmarks.soak [--minutes N] [--phones N] [--seed N] [--json FILE]

Four nodes, each a `tokenless serve`, and phones in this process: SCCP and SIP in clear
and over TLS, the secure ones with LSCs that CAPF issued. Each minute the administrator
changes something and waits until every phone is registered and holds the newest lists.
Meanwhile nodes are killed with SIGKILL, one at a time, and started again; `sub3` never
is, so that one node's memory is seen for the whole time. Exit status 1 when a phone was
lost, a phone stayed without dial tone for too long after a kill, a node ended by itself
or wrote a traceback, or a process grew.
"""

import argparse
import json
import os
import random
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import trio

from benchmarks.processes import memory_mb
from benchmarks.soak_changes import Administrator
from benchmarks.soak_cluster import (
    NODES,
    TFTP_PORT,
    Life,
    Pool,
    SoakCluster,
    configuration,
)
from benchmarks.soak_report import Kill, Minute, line_of, report_of
from tokenless.ground.heap import collect_garbage, freeze_heap_after_startup
from tokenless.phone_emulator.fleet.lines import FleetLines, FleetLineSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import open_network, usual_http_port
from tokenless.phone_emulator.registration.line import LineSettings

SPARED: Final = "sub3"


class Soak:
    """The phones, the changes, the kills, and what was seen."""

    def __init__(
        self, folder: Path, pools: list[Pool], options: argparse.Namespace
    ) -> None:
        self.minutes: list[Minute] = []
        self.kills: list[Kill] = []
        self.own = Life("phones", 0.0)
        self.lost: list[str] = []
        self._cluster = SoakCluster(folder)
        self._pools = pools
        self._options = options
        self._random = random.Random(f"kills of {options.seed}")  # noqa: S311
        self._lines: FleetLines | None = None

    @property
    def cluster(self) -> SoakCluster:
        """Return the cluster."""
        return self._cluster

    @property
    def phones(self) -> int:
        """Return the number of phones."""
        return sum(pool.count for pool in self._pools)

    @property
    def registered(self) -> int:
        """Return the number of phones with dial tone."""
        return 0 if self._lines is None else self._lines.registrations_now.registered

    def _boots(self) -> int:
        return 0 if self._lines is None else self._lines.registrations_now.boots

    async def run(self) -> None:
        """Make the cluster, let phones register, and change it until the time is up."""
        await self._make()
        plan = FleetPlan(
            tuple(
                FleetGroup(
                    pool.count, pool.model, f"{pool.first_mac:012x}", _tftp(number)
                )
                for number, pool in enumerate(self._pools)
            )
        )
        flash = self._cluster.folder / "flash"
        async with (
            open_network(
                http_port=usual_http_port, tvs_timeout_s=20.0, register_timeout_s=20.0
            ) as network,
            trio.open_nursery() as nursery,
        ):
            settings = FleetLineSettings(  # as `fleet run` has them, but fewer at once
                concurrency=self._options.concurrency,
                line=LineSettings(timeout_s=20.0),
                manufacturer=self._cluster.data / "manufacturer",
            )
            with closing(FleetStore.open(flash)) as store:
                self._lines = FleetLines(
                    list(plan.phones(())), store, network, settings
                )
                freeze_heap_after_startup()
                nursery.start_soon(collect_garbage)
                nursery.start_soon(self._lines.run)
                await self._follow("boot, enrol and register")
                nursery.start_soon(self._sample)
                await self._change_and_kill()
                nursery.cancel_scope.cancel()

    async def _make(self) -> None:
        cluster, release = self._cluster, self._options.release
        cluster.config.write_text(configuration(release, self._pools, 0, {}))
        await cluster.run("init", "--config", str(cluster.config))
        await cluster.run("admin", "--yes", "utils ctl set-cluster mixed-mode")
        for pool in self._pools:
            if pool.is_secure:
                tls = ("--transport", "tls") if pool.model == "8861" else ()
                words = ("--pool", pool.name, "--encrypted", "--capf", "install")
                await cluster.run("device", "set", *words, *tls)
        for node in NODES:
            await trio.to_thread.run_sync(cluster.start, node)

    async def _change_and_kill(self) -> None:
        options = self._options
        admin = Administrator(
            self._cluster, self._pools, self._boots, options.release, options.seed
        )
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._kill_nodes)
            for number in range(options.minutes):
                await trio.sleep_until(began + 60 * number)
                if trio.current_time() >= began + 60 * options.minutes:
                    break  # changes took longer than a minute
                self._begin()
                self.minutes[-1].change = await admin.change()
                await self._follow()
            await trio.sleep_until(began + 60 * options.minutes)
            nursery.cancel_scope.cancel()
        for node in NODES.keys() - set(self._cluster.running):
            await trio.to_thread.run_sync(self._cluster.start, node)
        self._begin()
        await self._cluster.run("admin", "--yes", "utils ctl update CTLFile")
        await self._cluster.restart("Cisco Tftp")
        await trio.to_thread.run_sync(self._cluster.reset)
        await self._follow("the end: update CTL, reset")
        for kill in self.kills:
            if kill.returned_s is None:  # the time was up while phones came back
                kill.returned_s = round(self._cluster.age_s - kill.at_s, 1)
        await trio.sleep(3)  # the database hears of registrations in batches
        await self._ask_cluster()

    def _begin(self) -> None:
        self.minutes.append(Minute(self._cluster.age_s, ""))

    def report(self) -> dict[str, object]:
        """Return the result as JSON has it."""
        lives = [self.own, *self._cluster.lives]
        seen = report_of(self.minutes, self.kills, lives, self._options.bound)
        bad = (self.lost, seen["late"], tracebacks := [*self._cluster.tracebacks()])
        return {
            "phones": self.phones,
            **seen,
            "lost": self.lost,
            "tracebacks": tracebacks,
            "commands_repeated": self._cluster.repeated,
            "ok": bool(seen["flat"]) and not any(bad),
        }

    # --- phones ----------------------------------------------------------------------

    async def _follow(self, change: str = "") -> None:
        """Wait until every phone is registered and has the newest lists."""
        if not self.minutes:
            self._begin()
        minute = self.minutes[-1]
        minute.change = change or minute.change
        last = began = trio.current_time()
        while trio.current_time() - began < self._options.patience:
            await trio.sleep(1)
            if self.registered < self.phones:
                continue
            stale = await trio.to_thread.run_sync(self._stale)
            if not stale and self.registered == self.phones:
                minute.took_s = round(self._cluster.age_s - minute.began_s, 1)
                break
            if stale and trio.current_time() - last > 30:
                last = trio.current_time()
                minute.resets += 1
                names = tuple(sorted(stale))
                await trio.to_thread.run_sync(self._cluster.reset, names)
        else:
            stale = await trio.to_thread.run_sync(self._stale)
            self.lost.append(
                f"{minute.change}: {self.phones - self.registered} of {self.phones} "
                f"phones are not registered, {len(stale)} hold old lists: "
                f"{sorted(stale.items())[:5]}"
            )
        minute.registered = self.registered
        minute.load = os.getloadavg()[0]
        self._cluster.sample()
        for life in self._cluster.lives:
            if life.node in self._cluster.running:
                minute.memory_mb[life.node] = round(list(life.memory.values())[-1], 1)
        minute.memory_mb["phones"] = round(memory_mb(os.getpid()), 1)
        sys.stdout.write(f"{line_of(minute)}\n")
        sys.stdout.flush()

    def _stale(self) -> dict[str, str]:
        """Return the phones that do not hold the newest lists, and which of them."""
        ctl, itls = self._cluster.newest_lists()
        newest = {sha256(itl).digest() for itl in itls}
        where = f"file:{self._cluster.folder / 'flash' / 'fleet.db'}?mode=ro"
        stale: dict[str, str] = {}
        with closing(sqlite3.connect(where, uri=True)) as store:
            rows = store.execute("SELECT device, outcome, ctl, itl FROM phone")
            for device, outcome, held_ctl, held_itl in rows:
                if held_ctl != sha256(ctl).digest():
                    stale[device] = f"CTL: {outcome}"
                elif held_itl not in newest:
                    stale[device] = f"ITL: {outcome}"
        return stale

    # --- kills -----------------------------------------------------------------------

    async def _kill_nodes(self) -> None:
        """Kill nodes at random moments, one at a time; start each again."""
        while True:
            await trio.sleep(self._random.uniform(10, 2 * self._options.kill_every))
            node = self._random.choice([name for name in NODES if name != SPARED])
            down_s = self._random.uniform(1, 15)
            nodes = () if self._lines is None else self._lines.registrations_now.nodes
            had = nodes[node] if nodes else 0
            kill = Kill(node, round(self._cluster.age_s, 1), had, round(down_s, 1))
            self.kills.append(kill)
            self.minutes[-1].kills.append(node)
            began = trio.current_time()
            self._cluster.kill(node)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._wait_for_all, kill, began)
                await trio.sleep(down_s)
                await trio.to_thread.run_sync(self._cluster.start, node)

    async def _wait_for_all(self, kill: Kill, began: float) -> None:
        await trio.sleep(0.5)  # until the phones there have noticed
        with trio.move_on_after(self._options.patience):
            while self.registered < self.phones:  # noqa: ASYNC110
                await trio.sleep(0.1)
            kill.returned_s = round(trio.current_time() - began, 1)

    # --- what the cluster says -------------------------------------------------------

    async def _sample(self) -> None:
        while True:
            self._cluster.sample()
            self.own.memory[self._cluster.age_s] = memory_mb(os.getpid())
            await trio.sleep(5)

    async def _ask_cluster(self) -> None:
        """Ask the commands of an administrator whether all is well."""
        text = await self._cluster.run("device", "status", "--json")
        phones = json.loads(text)["phones"]
        names = {each["name"] for each in phones if each["registered"]}
        wanted = {name for pool in self._pools for name in pool.devices}
        if missing := wanted - names:
            self.lost.append(f"device status: {len(missing)} are not registered")
        servers = ",".join(f"{address}:{TFTP_PORT}" for address in NODES.values())
        try:
            words = ("--tftp", servers, "--device", self._pools[0].devices[0])
            await self._cluster.run("check", *words, tries=1)
        except RuntimeError as error:
            self.lost.append(f"check: {error}")


def _tftp(number: int) -> str:
    """Return the two TFTP servers of a pool's phones."""
    addresses = list(NODES.values())
    pair = (addresses[(number + place) % len(addresses)] for place in (0, 1))
    return ",".join(f"{address}:{TFTP_PORT}" for address in pair)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--phones", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--release", default="12.5(1)")
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds")
    parser.add_argument("--kill-every", type=float, default=45.0, help="seconds")
    parser.add_argument("--bound", type=float, default=120.0, help="seconds")
    parser.add_argument("--folder", type=Path, help="keep everything there")
    parser.add_argument("--json", type=Path, help="write the result there")
    options = parser.parse_args()
    parts = (("7975", False, 35), ("8861", False, 30), ("7975", True, 17))
    pools = [
        Pool(f"Pool{place}", model, options.phones * share // 100, place << 16, secure)
        for place, (model, secure, share) in enumerate(parts, start=1)
    ]
    rest = options.phones - sum(pool.count for pool in pools)
    pools.append(Pool("Pool4", "8861", rest, 4 << 16, is_secure=True))
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(folder, pools, options)
        try:
            trio.run(soak.run)
        finally:
            with suppress(ProcessLookupError):
                ended = soak.cluster.stop()
        report = soak.report()
    print(f"nodes ended with {ended}")
    text = json.dumps(report, indent=1)
    if options.json:
        options.json.write_text(text)
    print(json.dumps({name: report[name] for name in report if name != "minutes"}))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
