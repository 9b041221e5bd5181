"""Fleets: plans, the shared flash, many phones at once, a process that is killed."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.rigs.cluster import Lab
from tests.rigs.live import AuthorityFiles, live_node
from tests.rigs.odd_certificates import list_of_year_0
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.plan import (
    FleetGroup,
    FleetPlan,
    check_plan,
    load_plan,
)
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.protocol.trust.anchors import FileKind

LAB = Lab()
MIXED = replace(LAB, mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
MODERN = FleetSettings(concurrency=50, tls=("1.0", "1.2"))
SOMEWHERE = (Server("127.0.0.1", 69),)


def plan(count: int, model: str = "7975") -> FleetPlan:
    return FleetPlan((FleetGroup(count, model),))


async def test_a_fleet_through_a_regeneration(tmp_path: Path) -> None:
    before = MIXED.authority()
    before.know(REGENERATED.callmanager_pub, 2, 0)
    seen: list[BootReport] = []
    async with live_node(before, tmp_path) as node:
        with closing(FleetStore.open(tmp_path / "fleet")) as store:
            phones = list(plan(120).phones((node.tftp,)))
            first = await Fleet(phones, store, MODERN).boot()
            node.serve(REGENERATED.authority())
            second = await Fleet(phones, store, MODERN).boot(
                lambda report, _: seen.append(report)
            )
            held = [phone.contents for phone in store.phones()]
    assert first.to_json()["files"]["CTLFile.tlv"] == {"installed": 120}
    found = second.to_json()
    assert found["outcomes"] == {"ok": 120}
    assert found["files"]["CTLFile.tlv"] == {"updated": 120}
    assert found["files"]["ITLFile.tlv"] == {"updated": 120}
    assert found["files"]["configuration"] == {"unchanged": 120}
    assert (found["tvs_queries"], found["stuck"]) == (120, [])
    assert len(seen) == 120
    assert len(held) == 120
    # One object in memory for one content, whoever holds it.
    assert len({id(contents.ctl) for contents in held}) == 1


async def test_a_certificate_of_year_0_ends_no_fleet(tmp_path: Path) -> None:
    authority = LAB.authority()
    async with live_node(authority, tmp_path) as node:
        source = AuthorityFiles(authority)
        node.tftp_server.source = source
        with closing(FleetStore.open(tmp_path / "fleet")) as store:
            phones = list(plan(5).phones((node.tftp,)))
            for name in ("ITLFile.tlv", *(f"ITL{p.device}.tlv" for p in phones)):
                source.signed[name] = list_of_year_0("ITLFile.tlv")
            report = await Fleet(phones, store, MODERN).boot()
    assert report.to_json()["files"]["ITLFile.tlv"] == {"rejected": 5}


async def test_stuck_phones_are_named(tmp_path: Path) -> None:
    async with live_node(MIXED.authority(), tmp_path) as node:
        with closing(FleetStore.open(tmp_path / "fleet")) as store:
            phones = list(plan(5, "7960").phones((node.tftp,)))
            await Fleet(phones, store, MODERN).boot()
            node.serve(REGENERATED.authority())
            report = await Fleet(phones, store, MODERN).boot()
            assert sorted(report.stuck) == [phone.device for phone in phones]
            assert store.delete_trust([phones[0].device]) == 1
            again = await Fleet(phones, store, MODERN).boot()
            assert len(again.stuck) == 4
            assert store.delete_trust() == 5
            store.factory_reset(phone.device for phone in phones[:2])
            assert len(list(store.phones())) == 3


async def test_losses_stop_nobody(tmp_path: Path) -> None:
    settings = FleetSettings(
        concurrency=100,
        tls=("1.0", "1.2"),
        loss=0.05,
        seed=3,
        download_options=DownloadOptions(timeout_s=0.2, retransmits=15),
        retry_after_s=0.1,
    )
    async with live_node(MIXED.authority(), tmp_path) as node:
        with closing(FleetStore.open(tmp_path / "fleet")) as store:
            phones = list(plan(100).phones((node.tftp,)))
            report = await Fleet(phones, store, settings).boot()
    assert report.outcomes == {"ok": 100}
    assert report.retransmits > 0


async def test_phones_that_get_no_file_try_again(tmp_path: Path) -> None:
    settings = FleetSettings(
        download_options=DownloadOptions(timeout_s=0.02, retransmits=1),
        retries=2,
        retry_after_s=0.01,
    )
    with closing(FleetStore.open(tmp_path / "fleet")) as store:
        phones = list(plan(3).phones((Server("127.0.0.1", 9),)))
        report = await Fleet(phones, store, settings).boot()
    assert report.outcomes == {"unreachable": 3}
    assert len(report.stuck) == 3


async def test_what_a_first_try_installed_is_news_after_the_second(
    tmp_path: Path,
) -> None:
    """The configuration is missing at first: a server that breaks off."""
    authority = MIXED.authority()
    real, refusals = AuthorityFiles(authority), Counter[str]()

    class Flaky:
        def find(self, name: str) -> bytes:
            refusals[name] += 1
            if ".cnf.xml" in name and refusals[name] == 1:
                raise TftpError(TftpErrorCode.NOT_DEFINED)
            return real.find(name)

    settings = FleetSettings(retries=1, retry_after_s=0.01)
    async with live_node(authority, tmp_path) as node:
        node.tftp_server.source = Flaky()
        with closing(FleetStore.open(tmp_path / "fleet")) as store:
            phones = list(plan(3).phones((node.tftp,)))
            report = await Fleet(phones, store, settings).boot()
    assert report.outcomes == {"ok": 3}
    assert report.files["CTLFile.tlv"] == {"installed": 3}
    assert report.files["configuration"] == {"installed": 3}


def _note(devices: list[str], report: BootReport, _: object) -> None:
    devices.append(report.device)


async def test_a_ramp_is_repeatable(tmp_path: Path) -> None:
    orders = []
    for run in range(2):
        devices: list[str] = []
        settings = FleetSettings(ramp_s=0.2, seed=5, concurrency=1, retries=0)
        async with live_node(LAB.authority(), tmp_path) as node:
            with closing(FleetStore.open(tmp_path / f"fleet{run}")) as store:
                phones = list(plan(20).phones((node.tftp,)))
                await Fleet(phones, store, settings).boot(partial(_note, devices))
        orders.append(devices)
    assert orders[0] == orders[1] != sorted(orders[0])


def test_contents_are_stored_once(tmp_path: Path) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        for number in range(500):
            flash = store.flash(f"SEP{number:012X}", "7975")
            flash.replace(FileKind.CTL, b"the same list" * 400)
            flash.save(None, 0.0)
    assert (tmp_path / "fleet.db").stat().st_size < 100_000


def test_contents_that_nobody_holds_are_dropped(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        with closing(FleetStore.open(tmp_path)) as store:
            flash = store.flash("SEP1", "7975")
            flash.replace(FileKind.CTL, content)
            flash.save(None, 0.0)
    with closing(FleetStore.open(tmp_path)) as store:
        assert store.flash("SEP1", "7975").load().ctl == b"new"
        rows = store._connection.execute("SELECT count(*) FROM content").fetchone()
        assert rows == (1,)


KILLED = """
import sys
from pathlib import Path
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.protocol.trust.anchors import FileKind
store = FleetStore.open(Path(sys.argv[1]))
for number in range(1_000_000):
    flash = store.flash(f"SEP{number % 50:012X}", "7975")
    flash.replace(FileKind.CTL, b"ctl %d" % number)
    flash.replace(FileKind.ITL, b"itl %d" % number)
    flash.save({"outcome": "ok"}, 0.0)
    if number == 200:
        print("running", flush=True)
"""


def test_a_killed_fleet_loses_no_phone(tmp_path: Path) -> None:
    """Kill -9 at any moment: each phone holds both lists of one boot."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout
        assert child.stdout.readline() == b"running\n"
        os.kill(child.pid, signal.SIGKILL)
    with closing(FleetStore.open(tmp_path)) as store:
        held = [phone.contents for phone in store.phones()]
    assert len(held) == 50
    for contents in held:
        assert contents.ctl
        assert contents.itl
        assert contents.ctl.split()[1] == contents.itl.split()[1]


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "newer").mkdir()
    (tmp_path / "fleet.db").write_bytes(b"not a database, that is for sure" * 99)
    with pytest.raises(PhoneError, match="cannot be used"):
        FleetStore.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / "newer" / "fleet.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(PhoneError, match="format 99"):
        FleetStore.open(tmp_path / "newer")
    with pytest.raises(PhoneError, match="no fleet"):
        FleetStore.open_existing(tmp_path / "missing")


PLAN = """
seed = 7
[[group]]
count = 3
first_mac = "001122000000"
[[group]]
model = "8861"
count = 2
first_mac = "0011220000A0"
tftp = "127.0.47.156:6969,127.0.47.155:6970"
"""


def test_a_plan_of_mixed_models(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(PLAN)
    loaded = load_plan(tmp_path / "fleet.toml")
    phones = list(loaded.phones(SOMEWHERE))
    assert (loaded.seed, loaded.count) == (7, 5)
    assert [(phone.device, phone.model_name) for phone in phones[2:4]] == [
        ("SEP001122000002", "7975"),
        ("SEP0011220000A0", "8861"),
    ]
    assert phones[0].servers == SOMEWHERE
    assert phones[4].servers[1] == Server("127.0.47.155", 6970)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[group]]\ncount = 0", "count"),
        ("[[group]]\ncount = 1\nmodle = '7975'", "modle"),
        ("[[group]]\ncount = 1\nmodel = '9999'", "not known"),
        ("[[group]]\ncount = 1\nfirst_mac = 'xyz'", "first_mac"),
        ("[[group]]\ncount = 2\nfirst_mac = 'ffffffffffff'", "run out"),
        ("[[group]]\ncount = 9\n[[group]]\ncount = 1", "same address"),
        ("group = []", "0 phones"),
        ("[[group]", "fleet"),
        ("\x00", "fleet"),
        ("[[group]]\ncount = 1\n" + "#" * (1 << 20), "over 1 MB"),
    ],
)
def test_plans_that_make_no_sense(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    with pytest.raises(PhoneError, match=reason) as refused:
        load_plan(tmp_path / "fleet.toml")
    assert refused.value.hint


def test_a_plan_without_servers() -> None:
    with pytest.raises(PhoneError, match="no TFTP server"):
        list(check_plan(plan(1)).phones(()))


async def test_a_seed_decides_which_packets_are_lost_whoever_else_boots(
    tmp_path: Path,
) -> None:
    """Losses are a phone's own: they do not depend on who sends in between."""
    runs = []
    for run, (concurrency, seed) in enumerate([(1, 3), (8, 3), (8, 4)]):
        settings = FleetSettings(
            concurrency=concurrency,
            seed=seed,
            loss=0.5,
            download_options=DownloadOptions(timeout_s=0.01, retransmits=9),
            retries=1,
            retry_after_s=0.01,
        )
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
            closing(FleetStore.open(tmp_path / f"fleet{run}")) as store,
        ):
            silent.bind(("127.0.0.1", 0))
            silent.setblocking(False)
            phones = list(plan(8).phones((Server(*silent.getsockname()),)))
            await Fleet(phones, store, settings).boot()
            runs.append(_requests(silent))
    assert runs[0] == runs[1] != runs[2]
    assert 0 < runs[0].total() < 8 * 10 * 2


def _requests(silent: socket.socket) -> Counter[bytes]:
    """Count the requests that have arrived, by the name that they are for."""
    found = Counter[bytes]()
    with suppress(BlockingIOError):
        while True:
            found[silent.recv(2048).split(b"\0")[1]] += 1
    return found
