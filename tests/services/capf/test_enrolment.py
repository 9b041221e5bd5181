"""Phones, CAPF and encrypted configurations, end to end: a cluster and its phones."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.own_certificates import FolderCertificates
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport, FileAction, Outcome
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.device_security import CapfAuthMode, CapfOperation
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason
from tokenless.services.changes import certificates, security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import RestartService, StopService, Sync
from tokenless.services.node.serve import Serving, serve_nodes

DEVICE = "SEP001122334455"
INSTALL = CapfOperation.INSTALL


@dataclass
class Site:
    """A cluster that is served, and one phone of it."""

    cluster: Cluster
    identity: PhoneIdentity
    flash: Path
    slept: list[float] = field(default_factory=list)

    @property
    def own(self) -> FolderCertificates:
        return FolderCertificates(self.flash)

    async def boot(self, string: str | None = None) -> BootReport:
        clock = self.cluster.clock
        async with open_network(clock=clock, tls=("1.0", "1.2")) as network:
            return await boot_in_folder(
                self.identity, self.flash, network, string=string, sleep=self.sleep
            )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await trio.lowlevel.checkpoint()

    async def change(self, **fields: object) -> None:
        change = DeviceChange(**{"key_size": 1024, **fields})  # type: ignore[arg-type]

        def both() -> None:
            set_devices(self.cluster, Selection((DEVICE,)), change, by="test")
            self.sync()

        await trio.to_thread.run_sync(both)

    def sync(self) -> None:
        for node in self.cluster.nodes:
            revision = Sync(revision=self.cluster.store.revision())
            request(node.name, node.control_socket, revision)

    async def restart(self, *services: str) -> None:
        def all_of_them() -> None:
            self.sync()
            node = self.cluster.publisher
            for service in services:
                request(node.name, node.control_socket, RestartService(service=service))

        await trio.to_thread.run_sync(all_of_them)


TFTP, CAPF = "Cisco Tftp", "Cisco Certificate Authority Proxy Function"


@pytest.fixture
async def site(lab: Cluster, nursery: trio.Nursery, tmp_path: Path) -> Site:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    serving: Serving = await nursery.start(serve_nodes, lab)
    lab.record_ports(serving.ports)
    tftp = next(each for each in serving.listening if each.service == "tftp")
    server = Server(tftp.address, tftp.port)
    identity = PhoneIdentity(device=DEVICE, model_name="7975", servers=(server,))
    made = Site(lab, identity, tmp_path / "phone")
    await made.restart(TFTP)
    return made


def configuration(report: BootReport) -> PhoneConfig:
    held = report.files[FileKind.CONFIGURATION].held
    assert held is not None
    return PhoneConfig.decode(held)


async def test_a_phone_enrols_and_gets_its_encrypted_configuration(site: Site) -> None:
    await site.change(operation=INSTALL, encrypts_config=True)
    report = await site.boot()
    assert report.outcome is Outcome.OK
    assert report.capf == {
        "cause": "CAPF_CLNT_PUBKEY_MISMATCH",
        "mode": "null-string",
        "result": "installed",
        "reason": None,
        "server": report.capf["server"] if report.capf else "",
        "tries": 1,
    }
    assert configuration(report).full_config
    file = report.files[FileKind.CONFIGURATION]
    assert file.requested == f"{DEVICE}.cnf.xml.enc.sgn"
    lsc = site.own.lsc
    assert lsc is not None
    assert find_device(site.cluster, DEVICE).certificate == lsc.certificate
    assert stat.S_IMODE((site.flash / "lsc.pem").stat().st_mode) == 0o600
    log = (site.flash / "console.log").read_text()
    assert "capf: session ended, installed" in log
    assert "decrypted" in log
    again = await site.boot()
    assert again.capf is None
    assert again.files[FileKind.CONFIGURATION].action is FileAction.UNCHANGED


async def test_string_mode_is_stuck_until_a_person_types_it(site: Site) -> None:
    await site.change(
        operation=INSTALL,
        encrypts_config=True,
        auth_mode=CapfAuthMode.STRING,
        string="4711",
    )
    report = await site.boot()
    assert report.capf is not None
    assert report.capf["result"] == "waits-for-string"
    file = report.files[FileKind.CONFIGURATION]
    assert (file.action, file.code) == (FileAction.FAILED, Reason.NOT_DECRYPTED)
    assert site.own.lsc is None
    wrong = await site.boot("4712")
    assert wrong.capf is not None
    assert wrong.capf["result"] == "declined"
    await site.change(operation=INSTALL)
    typed = await site.boot("4711")
    assert typed.capf is not None
    assert typed.capf["result"] == "installed"
    assert typed.outcome is Outcome.OK
    assert configuration(typed).full_config


async def test_a_mic_renews_what_another_cluster_issued(site: Site) -> None:
    manufacturer = site.cluster.installation.manufacturer_folder
    site.flash.mkdir()
    site.own.make_mic(DEVICE, "7975", manufacturer, site.cluster.clock())
    mic = site.own.mic
    assert mic is not None
    site.own.make_mic(DEVICE, "7975", manufacturer, site.cluster.clock())
    assert site.own.mic is not None
    assert site.own.mic.certificate == mic.certificate
    await site.change(operation=INSTALL, auth_mode=CapfAuthMode.EXISTING_MIC)
    report = await site.boot()
    assert report.capf is not None
    assert (report.capf["mode"], report.capf["result"]) == ("existing-mic", "installed")


async def test_a_phone_without_a_certificate_cannot_prove_one(site: Site) -> None:
    await site.change(operation=INSTALL, auth_mode=CapfAuthMode.EXISTING_LSC)
    report = await site.boot()
    assert report.capf is not None
    assert report.capf["result"] == "declined"
    status = find_device(site.cluster, DEVICE).capf.status_words
    assert status == "Upgrade Failed: Invalid Credentials"


async def regenerate_capf(site: Site) -> None:
    def regenerate() -> None:
        publisher = site.cluster.publisher
        certificates.regenerate(
            site.cluster, publisher, TrustStore.CAPF, key_size=1024, by="test"
        )

    await trio.to_thread.run_sync(regenerate)
    await site.change(operation=INSTALL)
    await site.restart(CAPF)


async def test_a_stale_ctl_stops_enrolment_until_it_is_updated(site: Site) -> None:
    cluster = site.cluster

    def go_mixed() -> None:
        security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")

    await trio.to_thread.run_sync(go_mixed)
    await site.restart(TFTP)
    await site.boot()
    await regenerate_capf(site)
    await site.restart(TFTP)  # the ITL has the new CAPF; the CTL has the old one
    report = await site.boot()
    assert report.capf is not None
    assert report.capf["result"] == "untrusted-server"
    assert report.capf["reason"].startswith("the CTL has another certificate for CAPF")
    # It may be the CTL that is new, and CAPF that was not restarted.
    assert "update the CTL, or restart CAPF" in report.capf["reason"]
    assert site.slept == [30.0, 30.0]
    assert find_device(cluster, DEVICE).capf.status_words == "Operation Pending"
    await trio.to_thread.run_sync(lambda: security.update_ctl(cluster, by="test"))
    await site.restart(TFTP)
    after = await site.boot()
    assert after.capf is not None
    assert after.capf["result"] == "installed"


async def test_tvs_vouches_for_a_new_capf_where_there_is_no_ctl(site: Site) -> None:
    await site.boot()
    await regenerate_capf(site)  # TFTP serves the ITL of before
    report = await site.boot()
    assert report.capf is not None
    assert report.capf["result"] == "installed"


async def test_three_tries_thirty_seconds_apart(site: Site) -> None:
    await site.change(operation=INSTALL)
    await site.restart()

    def stop() -> None:
        node = site.cluster.publisher
        request(node.name, node.control_socket, StopService(service=CAPF))

    await trio.to_thread.run_sync(stop)
    report = await site.boot()
    assert report.capf is not None
    assert (report.capf["result"], report.capf["tries"]) == ("connect-failed", 3)
    assert site.slept == [30.0, 30.0]
    assert report.outcome is Outcome.OK


def test_a_mic_of_ones_own(tmp_path: Path) -> None:
    own = FolderCertificates(tmp_path)
    with pytest.raises(PhoneError, match=r"x\.pem: no private key"):
        own.install_mic(b"nonsense", "x.pem")
    with pytest.raises(PhoneError, match="No such file"):
        own.make_mic(DEVICE, "7975", tmp_path / "nowhere", 0.0)
    (tmp_path / "lsc.pem").write_text("damaged")
    with pytest.raises(PhoneError, match=r"lsc\.pem"):
        _ = own.certificate_hash
    own.delete_lsc()
    assert own.certificate_hash == ""
