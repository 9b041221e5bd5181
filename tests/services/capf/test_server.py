"""The CAPF server on a real node: phones enrol over TLS, administrators decide."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.rigs import capf as capf_rig
from tests.rigs import minting
from tests.rigs.capf import DEVICE
from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.rigs.tftp_rig import fetch
from tokenless.phone_emulator.capf_client import (
    CapfOutcome,
    CapfRequest,
    CapfResult,
    run_capf,
)
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.capf.elements import CertificateType, KeyType
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.proof import OwnCertificate, PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.device_security import CapfAuthMode, CapfOperation
from tokenless.services.changes import certificates
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.serve import Serving, serve_nodes
from tokenless.services.pki.manufacturing import to_pem

PORTS = {**FREE_PORTS, "capf": {"port": 0, "validity_days": 365}}


@dataclass
class Keeper:
    """Keeps a phone's certificate in memory."""

    stored: list[tuple[Certificate, PhoneKey]] = field(default_factory=list)
    deleted: int = 0

    def store_lsc(self, certificate: Certificate, key: PhoneKey) -> None:
        self.stored.append((certificate, key))

    def delete_lsc(self) -> None:
        self.deleted += 1


@dataclass
class Site:
    """A cluster that is served, and a phone that asks its CAPF."""

    cluster: Cluster
    server: Server
    tftp: tuple[str, int]
    keeper: Keeper = field(default_factory=Keeper)

    @property
    def own(self) -> Certificate:
        publisher = self.cluster.publisher
        return certificates.own_certificate(self.cluster, publisher, TrustStore.CAPF)

    async def schedule(self, **changes: object) -> None:
        change = DeviceChange(
            **{"operation": CapfOperation.INSTALL, **changes}  # type: ignore[arg-type]
        )
        await trio.to_thread.run_sync(
            lambda: set_devices(self.cluster, Selection((DEVICE,)), change, by="test")
        )

    async def ask(self, identity: CapfIdentity | None = None) -> CapfOutcome:
        return await run_capf(
            CapfRequest(
                self.server,
                identity or CapfIdentity(DEVICE),
                frozenset({self.own.der}),
                nobody_vouches,
                make_key,
                self.keeper,
                ("1.0", "1.2"),
                20.0,
            )
        )

    def status(self) -> str:
        return find_device(self.cluster, DEVICE).capf.status_words


async def nobody_vouches(_: Certificate) -> bool:
    await trio.lowlevel.checkpoint()
    return False


async def make_key(order: KeyOrder) -> PhoneKey:
    await trio.lowlevel.checkpoint()
    if order.type is KeyType.EC:
        return ec.generate_private_key(ec.SECP256R1())
    return minting.rsa_key(order.size, "enrolling")


@pytest.fixture
async def site(lab: Cluster, nursery: trio.Nursery) -> Site:
    lab.take_settings(load_config(LAB, PORTS))
    serving: Serving = await nursery.start(serve_nodes, lab)
    (where,) = [each for each in serving.listening if each.service == "capf"]
    assert where.node == lab.publisher.name
    tftp = next(each for each in serving.listening if each.service == "tftp")
    server = Server(where.address, where.port)
    return Site(lab, server, (tftp.address, tftp.port))


async def test_a_phone_gets_its_certificate_once(site: Site) -> None:
    await site.schedule(key_size=1024)
    outcome = await site.ask()
    assert outcome == CapfOutcome(CapfResult.INSTALLED, "", site.own)
    [(lsc, key)] = site.keeper.stored
    verify_issued_by(lsc, site.own)
    assert lsc.public_key == key.public_key()
    assert lsc.subject.get("CN") == DEVICE
    assert (lsc.not_after - lsc.not_before).days == 364
    device = find_device(site.cluster, DEVICE)
    assert device.certificate == lsc
    assert site.status() == "Upgrade Success"
    assert (await site.ask()).result is CapfResult.DECLINED


async def test_nothing_is_pending(site: Site) -> None:
    assert (await site.ask()).result is CapfResult.NO_ACTION
    await site.schedule(operation=CapfOperation.NONE)
    assert (await site.ask()).result is CapfResult.NO_ACTION


async def test_the_string_is_tried_once(site: Site) -> None:
    await site.schedule(auth_mode=CapfAuthMode.STRING, string="4711", key_size=1024)
    wrong = await site.ask(CapfIdentity(DEVICE, password="4712"))
    assert wrong.result is CapfResult.DECLINED
    assert site.status() == "Upgrade Failed: Invalid Authentication String"
    right = CapfIdentity(DEVICE, password="4711")
    assert (await site.ask(right)).result is CapfResult.NO_ACTION
    await site.schedule()
    assert (await site.ask(right)).result is CapfResult.INSTALLED


async def test_renewal_by_the_certificate_that_there_is(site: Site) -> None:
    await site.schedule(key_size=1024)
    await site.ask()
    [(lsc, key)] = site.keeper.stored
    own = OwnCertificate(CertificateType.LSC, lsc, key)
    await site.schedule(auth_mode=CapfAuthMode.EXISTING_LSC)
    assert (await site.ask()).result is CapfResult.DECLINED
    assert site.status() == "Upgrade Failed: Invalid Credentials"
    await site.schedule()
    identity = CapfIdentity(DEVICE, own=own)
    # The lab's clock stands in 2015, and so do the certificates of its CAPF.
    assert (await site.ask(identity)).result is CapfResult.INSTALLED
    assert len(site.keeper.stored) == 2


async def test_a_certificate_of_another_cluster(site: Site) -> None:
    await site.schedule(auth_mode=CapfAuthMode.EXISTING_LSC)
    own = capf_rig.own(capf_rig.phone_certificate())
    outcome = await site.ask(CapfIdentity(DEVICE, own=own))
    assert outcome.result is CapfResult.DECLINED
    assert site.status() == "Upgrade Failed: Invalid LSC"


async def test_fetch_and_delete(site: Site) -> None:
    lsc = capf_rig.phone_certificate().certificate
    await site.schedule(operation=CapfOperation.TROUBLESHOOT)
    outcome = await site.ask(CapfIdentity(DEVICE, lsc=lsc))
    assert outcome.result is CapfResult.NO_ACTION
    assert find_device(site.cluster, DEVICE).certificate == lsc
    assert site.status() == "Troubleshoot Success"
    await site.schedule(operation=CapfOperation.DELETE)
    assert (await site.ask()).result is CapfResult.DELETED
    assert site.keeper.deleted == 1
    assert find_device(site.cluster, DEVICE).certificate is None


async def test_an_ec_key(site: Site) -> None:
    await site.schedule(key_type=KeyType.EC, key_size=256)
    assert (await site.ask()).result is CapfResult.INSTALLED
    [(lsc, _)] = site.keeper.stored
    assert lsc.signature_algorithm == "SHA1withRSA"
    assert lsc.key_bits == 256


async def test_a_key_that_was_not_ordered(site: Site) -> None:
    await site.schedule(key_size=2048)
    request = CapfRequest(
        site.server,
        CapfIdentity(DEVICE),
        frozenset({site.own.der}),
        nobody_vouches,
        small_key,
        site.keeper,
        ("1.0", "1.2"),
        20.0,
    )
    assert (await run_capf(request)).result is CapfResult.DECLINED
    assert site.status() == "Upgrade Failed: Key Generation Failed/Timeout"


async def small_key(_: KeyOrder) -> PhoneKey:
    await trio.lowlevel.checkpoint()
    return minting.rsa_key(1024, "too small")


async def test_a_key_that_a_phone_cannot_make(site: Site) -> None:
    """CUCM offers 512 bits; OpenSSL makes no such key here."""

    async def refuse(_: KeyOrder) -> PhoneKey:
        await trio.lowlevel.checkpoint()
        raise ValueError("key_size must be at least 1024-bits.")

    await site.schedule(key_size=512)
    request = CapfRequest(
        site.server,
        CapfIdentity(DEVICE),
        frozenset({site.own.der}),
        nobody_vouches,
        refuse,
        site.keeper,
        ("1.0", "1.2"),
        20.0,
    )
    assert (await run_capf(request)).result is CapfResult.DECLINED
    assert site.keeper.stored == []
    assert site.status() == "Upgrade Failed: Key Generation Failed/Timeout"


async def test_a_server_that_no_list_knows_hears_nothing(site: Site) -> None:
    """What a CAPF regeneration without a CTL update does (REFERENCE 7.6)."""
    await site.schedule()
    stranger = minting.capf().certificate.der
    request = CapfRequest(
        site.server,
        CapfIdentity(DEVICE),
        frozenset({stranger}),
        nobody_vouches,
        make_key,
        site.keeper,
        ("1.0", "1.2"),
        20.0,
    )
    outcome = await run_capf(request)
    assert outcome.result is CapfResult.UNTRUSTED
    assert "CAPF" in outcome.reason
    assert site.status() == "Operation Pending"

    async def tvs_vouches(certificate: Certificate) -> bool:
        await trio.lowlevel.checkpoint()
        return certificate == site.own

    vouched = replace(request, vouches=tvs_vouches)
    assert (await run_capf(vouched)).result is CapfResult.INSTALLED


async def test_many_phones_at_once(site: Site) -> None:
    names = tuple(f"SEP0011223344{number:02X}" for number in range(20))
    await trio.to_thread.run_sync(
        lambda: set_devices(
            site.cluster,
            Selection(names),
            DeviceChange(operation=CapfOperation.INSTALL, key_size=1024),
            by="test",
        )
    )
    outcomes: list[CapfResult] = []

    async def enrol(name: str) -> None:
        outcomes.append((await site.ask(CapfIdentity(name))).result)

    async with trio.open_nursery() as phones:
        for name in names:
            phones.start_soon(enrol, name)
    assert outcomes == [CapfResult.INSTALLED] * 20
    issued = {lsc.subject.get("CN") for lsc, _ in site.keeper.stored}
    assert issued == set(names)
    devices = site.cluster.devices()
    assert len({device.certificate_hash for device in devices}) == 20


async def test_a_phone_that_hangs_up_may_come_again(site: Site) -> None:
    await site.schedule(key_size=1024)

    async def hang_up(_: KeyOrder) -> PhoneKey:
        await trio.lowlevel.checkpoint()
        raise OSError("power cut")

    request = CapfRequest(
        site.server,
        CapfIdentity(DEVICE),
        frozenset({site.own.der}),
        nobody_vouches,
        hang_up,
        site.keeper,
        ("1.0", "1.2"),
        20.0,
    )
    assert (await run_capf(request)).result is CapfResult.LOST
    assert site.status() == "Operation Pending"
    assert (await site.ask()).result is CapfResult.INSTALLED


async def test_the_configuration_follows_at_once(site: Site) -> None:
    """A phone fetches it right after CAPF: certHash is the new certificate's."""
    await site.schedule(key_size=1024, encrypts_config=True)
    await site.ask()
    [(lsc, key)] = site.keeper.stored
    capf = PhoneConfig.decode(await fetch(site.tftp, "SEP00AABBCCDDEE.cnf.xml")).capf
    assert [(each.address, each.port) for each in capf] == [
        (site.server.address, site.server.port)
    ]
    small = PhoneConfig.decode(await fetch(site.tftp, f"{DEVICE}.cnf.xml"))
    assert small.certificate_hash == lsc.md5
    assert small.capf_auth_mode == 0
    data = await fetch(site.tftp, f"{DEVICE}.cnf.xml.enc.sgn")
    assert isinstance(key, RSAPrivateKey)
    full = PhoneConfig.decode(EncryptedFile.decode(data).decrypt(key))
    assert full.full_config


@asynccontextmanager
async def raw(site: Site) -> AsyncIterator[trio.SocketStream]:
    stream = await trio.open_tcp_stream(site.server.address, site.server.port)
    async with stream:
        yield stream


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x55\x02" + bytes(60)])
async def test_what_is_not_tls_is_hung_up_on(site: Site, sent: bytes) -> None:
    async with raw(site) as stream:
        await stream.send_all(sent)
        with trio.fail_after(20):
            while await stream.receive_some():
                pass
    assert (await site.ask()).result is CapfResult.NO_ACTION


def openssl_answers(site: Site, folder: Path, *words: str) -> Iterator[str]:
    (folder / "capf.pem").write_bytes(to_pem(site.own))
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect"),
            f"{site.server.address}:{site.server.port}",
            *("-CAfile", folder / "capf.pem", "-cipher", "ALL:@SECLEVEL=0"),
            *words,
        ],
        input=b"",
        capture_output=True,
        check=False,
        env={**os.environ},
    )
    yield from done.stdout.decode(errors="replace").splitlines()


async def test_openssl_sees_capfs_certificate_and_is_asked_for_none(
    site: Site, tmp_path: Path
) -> None:
    lines = await trio.to_thread.run_sync(
        lambda: list(openssl_answers(site, tmp_path, "-tls1_2"))
    )
    # OpenSSL puts blanks around "=" up to 3.1, none later.
    assert any("CN=CAPF-e41e7d87" in line.replace(" ", "") for line in lines)
    assert "No client certificate CA names sent" in lines
