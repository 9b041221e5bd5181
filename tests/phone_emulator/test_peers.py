"""The same phone against other people's TFTP servers, with files of `tokenless file`.

dnsmasq knows port 69 only, so that test needs the right to use it.
"""

from pathlib import Path

import pytest

from tests.rigs.cluster import DEVICE, Keypair, configuration, keypair
from tests.rigs.foreign_tftp import ADDRESS, PEERS, running
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.trust.anchors import FileKind

OWN, TVS, STRANGER = keypair("cucm-pub"), keypair("tvs-pub"), keypair("stranger")
CTL, ITL, CONFIGURATION = FileKind.CTL, FileKind.ITL, FileKind.CONFIGURATION


class Files:
    """The TFTP folder, filled by the command line as a person would fill it."""

    def __init__(self, folder: Path) -> None:
        self.tftp = folder / "tftp"
        self.tftp.mkdir()
        self.tftp.chmod(0o755)
        self._keys = folder
        for who in (OWN, TVS, STRANGER):
            self._pem(who).write_bytes(who.certificate_pem)
            self._pem(who).with_suffix(".key").write_bytes(who.pem)

    def _pem(self, who: Keypair) -> Path:
        return self._keys / f"{who.certificate.subject.get('CN')}.pem"

    def _signer(self, who: Keypair) -> tuple[str, ...]:
        pem = self._pem(who)
        return "--cert", str(pem), "--key", str(pem.with_suffix(".key"))

    def build(self, name: str, signer: Keypair) -> None:
        records: list[str] = []
        for role, who in (("SAST", signer), ("CCM+TFTP", signer), ("TVS", TVS)):
            records += "--record", f"{role}={self._pem(who)},cucm-pub,{ADDRESS}"
        filename = "CTLFile.tlv" if name.startswith("CTL") else "ITLFile.tlv"
        self._run(
            *("file", "build", str(self.tftp / name), *records),
            *("--filename", filename, *self._signer(signer)),
        )

    def sign_configuration(self, signer: Keypair) -> None:
        plain = self._keys / f"{DEVICE}.cnf.xml"
        plain.write_bytes(configuration().encode())
        signed = self.tftp / f"{DEVICE}.cnf.xml.sgn"
        signed.unlink(missing_ok=True)
        self._run("file", "sign", str(plain), str(signed), *self._signer(signer))

    def _run(self, *arguments: str) -> None:
        status, _, err = run_cli(*arguments)
        assert status == 0, err
        for path in self.tftp.iterdir():
            path.chmod(0o644)  # tftpd-hpa serves what everybody may read


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def boot(server: Server, folder: Path, model: str = "7975") -> BootReport:
    identity = PhoneIdentity(device=DEVICE, model_name=model, servers=(server,))
    download_options = DownloadOptions(timeout_s=0.5)
    async with open_network(
        download_options=download_options, tvs_timeout_s=1
    ) as network:
        return await boot_in_folder(identity, folder / f"flash-{model}", network)


async def test_boots_installs_and_refuses(peer: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.build("CTLFile.tlv", OWN)
    files.build(f"ITL{DEVICE}.tlv", OWN)
    files.sign_configuration(OWN)
    with running(peer, files.tftp) as server:
        first = await boot(server, tmp_path)
        assert first.outcome == "ok"
        assert first.files[CTL].requested == "CTLFile.tlv"
        assert first.files[ITL].requested == f"ITL{DEVICE}.tlv"
        again = await boot(server, tmp_path)
        assert {file.action for file in again.files.values()} == {FileAction.UNCHANGED}

        held = (tmp_path / "flash-7975" / "CTLFile.tlv").read_bytes()
        files.build("CTLFile.tlv", STRANGER)
        files.sign_configuration(STRANGER)
        refused = await boot(server, tmp_path)
        assert refused.files[CTL].action is FileAction.REJECTED
        assert refused.files[CONFIGURATION].action is FileAction.REJECTED
        assert refused.files[CTL].held == held
        assert "Trust List update failed" in refused.status_messages


async def test_a_7960_takes_a_plain_configuration(peer: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.build(f"CTL{DEVICE}.tlv", OWN)
    (files.tftp / f"{DEVICE}.cnf.xml").write_bytes(configuration().encode())
    with running(peer, files.tftp) as server:
        report = await boot(server, tmp_path, "7960")
    assert report.outcome == "ok"
    assert report.files[CTL].requested == f"CTL{DEVICE}.tlv"


async def test_an_empty_folder(peer: str, tmp_path: Path) -> None:
    files = Files(tmp_path)
    with running(peer, files.tftp) as server:
        report = await boot(server, tmp_path)
    assert {file.action for file in report.files.values()} == {FileAction.ABSENT}
    assert report.outcome == "degraded"
    assert "No Trust List installed" in report.status_messages
