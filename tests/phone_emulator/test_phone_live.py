"""One phone over real sockets, through the command line as a user runs it."""

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import DEVICE, Lab
from tests.rigs.live import live_node
from tests.rigs.run_cli import run_cli
from tests.rigs.warm_start import WarmPopen
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.folder_boot import boot_in_folder
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import Outcome
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.trust.anchors import FileKind

LAB = Lab()
MIXED = replace(LAB, mixed=True)
REGENERATED = MIXED.regenerate_callmanager()


def identity(*servers: Server, model: str = "8861") -> PhoneIdentity:
    return PhoneIdentity(device=DEVICE, model_name=model, servers=servers)


async def test_a_phone_through_a_regeneration(tmp_path: Path) -> None:
    before = MIXED.authority()
    before.know(REGENERATED.callmanager_pub, 2, 0)
    flash = tmp_path / "flash"
    async with live_node(before, tmp_path) as node, open_network() as network:
        first = await boot_in_folder(identity(node.tftp), flash, network)
        node.serve(REGENERATED.authority())
        second = await boot_in_folder(identity(node.tftp), flash, network)
        third = await boot_in_folder(identity(node.tftp), flash, network)
    assert first.outcome is second.outcome is third.outcome is Outcome.OK
    assert second.files[FileKind.CTL].verified_by == "tvs"
    assert [query.status for query in second.tvs] == ["trusted"]
    assert second.tvs[0].milliseconds > 0
    assert {file.action for file in third.files.values()} == {"unchanged"}
    assert (flash / "CTLFile.tlv").read_bytes() == second.files[FileKind.CTL].held


async def test_the_next_tftp_server(tmp_path: Path) -> None:
    download_options = DownloadOptions(timeout_s=0.05, retransmits=1)
    async with (
        live_node(LAB.authority(), tmp_path) as node,
        open_network(download_options=download_options) as network,
    ):
        servers = (Server("127.0.47.156", 9), node.tftp)
        report = await boot_in_folder(identity(*servers), tmp_path / "f", network)
    assert report.outcome is Outcome.OK


async def cli(*arguments: str) -> tuple[int, str, str]:
    return await trio.to_thread.run_sync(lambda: run_cli(*arguments))


async def test_the_commands(tmp_path: Path) -> None:
    flash = ("--flash", str(tmp_path / "flash"))
    before = MIXED.authority()
    before.know(REGENERATED.callmanager_pub, 2, 0)
    async with live_node(before, tmp_path) as node:
        boot = (
            *("phone", "boot", "--device", DEVICE, "--model", "8861", *flash),
            *("--tftp", str(node.tftp), "--json"),
        )
        status, out, err = await cli(*boot)
        assert (status, err) == (0, "")
        node.serve(REGENERATED.authority())
        status, out, _ = await cli(*boot)
        report = json.loads(out)
    assert status == 0
    assert report["files"]["CTLFile.tlv"]["action"] == "updated"
    assert report["files"]["CTLFile.tlv"]["verified_by"] == "tvs"
    assert report["files"][f"{DEVICE}.cnf.xml"]["action"] == "unchanged"
    assert set(report["tvs"][0]) >= {"server", "request", "serial", "status", "roles"}
    assert "Trust List updated" in report["status_messages"]

    again = [word for word in boot if word not in ("--model", "8861")]
    async with live_node(before, tmp_path) as node:
        again[again.index("--tftp") + 1] = str(node.tftp)
        _, out, _ = await cli(*again)
    assert json.loads(out)["model"] == "8861"
    _, shown, _ = await cli("phone", "show", *flash)
    assert report["files"]["CTLFile.tlv"]["sha1"] in shown
    _, log, _ = await cli("phone", "log", *flash)
    assert "SECUREAPP-" in log
    assert report["console_log"] == str(tmp_path / "flash" / "console.log")
    numbers = [int(line[:4]) for line in log.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    record = tmp_path / "flash" / "last-boot.jsonl"
    assert (await cli("phone", "replay", str(record)))[0] == 0
    status, out, _ = await cli("phone", "delete-trust", *flash)
    assert (status, out) == (0, "erased: CTLFile.tlv, ITLFile.tlv\n")
    _, out, _ = await cli("phone", "show", "--json", *flash)
    assert json.loads(out)["files"] == {"CTLFile.tlv": None, "ITLFile.tlv": None}


async def test_a_refusal_is_one_line_and_status_1(tmp_path: Path) -> None:
    flash = ("--flash", str(tmp_path / "flash"))
    async with live_node(MIXED.authority(), tmp_path) as node:
        boot = (
            *("phone", "boot", "--device", DEVICE, "--model", "8861", *flash),
            *("--tftp", str(node.tftp)),
        )
        await cli(*boot)
        node.serve(REGENERATED.authority())
        status, out, err = await cli(*boot)
    assert status == 1
    assert "rejected" in out
    assert err.startswith(f"tokenless: CTL{DEVICE}.tlv rejected: TVS does not vouch")
    assert err.count("\n") == 1


async def test_an_unreachable_server(tmp_path: Path) -> None:
    status, out, err = await cli(
        *("phone", "boot", "--device", DEVICE, "--flash", str(tmp_path / "flash")),
        *("--tftp", "127.0.0.1:9", "--tftp-timeout", "0.02", "--json"),
    )
    assert status == 3
    assert json.loads(out)["outcome"] == "unreachable"
    assert "does not answer" in err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--device", "../etc", "--tftp", "127.0.0.1"], 2),
        (["--device", DEVICE, "--tftp", "127.0.0.1:99999"], 2),
        (["--device", "foo/bar", "--tftp", "127.0.0.1"], 2),
        (["--device", "SEP00112233445", "--tftp", "127.0.0.1"], 2),
        (["--device", DEVICE, "--tftp", "a:b:c"], 2),
        (["--device", DEVICE, "--tftp", "127.0.0.1", "--model", "7999"], 2),
        (["--device", DEVICE], 2),
    ],
)
async def test_wrong_usage(tmp_path: Path, arguments: list[str], status: int) -> None:
    flash = ("--flash", str(tmp_path / "flash"))
    found, _, err = await cli("phone", "boot", *flash, *arguments)
    assert found == status
    assert "Traceback" not in err


async def test_another_phones_folder(tmp_path: Path) -> None:
    async with open_network() as network:
        other = PhoneIdentity(device="SEP1", model_name="7975", servers=())
        await boot_in_folder(other, tmp_path / "flash", network)
        with pytest.raises(PhoneError):
            await boot_in_folder(identity(), tmp_path / "flash", network)


@pytest.mark.parametrize(
    "command", [["phone", "boot", "--device", DEVICE], ["fleet", "boot"]]
)
def test_an_interrupt_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """Nobody answers at port 9; the flash appears when the phone has started."""
    flash = tmp_path / "flash"
    nobody = ("--tftp", "127.0.0.1:9", "--tftp-timeout", "30")
    words = [*command, "--flash", str(flash), *nobody]
    child = WarmPopen(words, stderr=subprocess.PIPE)
    with child:
        while not list(flash.glob("*")):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        assert child.stderr
        assert child.stderr.read().strip() == "tokenless: interrupted"
    assert child.returncode == 130
