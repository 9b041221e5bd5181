"""A fleet divided among processes: one report, and nobody is passed over."""

import csv
import io
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs.cluster import Lab
from tests.rigs.live import LiveNode
from tests.rigs.run_cli import run_cli
from tests.rigs.waiting import is_alive, wait_until
from tests.rigs.warm_start import WarmPopen
from tokenless.phone_emulator.fleet import processes
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.plan import FleetGroup, FleetPlan
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.secd.report import (
    BootReport,
    FileAction,
    FileReport,
    TvsReport,
)
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason

COUNT = 11
PROCESSES = 3
FLEET = ("--count", str(COUNT), "--model", "8861", "--processes", str(PROCESSES))


async def boot(node: LiveNode, flash: Path, *options: str) -> tuple[int, str, str]:
    words = ("fleet", "boot", *FLEET, "--tftp", str(node.tftp), "--flash", str(flash))
    return await trio.to_thread.run_sync(partial(run_cli, *words, *options))


async def test_all_parts_make_one_report_and_one_flash(
    tmp_path: Path, node: LiveNode
) -> None:
    status, out, err = await boot(node, tmp_path, "--json")

    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["outcomes"] == {"ok": COUNT}
    assert report["phones"] == sum(report["files"]["ITLFile.tlv"].values()) == COUNT
    assert report["seconds"] > 0
    with closing(FleetStore.open(tmp_path)) as store:
        held = [phone.contents.itl for phone in store.phones()]
    assert len(held) == COUNT
    assert len(set(held)) == 1


async def test_each_phone_has_its_lines_whichever_process_booted_it(
    tmp_path: Path, node: LiveNode
) -> None:
    await boot(node, tmp_path / "fleet", "--csv", str(tmp_path / "phones.csv"))

    text = (tmp_path / "phones.csv").read_text()
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head[0] == "device"
    assert len({row[0] for row in rows}) == COUNT


async def test_phones_that_refuse_are_counted_over_all_processes(
    tmp_path: Path, node: LiveNode
) -> None:
    await boot(node, tmp_path)
    node.serve(Lab().regenerate_callmanager().authority())
    status, out, err = await boot(node, tmp_path, "--json")

    assert status == 1
    assert f"{COUNT} of {COUNT} phones do not hold" in err
    report = json.loads(out)
    assert report["stuck"] == [f"SEP{0x001122000000 + n:012X}" for n in range(COUNT)]
    assert report["tvs_queries"] == sum(report["tvs_answers"].values())


async def test_when_a_phone_starts_does_not_depend_on_the_number_of_parts(
    tmp_path: Path, node: LiveNode
) -> None:
    settings = FleetSettings(ramp_s=0.01, seed=7, concurrency=1, tls=("1.0", "1.2"))
    phones = list(FleetPlan((FleetGroup(COUNT),)).phones((node.tftp,)))
    orders: dict[int, list[str]] = {}
    for part in range(-1, PROCESSES):
        share = (part, PROCESSES) if part >= 0 else (0, 1)
        order = orders.setdefault(part, [])
        with closing(FleetStore.open(tmp_path / str(part))) as store:
            await Fleet(phones, store, settings, share).boot(partial(_note, order))
    whole = orders.pop(-1)
    assert whole != sorted(whole)
    assert [orders[part] for part in range(PROCESSES)] == [
        whole[part::PROCESSES] for part in range(PROCESSES)
    ]


def _note(order: list[str], report: BootReport, _: FleetReport) -> None:
    order.append(report.device)


@contextmanager
def silent_fleet(
    flash: Path, *options: str, asking: int = COUNT
) -> Iterator[WarmPopen]:
    """Boot a fleet against a server that never answers; give the first process.

    Args:
        flash: Of the fleet.
        options: More of them.
        asking: So many phones ask before it is given.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(30)
        where = ("--tftp", f"127.0.0.1:{silent.getsockname()[1]}")
        words = ("fleet", "boot", *FLEET, *where, "--flash", str(flash), *options)
        with WarmPopen(words, stdout=-1, stderr=-1) as first:
            try:
                found: set[Any] = set()
                while len(found) < asking:  # so all processes are at work
                    found.add(silent.recvfrom(512)[1])
                yield first
            finally:
                first.kill()


def children_of(pid: int) -> list[int]:
    return [int(each) for each in _children_file(pid).read_text().split()]


def _children_file(pid: int) -> Path:
    return Path(f"/proc/{pid}/task/{pid}/children")


def test_a_process_that_dies_is_told_of_and_ends_the_others(tmp_path: Path) -> None:
    with silent_fleet(tmp_path) as first:
        others = children_of(first.pid)
        os.kill(others[1], signal.SIGKILL)
        _, err = first.communicate(timeout=60)

    assert len(others) == PROCESSES
    assert first.returncode == 1
    assert f"has died; 0 of {COUNT} phones had booted; boot the fleet again" in err
    assert not [pid for pid in others if is_alive(pid)]


def test_no_process_waits_where_fewer_phones_may_boot_at_once(tmp_path: Path) -> None:
    with silent_fleet(tmp_path, "--concurrency", "2", asking=2) as first:
        assert len(children_of(first.pid)) == 2


def test_an_interrupt_ends_all_processes(tmp_path: Path) -> None:
    with silent_fleet(tmp_path) as first:
        others = children_of(first.pid)
        for pid in (*others, first.pid):  # as a terminal does
            os.kill(pid, signal.SIGINT)
        _, err = first.communicate(timeout=60)

    assert (first.returncode, err) == (130, "\ntokenless: interrupted\n")
    assert not [pid for pid in others if is_alive(pid)]


def test_processes_end_when_the_first_one_is_killed(tmp_path: Path) -> None:
    with silent_fleet(tmp_path) as first:
        others = children_of(first.pid)
        first.kill()
        first.wait(60)
        wait_until(lambda: not [pid for pid in others if is_alive(pid)])


async def test_what_a_process_cannot_do_is_said_by_the_first(
    tmp_path: Path, node: LiveNode
) -> None:
    with closing(FleetStore.open(tmp_path)) as store:
        store._connection.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON phone "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    status, out, err = await boot(node, tmp_path)

    assert (status, out) == (1, "")
    assert re.fullmatch(
        r"tokenless: what SEP\w{12} holds cannot be kept: no room\n", err
    )


@pytest.mark.parametrize(
    ("phones", "processors", "expected"),
    [(1, 8, 1), (999, 8, 1), (1000, 8, 2), (10_000, 8, 8), (10_000, 1, 1)],
)
def test_a_small_fleet_stays_in_one_process(
    phones: int, processors: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = set(range(processors))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: everywhere)
    assert processes.processes_for(phones) == expected


file_reports = st.builds(
    FileReport,
    st.sampled_from(FileAction),
    code=st.sampled_from([None, *Reason]),
    verified_by=st.sampled_from([None, *VerifiedBy]),
)
tvs_reports = st.sampled_from(["trusted", "untrusted", "unreachable"]).map(
    lambda status: TvsReport("s", "1", "i", status, (), None, 1.0)
)
boots = st.builds(
    BootReport,
    st.from_regex(r"SEP[0-9A-F]{12}", fullmatch=True),
    st.just("7975"),
    st.dictionaries(st.sampled_from(FileKind), file_reports),
    st.lists(tvs_reports, max_size=2),
    opened=st.booleans(),
    capf=st.sampled_from([None, {"result": "installed"}]),
)


@given(st.lists(st.lists(boots, max_size=6), max_size=4))
def test_counts_of_parts_are_those_of_the_whole(parts: list[list[BootReport]]) -> None:
    whole = FleetReport(sum(map(len, parts)))
    sum_of_parts = FleetReport(whole.phones)
    for part in parts:
        own = FleetReport(0)
        for report in part:
            whole.add(report)
            own.add(report)
        sum_of_parts.include(own)
    assert sum_of_parts == whole
