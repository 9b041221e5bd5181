"""Enrolments a second at CAPF, with keys that phones have made before.

    python -m benchmarks.capf [--phones N] [--concurrency C] [--key-size BITS]

The server runs in a process of its own; its processor time for an issue stands beside
what OpenSSL needs for the signature alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import trio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks.processes import processor_s
from tokenless.phone_emulator.capf_client import CapfRequest, CapfResult, run_capf
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.proof import PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.device_security import CapfOperation
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.cluster.cluster import Cluster

CONFIG = """
[cluster]
name = "bench"
version = "12.5(1)"
[certificates]
key_size = 2048
[[nodes]]
name = "pub"
address = "127.0.47.155"
publisher = true
[tftp]
port = 0
[tvs]
port = 0
[capf]
port = 0
tls_minimum = "1.2"
[[callmanager_groups]]
name = "CMG"
members = ["pub"]
[[device_pools]]
name = "Default"
callmanager_group = "CMG"
default = true
"""


class Forgetful:
    """A phone's flash that keeps nothing."""

    def store_lsc(self, certificate: Certificate, key: PhoneKey) -> None:
        """Forget it."""

    def delete_lsc(self) -> None:
        """Do nothing."""


async def nobody(_: Certificate) -> bool:
    """Vouch for nothing."""
    await trio.lowlevel.checkpoint()
    return False


async def enrol_all(
    server: Server, capf: bytes, names: list[str], keys: list[PhoneKey], at_once: int
) -> list[CapfResult]:
    """Enrol all phones, so many at once."""
    results: list[CapfResult] = []
    waiting, pool = iter(names), cycle(keys)

    async def make_key(_: KeyOrder) -> PhoneKey:
        await trio.lowlevel.checkpoint()
        return next(pool)

    async def phones() -> None:
        for name in waiting:
            request = CapfRequest(
                server,
                CapfIdentity(name),
                frozenset({capf}),
                nobody,
                make_key,
                Forgetful(),
                ("1.2", "1.2"),
                120.0,
            )
            results.append((await run_capf(request)).result)

    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(phones)
    return results


def signatures_a_second(bits: int) -> float:
    """Return how many signatures OpenSSL makes in a second of processor time."""
    key = rsa.generate_private_key(65537, bits)
    began, count = time.process_time(), 400
    for _ in range(count):
        key.sign(b"x" * 700, padding.PKCS1v15(), hashes.SHA256())
    return count / (time.process_time() - began)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phones", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--key-size", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Make a cluster, serve it, enrol phones, print the figures."""
    (folder / "bench.toml").write_text(CONFIG)
    cluster = Cluster.open(folder / "data", folder / "bench.toml")
    names = [f"SEP{number:012X}" for number in range(options.phones)]
    install = DeviceChange(operation=CapfOperation.INSTALL, key_size=options.key_size)
    set_devices(cluster, Selection(tuple(names)), install, by="benchmark")
    own = own_certificate(cluster, cluster.publisher, TrustStore.CAPF)
    cluster.close()
    keys: list[PhoneKey] = [
        rsa.generate_private_key(65537, options.key_size) for _ in range(16)
    ]
    command = [sys.executable, "-m", "tokenless", "serve", "--only", "tftp,tvs,capf"]
    command += ["--data", str(folder / "data"), "--config", str(folder / "bench.toml")]
    quiet = {"PATH": "/usr/bin", "TOKENLESS_LOG_LEVEL": "warning"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=quiet
    ) as served:
        try:
            where = next(
                each
                for each in map(json.loads, served.stdout or ())
                if each.get("service") == "capf"
            )
            server = Server(where["address"], where["port"])
            before, began = processor_s(served.pid), time.perf_counter()
            done = trio.run(
                enrol_all, server, own.der, names, keys, options.concurrency
            )
            seconds = time.perf_counter() - began
            used = processor_s(served.pid) - before
        finally:
            served.terminate()
    issued = done.count(CapfResult.INSTALLED)
    alone = 1000 / signatures_a_second(own.key_bits)
    sys.stdout.write(
        f"{issued} of {len(names)} phones enrolled in {seconds:.1f} s: "
        f"{issued / seconds:.0f}/s; server {1000 * used / max(issued, 1):.2f} ms of "
        f"processor time an issue, a signature alone {alone:.2f} ms "
        f"(RSA-{own.key_bits})\n"
    )


if __name__ == "__main__":
    main()
