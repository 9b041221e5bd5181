"""Registrations a second at one node, and what keep-alives cost it.

    python -m benchmarks.registration [--phones N] [--secure] [--sip] [--hold SECONDS]

The node runs in a process of its own, the phones in this one; both share the machine's
cores. Phones do not boot: their flash holds the configuration, and the CTL of a cluster
in mixed mode. LSCs are made before the clock starts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from benchmarks.processes import memory_mb, processor_s
from tokenless.ground.heap import freeze_heap_after_startup
from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.fleet.lines import FleetLines, FleetLineSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.registration.line import LineSettings
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.certificates.minting import Issuer, Validity
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.certificates import mint_lsc
from tokenless.protocol.phones.configuration import CallManagerMember, PhoneConfig
from tokenless.protocol.phones.device_security import DeviceSecurity, DeviceTransport
from tokenless.protocol.trust.anchors import FileKind
from tokenless.services.changes import security
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.cluster.cluster import Cluster

Ports = dict[str, int]
ADDRESS = "127.0.47.155"
CONFIG = f"""
[cluster]
name = "bench"
version = "12.5(1)"
auto_registration = true
[certificates]
key_size = 2048
[[nodes]]
name = "pub"
address = "{ADDRESS}"
publisher = true
[tftp]
port = 0
[tvs]
port = 0
[callmanager]
sccp_port = 0
sccps_port = 0
sip_port = 0
sips_port = 0
tls_minimum = "1.0"
max_devices = 20000
connections = 30000
connections_per_address = 30000
[[callmanager_groups]]
name = "CMG"
members = ["pub"]
[[device_pools]]
name = "Default"
callmanager_group = "CMG"
default = true
"""


def make_cluster(
    folder: Path, names: list[str], options: argparse.Namespace, config: str = CONFIG
) -> Path:
    """Make the cluster, its devices and their LSCs; return where its CTL will be."""
    (folder / "bench.toml").write_text(config)
    with closing(Cluster.open(folder / "data", folder / "bench.toml")) as cluster:
        model = "8861" if options.sip else "7975"
        mode = DeviceSecurity.ENCRYPTED if options.secure else None
        tls = DeviceTransport.TLS if options.secure and options.sip else None
        change = DeviceChange(model=model, security_mode=mode, transport=tls)
        set_devices(cluster, Selection(tuple(names)), change, by="benchmark")
        if options.secure:
            mixed = security.SecurityMode.MIXED
            security.set_cluster_mode(cluster, mixed, by="benchmark")
            make_lscs(cluster, folder / "lscs", names)
        return cluster.publisher.ctl_file


def make_lscs(cluster: Cluster, folder: Path, names: list[str]) -> None:
    """Issue a certificate to every phone; they share one key, made once."""
    folder.mkdir()
    publisher = cluster.publisher
    own = own_certificate(cluster, publisher, TrustStore.CAPF)
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    capf_key = publisher.keys.load(TrustStore.CAPF, own)
    issuer = Issuer(own.subject, capf_key)
    validity = Validity(datetime.now(UTC), timedelta(days=30))
    for number, name in enumerate(names):
        made = mint_lsc(
            name,
            key.public_key(),
            own,
            issuer,
            serial=(number + 1).to_bytes(16, "big"),
            validity=validity,
            release=cluster.release,
        )
        parsed = x509.load_der_x509_certificate(made.der)
        (folder / f"{name}.pem").write_bytes(pem + parsed.public_bytes(Encoding.PEM))


def fill_flash(
    store: FleetStore,
    plan: FleetPlan,
    nodes: Mapping[str, tuple[str, Ports]],
    ctl: bytes,
    options: argparse.Namespace,
) -> None:
    """Give every phone what its boot would have left in its flash.

    Args:
        store: The flash of all.
        plan: The phones.
        nodes: The members of their CallManager group: addresses and ports.
        ctl: The cluster's CTL; empty: it has none.
        options: Of the command line.
    """
    members = tuple(
        CallManagerMember(
            name, address, place, ports["sccp"], ports["sip"], ports["sips"]
        )
        for place, (name, (address, ports)) in enumerate(nodes.items())
    )
    config = PhoneConfig(
        callmanager_group="CMG",
        callmanagers=members,
        security_mode=3 if options.secure else 1,
        transport=3 if options.secure and options.sip else 1,
        device_protocol="SIP" if options.sip else "SCCP",
    ).encode()
    for identity in plan.phones((Server(ADDRESS, 69),)):
        flash = store.flash(identity.device, identity.model_name)
        flash.replace(FileKind.CONFIGURATION, config)
        if ctl:
            flash.replace(FileKind.CTL, ctl)
        flash.save(None, 0.0)


@contextmanager
def serving(folder: Path, *which: str) -> Iterator[tuple[subprocess.Popen[str], Ports]]:
    """Serve nodes in a process of its own; yield it and its ports.

    Args:
        folder: Has the data folder and the configuration.
        which: Options of `tokenless serve` that name the nodes.
    """
    command = [sys.executable, "-m", "tokenless", "serve", *which]
    command += ["--only", "tftp,tvs,callmanager"]
    command += ["--data", str(folder / "data"), "--config", str(folder / "bench.toml")]
    quiet = {"PATH": "/usr/bin", "TOKENLESS_LOG_LEVEL": "error"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=quiet
    ) as served:
        try:
            ports: Ports = {}
            for line in served.stdout or ():
                each = json.loads(line)
                if "service" in each:
                    ports[each["service"]] = each["port"]
                if each.get("event") == "serving":
                    break
            yield served, ports
        finally:
            served.kill()


async def run_phones(
    plan: FleetPlan,
    store: FleetStore,
    served: int,
    secure_ports: SecurePorts,
    options: argparse.Namespace,
) -> None:
    """Register all, keep them alive, and print the figures."""
    phones = list(plan.phones((Server(ADDRESS, 69),)))
    async with (
        open_network(secure_ports=secure_ports, tls=("1.0", "1.2")) as network,
        trio.open_nursery() as nursery,
    ):
        lines = FleetLines(
            phones,
            store,
            network,
            FleetLineSettings(
                concurrency=options.concurrency,
                boots=False,
                line=LineSettings(30.0, holds_standby=False),
                certificates=options.lscs if options.secure else None,
            ),
        )
        before, own_before = processor_s(served), time.process_time()
        freeze_heap_after_startup()  # as `fleet run` does
        nursery.start_soon(lines.run)
        with trio.move_on_after(options.limit):
            while lines.registrations_now.registered < len(phones):  # noqa: ASYNC110
                await trio.sleep(0.05)
        standings = lines.registrations_now
        used, own = processor_s(served) - before, time.process_time() - own_before
        count, seconds = standings.registered, standings.seconds
        sys.stdout.write(
            f"{count} of {len(phones)} registered in {seconds:.1f} s: "
            f"{count / max(seconds, 0.001):.0f}/s; server "
            f"{1000 * used / max(count, 1):.2f} ms of processor time each, "
            f"{memory_mb(served):.0f} MB; phones {1000 * own / max(count, 1):.2f} ms\n"
            f"{json.dumps(standings.to_json())}\n"
        )
        if options.hold:
            before, so_far = processor_s(served), standings.registrations
            await trio.sleep(options.hold)
            used = processor_s(served) - before
            sys.stdout.write(
                f"held {options.hold:g} s: {standings.registered} still registered, "
                f"{standings.registrations - so_far} registered anew, "
                f"server {100 * used / options.hold:.1f}% of a core\n"
            )
        missing = len(phones) - standings.registered
        nursery.cancel_scope.cancel()
    if missing:
        sys.exit(f"{missing} phones are not registered")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=300)
    parser.add_argument("--secure", action="store_true")
    parser.add_argument("--sip", action="store_true")
    parser.add_argument("--hold", type=float, default=0.0)
    parser.add_argument("--limit", type=float, default=120.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Make a cluster, serve it, register phones."""
    model = "8861" if options.sip else "7975"
    plan = FleetPlan((FleetGroup(options.phones, model),))
    names = [each.device for each in plan.phones((Server(ADDRESS, 69),))]
    ctl = make_cluster(folder, names, options)
    options.lscs = folder / "lscs"
    with (
        serving(folder) as (served, ports),
        closing(FleetStore.open(folder / "flash")) as store,
    ):
        content = ctl.read_bytes() if options.secure else b""
        fill_flash(store, plan, {"pub": (ADDRESS, ports)}, content, options)
        secure = SecurePorts(ports["sccps"])
        trio.run(run_phones, plan, store, served.pid, secure, options)


if __name__ == "__main__":
    main()
