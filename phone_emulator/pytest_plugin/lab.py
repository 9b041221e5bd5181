"""The cluster, the phones and the fleets that the fixtures give.

The cluster's services run in a process of their own (`tokenless serve`), so that tests
of any kind, with or without an event loop, can use them.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Final

import msgspec
import trio

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan, check_plan
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.folder_boot import boot_in_folder, delete_trust
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.services.admin.shell import AdminShell
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

_START_S: Final = 60.0
_STOP_S: Final = 10.0
_FIRST_MAC: Final = 0x001122330000


class LabCluster:
    """A cluster whose services run."""

    def __init__(self, data: Path, cluster: Cluster, tftp: dict[str, Server]) -> None:
        self.data = data
        self.tftp = tftp
        """The TFTP server of each node, by the node's name."""
        self._cluster = cluster

    @property
    def publisher(self) -> str:
        """The publisher's name."""
        return self._cluster.publisher.name

    def servers(self, first: str | None = None) -> tuple[Server, ...]:
        """Return all TFTP servers, that of a node (the publisher) first."""
        name = first or self.publisher
        others = [server for node, server in self.tftp.items() if node != name]
        return (self.tftp[name], *others)

    def admin(self, line: str, *, node: str | None = None) -> str:
        """Run a line in a node's administration shell, with yes to its questions.

        Raises:
            PhoneError: When the command is refused or fails.
        """
        shell = AdminShell(self._cluster, node or self.publisher, assume_yes=True)
        result = shell.run(line)
        if result.status:
            raise PhoneError(f"{line}: {result.error or result.text}")
        return result.text

    def restart_tftp(self) -> None:
        """Restart Cisco Tftp on every node, so that it reloads its files."""
        for node in self.tftp:
            self.admin("utils service restart Cisco Tftp", node=node)


@contextmanager
def running_lab() -> Iterator[LabCluster]:
    """Make a lab cluster in a scratch folder and serve it on free ports.

    Raises:
        PhoneError: When its services do not start.
    """
    # Not pytest's own folder: its names are longer than a control socket's may be.
    data = Path(tempfile.mkdtemp(prefix="tokenless-"))
    try:
        config = load_config()
        free_ports = msgspec.structs.replace(
            config,
            tftp=msgspec.structs.replace(config.tftp, port=0),
            tvs=msgspec.structs.replace(config.tvs, port=0),
            callmanager=msgspec.structs.replace(
                config.callmanager, sccp_port=0, sccps_port=0, sip_port=0, sips_port=0
            ),
        )
        folder = data / "lab"
        with (
            closing(Cluster.open(folder, free_ports)) as cluster,
            _serving(folder) as tftp,
        ):
            yield LabCluster(folder, cluster, tftp)
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def _serving(data: Path) -> Iterator[dict[str, Server]]:
    log = data.with_name("serve.log")
    with log.open("w") as errors:
        child = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-P", "-m", "tokenless", "serve", "--data", data],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with child:
        watchdog = Timer(_START_S, child.kill)
        watchdog.start()
        try:
            yield _read_servers(child, log)
        finally:
            watchdog.cancel()
            child.terminate()
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _read_servers(child: "subprocess.Popen[str]", log: Path) -> dict[str, Server]:
    """Read the JSON lines of `serve` up to its last one."""
    tftp: dict[str, Server] = {}
    if child.stdout is not None:
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "serving":
                return tftp
            if event.get("service") == "tftp":
                tftp[event["node"]] = Server(event["address"], event["port"])
    last = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
    raise PhoneError(f"the lab's services did not start: {last[0]}")


@dataclass(slots=True)
class LabPhone:
    """One phone of the lab; `folder` is its flash."""

    identity: PhoneIdentity
    folder: Path

    def boot(self) -> BootReport:
        """Boot once. In an async test use `boot_async`."""
        return trio.run(self.boot_async)

    async def boot_async(self) -> BootReport:
        """Boot once, from within trio."""
        return await boot_in_folder(self.identity, self.folder)

    def delete_trust(self) -> None:
        """Erase CTL and ITL."""
        delete_trust(self.folder)


@dataclass(slots=True)
class PhoneMaker:
    """Makes phones, each with a name and a flash of its own."""

    cluster: LabCluster
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(_FIRST_MAC))

    def __call__(
        self,
        *,
        model: str = "7975",
        device: str | None = None,
        first_tftp: str | None = None,
    ) -> LabPhone:
        """Return a phone that has never been booted.

        Args:
            model: One of `protocol.phones.models.PHONE_MODELS`.
            device: Its name; made up when None.
            first_tftp: The node whose TFTP server it tries first; the publisher.
        """
        name = device or f"SEP{next(self._numbers):012X}"
        servers = self.cluster.servers(first_tftp)
        identity = PhoneIdentity(device=name, model_name=model, servers=servers)
        return LabPhone(identity, self.folder / name)


@dataclass(slots=True)
class LabFleet:
    """Many phones of the lab, with one folder of flash."""

    phones: list[PhoneIdentity]
    folder: Path
    settings: FleetSettings

    def boot(self) -> FleetReport:
        """Boot all of them. In an async test use `boot_async`."""
        return trio.run(self.boot_async)

    async def boot_async(self) -> FleetReport:
        """Boot all of them, from within trio."""
        with closing(FleetStore.open(self.folder)) as store:
            return await Fleet(self.phones, store, self.settings).boot()


@dataclass(slots=True)
class FleetMaker:
    """Makes fleets."""

    cluster: LabCluster
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def __call__(
        self,
        count: int = 20,
        *,
        model: str = "7975",
        first_mac: str = "001122000000",
        first_tftp: str | None = None,
        settings: FleetSettings | None = None,
    ) -> LabFleet:
        """Return a fleet that has never been booted."""
        plan = check_plan(FleetPlan((FleetGroup(count, model, first_mac),)))
        phones = list(plan.phones(self.cluster.servers(first_tftp)))
        folder = self.folder / str(next(self._numbers))
        return LabFleet(phones, folder, settings or FleetSettings())
