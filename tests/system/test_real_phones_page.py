"""The commands of docs/real-phones.md, as typed, with another program's TFTP server."""

import json
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rigs.foreign_tftp import running
from tests.rigs.peers import require
from tests.rigs.warm_start import warm_commands
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "real-phones.md").read_text()
ADDRESS = "127.0.46.10"
DEVICE = "SEP001122334455"
CONFIGURATION = f"{DEVICE}.cnf.xml"
WHOLE = "<device><fullConfig>true</fullConfig><loadInformation/>{}</device>"


def section(title: str) -> str:
    return PAGE.partition(f"## {title}")[2].partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


SIGNING = section("Signing the files of your own call server")
ENROLLING = section("TVS, LSCs and encrypted configurations")


class Site:
    """A person at the keyboard of the call server, and one phone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served = folder / "tftp"
        self.served.mkdir()
        self.served.chmod(0o755)
        tvs, capf = (free_port([ADDRESS], socket.SOCK_STREAM) for _ in range(2))
        self._ports = {"2445": str(tvs), "3804": str(capf)}
        (toml,) = blocks(ENROLLING, "toml")
        assert toml.count("[tvs]\n") == 1
        toml = toml.replace("[tvs]\n", f"[tvs]\nport = {tvs}\n")
        ports = f"\n[capf]\nport = {capf}\n"
        (folder / "pbx.toml").write_text(self._here(toml) + ports)

    def _here(self, text: str) -> str:
        return text.replace("192.0.2.10", ADDRESS)

    def xml(self, mode: int) -> str:
        """Return the elements of the page, for the ports of this run."""
        (xml,) = blocks(ENROLLING, "xml")
        for known, taken in self._ports.items():
            xml = xml.replace(f"ort>{known}<", f"ort>{taken}<")
        set_to = f"<capfAuthMode>{mode}</capfAuthMode>"
        assert "<capfAuthMode>2</capfAuthMode>" in xml
        return self._here(xml).replace("<capfAuthMode>2</capfAuthMode>", set_to)

    def type_in(self, block: str) -> str:
        """Type the lines of a block; return what they print."""
        lines = self._here(block).replace("\\\n", " ").splitlines()
        return "".join(self.type_line(line) for line in lines)

    def type_line(self, line: str) -> str:
        words = shlex.split(line)
        if words[0] == "tokenless":
            words[0] = str(warm_commands() / words[0])
        else:
            words = [require(words[0]), *words[1:]]
        done = subprocess.run(
            words, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def serving(self, line: str) -> Iterator[None]:
        words = [str(warm_commands() / "tokenless"), *shlex.split(line)[1:]]
        with subprocess.Popen(
            words,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as child:
            assert child.stdout is not None
            services = set()
            for printed in child.stdout:
                event = json.loads(printed)
                if event["event"] == "serving":
                    break
                services.add(event["service"])
            assert {"tvs", "capf"} <= services
            assert not {"tftp", "http"} & services
            try:
                yield
            finally:
                child.terminate()

    def put(self, *names: str) -> None:
        """Serve files, and nothing else but the lists."""
        for old in self.served.glob("SEP*"):
            old.unlink()
        for name in names:
            shutil.copy(self.folder / name, self.served)

    def boot(self, tftp: str) -> dict[str, object]:
        words = f"tokenless phone boot --device {DEVICE} --flash phone --tftp {tftp}"
        told: dict[str, object] = json.loads(self.type_line(f"{words} --json"))
        return told


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_asterisk_site_gives_its_phones_lscs_and_encrypted_files(
    site: Site,
) -> None:
    begins, build, schedule, encrypt = blocks(ENROLLING, "sh")
    *prepare, serve = begins.strip().splitlines()
    request_key = blocks(SIGNING, "sh")[0].partition("tokenless")[0]
    site.type_in(request_key)
    for line in prepare:
        site.type_in(line)
    with site.serving(serve), running("in.tftpd", site.served) as tftp:
        assert "4 records" in site.type_in(build)
        for name in ("ITLFile.tlv", f"ITL{DEVICE}.tlv"):
            shutil.copy(site.folder / "ITLFile.tlv", site.served / name)
        (site.folder / CONFIGURATION).write_text(WHOLE.format(site.xml(2)))
        site.type_in(schedule)
        site.put(f"{CONFIGURATION}.sgn")
        capf = site.boot(str(tftp))["capf"]
        assert isinstance(capf, dict)
        assert capf["result"] == "installed"

        (site.folder / CONFIGURATION).write_text(WHOLE.format(site.xml(0)))
        said = site.type_in(encrypt)
        assert "Upgrade Success" in said
        assert f"{CONFIGURATION}.enc.sgn: " in said
        site.put(f"{CONFIGURATION}.enc.sgn", f"{CONFIGURATION}.sgn")
        told = site.boot(str(tftp))
        assert "capf" not in told
        files = told["files"]
        assert isinstance(files, dict)
        assert files[CONFIGURATION]["requested"] == f"{CONFIGURATION}.enc.sgn"
        held = (site.folder / "phone" / CONFIGURATION).read_text()
        assert held == (site.folder / CONFIGURATION).read_text()

        # A new signer, for which TVS vouches as soon as it is uploaded.
        fresh = request_key.replace("pbx-tftp", "pbx-new").replace("tftp.", "new.")
        site.type_in(fresh)
        site.type_in("tokenless cert upload Phone-SAST-trust new.pem --data pbx")
        site.type_in(build.replace("tftp.", "new."))
        for name in ("ITLFile.tlv", f"ITL{DEVICE}.tlv"):
            shutil.copy(site.folder / "ITLFile.tlv", site.served / name)
        files = site.boot(str(tftp))["files"]
        assert isinstance(files, dict)
        itl = files["ITLFile.tlv"]
        assert (itl["action"], itl["verified_by"]) == ("updated", "tvs")


def test_the_commands_about_signing(site: Site) -> None:
    (site.folder / CONFIGURATION).write_text("<device/>")
    (commands,) = blocks(SIGNING, "sh")
    assert site.type_in(commands).count("verified: signed by CN=pbx-tftp") == 2
