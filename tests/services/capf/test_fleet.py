"""A fleet that enrols with CAPF: LSCs and encrypted configurations of many phones."""

import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.rigs import minting
from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.phone_emulator.fleet.factory import FleetKeys
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.protocol.capf.elements import Curve, KeyType
from tokenless.protocol.capf.proof import PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Validity
from tokenless.protocol.errors import CannotDecryptError
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.phones.certificates import mint_lsc
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)
from tokenless.protocol.release import Release
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import RestartService
from tokenless.services.node.serve import Serving, serve_nodes
from tokenless.services.publishing.phone_files import NodeFiles

COUNT = 12


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FleetStore]:
    """Open a fleet's flash in a new folder."""
    with closing(FleetStore.open(tmp_path / "fleet")) as opened:
        yield opened


class Site:
    """A cluster that is served, and a fleet."""

    def __init__(self, cluster: Cluster, servers: tuple[Server, ...]) -> None:
        self.cluster = cluster
        self.phones = [
            PhoneIdentity(device=f"SEP{n:012X}", model_name="7975", servers=servers)
            for n in range(COUNT)
        ]

    async def boot(
        self, store: FleetStore, manufacturer: Path | None = None
    ) -> FleetReport:
        settings = FleetSettings(
            retries=0,
            tls=("1.0", "1.2"),
            clock=self.cluster.clock,
            manufacturer=manufacturer,
        )
        return await Fleet(self.phones, store, settings).boot()

    async def order(self, **fields: object) -> None:
        """Schedule an operation for all phones."""
        change = DeviceChange(**{"key_size": 1024, **fields})  # type: ignore[arg-type]
        names = tuple(phone.device for phone in self.phones)

        def do() -> None:
            set_devices(self.cluster, Selection(names), change, by="test")
            for node in self.cluster.nodes:
                restart = RestartService(service="Cisco Tftp")
                request(node.name, node.control_socket, restart)

        await trio.to_thread.run_sync(do)


@pytest.fixture
async def site(lab: Cluster, nursery: trio.Nursery) -> Site:
    """Serve the lab, for a fleet."""
    lab.take_settings(load_config(LAB, FREE_PORTS))
    serving: Serving = await nursery.start(serve_nodes, lab)
    lab.record_ports(serving.ports)
    servers = tuple(
        Server(each.address, each.port)
        for each in serving.listening
        if each.service == "tftp"
    )
    return Site(lab, servers)


async def test_each_phone_has_its_own_lsc_and_configuration_after_one_reset(
    site: Site, store: FleetStore, tmp_path: Path
) -> None:
    await site.order(
        operation=CapfOperation.INSTALL,
        security_mode=DeviceSecurity.ENCRYPTED,
        encrypts_config=True,
    )
    report = await site.boot(store)
    assert report.stuck == []
    assert dict(report.capf) == {"installed": COUNT}
    assert report.encrypted == COUNT
    own = {}
    for phone in site.phones:
        held = store.certificates(phone.device).lsc
        assert held is not None
        stored = await trio.to_thread.run_sync(find_device, site.cluster, phone.device)
        assert stored.certificate == held.certificate
        own[phone.device] = held
    assert len({held.certificate.key_info for held in own.values()}) == COUNT
    first, second, *_ = own
    files = NodeFiles(site.cluster, site.cluster.publisher)
    data = await trio.to_thread.run_sync(files.read, f"{first}.cnf.xml.enc.sgn")
    held_config = store.flash(first, "7975").load().configuration
    assert opened_by_openssl(data, own[first].key, tmp_path) == held_config
    other = own[second].key
    assert isinstance(other, RSAPrivateKey)
    with pytest.raises(CannotDecryptError):
        EncryptedFile.decode(data).decrypt(other)


def opened_by_openssl(data: bytes, key: PhoneKey, folder: Path) -> bytes:
    """Open an encrypted file with the openssl command: unwrap, decrypt, drop pads."""
    file = EncryptedFile.decode(data)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    envelope = file.envelope
    unwrap = ["openssl", "pkeyutl", "-decrypt", "-inkey", str(folder / "key.pem")]
    secret = run(unwrap, envelope.wrapped_key).hex()
    decrypt = ["openssl", "enc", "-d", "-aes-128-cbc", "-nopad"]
    padded = run([*decrypt, "-K", secret, "-iv", envelope.iv.hex()], file.payload)
    return padded[: -envelope.pad_count]


def run(command: list[str], given: bytes) -> bytes:
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


async def test_a_fleet_proves_its_mics(site: Site, store: FleetStore) -> None:
    await site.order(
        operation=CapfOperation.INSTALL, auth_mode=CapfAuthMode.EXISTING_MIC
    )
    maker = site.cluster.installation.manufacturer_folder
    report = await site.boot(store, manufacturer=maker)
    assert dict(report.capf) == {"installed": COUNT}
    for phone in site.phones:
        held = store.certificates(phone.device)
        assert held.mic is not None
        assert held.lsc is not None
        assert held.mic.certificate.key_info != held.lsc.certificate.key_info


async def test_an_operation_is_used_up_and_lsc_and_mic_outlive_the_program(
    site: Site, tmp_path: Path
) -> None:
    await site.order(operation=CapfOperation.INSTALL)
    with closing(FleetStore.open(tmp_path / "fleet")) as store:
        await site.boot(store)
        device = site.phones[0].device
        before = store.certificates(device).lsc
    with closing(FleetStore.open(tmp_path / "fleet")) as store:
        report = await site.boot(store)
        assert dict(report.capf) == {}
        again = store.certificates(device)
        assert before is not None
        assert again.lsc is not None
        assert again.lsc.certificate == before.certificate
        store.factory_reset([device])
        assert again.lsc is None


def test_the_flash_of_a_fleet_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "fleet.db").touch(0o644)
    with closing(FleetStore.open(tmp_path)) as store:
        assert store.certificates("SEP001122334455").present_file is None
        store.certificates("SEP001122334455").store_lsc(*a_pair())
        shown = store.certificates("SEP001122334455").present_file
        assert shown is not None
        files = [*tmp_path.glob("fleet.db*"), shown]
        assert len(files) == 4
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


def a_pair() -> tuple[Certificate, PhoneKey]:
    capf, key = minting.capf(), minting.rsa_key(1024, "phone")
    made = mint_lsc(
        "SEP001122334455",
        key.public_key(),
        capf.certificate,
        Issuer(capf.certificate.subject, capf.key),
        serial=bytes(range(1, 17)),
        validity=Validity.days(datetime(2026, 1, 1, tzinfo=UTC), 365),
        release=Release.parse("15"),
    )
    return made, key


def test_keys_of_a_fleet_are_distinct_and_sound() -> None:
    """They share primes; OpenSSL's own check passes each."""
    keys = FleetKeys()
    made = [keys.make_rsa(1024) for _ in range(12)]
    assert len({key.public_key().public_numbers().n for key in made}) == 12
    for key in made:
        assert key.key_size == 1024
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert load_pem_private_key(pem, None).public_key() == key.public_key()
    on_curve = keys.make(KeyOrder(KeyType.EC, 384, Curve.P384))
    assert on_curve.key_size == 384
