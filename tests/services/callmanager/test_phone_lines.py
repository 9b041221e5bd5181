"""Phones that stay registered at served nodes: failover, return, resets, calls."""

import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterable
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import (
    AUTHENTICATED,
    ENCRYPTED,
    NON_SECURE,
    PORTS,
    PUBLISHER,
    SUBSCRIBER,
    Site,
    dial_tone,
)
from tests.rigs.node_rig import LAB
from tests.rigs.waiting import until
from tests.rigs.warm_start import warm_commands
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.phone import Phone
from tokenless.phone_emulator.registration.call import CallFailure, CallLevel, call
from tokenless.phone_emulator.registration.folder_line import run_in_folder
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.protocol.phones.device_security import CapfOperation, DeviceSecurity
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.requests import ResetPhones

A, B = "SEP0011223344AA", "SEP0011223344BB"
MODELS = ("7975", "8861")
"""One that speaks SCCP and one that speaks SIP."""
IMPATIENT = LineSettings(timeout_s=5.0, retry_s=0.05, return_s=0.1)
PATIENCE_S = 20.0


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


def line_of(site: Site, phone: Phone) -> Line:
    return Line(phone.identity, group_of(phone, site.network), IMPATIENT)


async def is_at(line: Line, node: str) -> bool:
    return await line.until(lambda line: line.report.node == node, PATIENCE_S)


async def test_phones_fail_over_and_come_back(site: Site) -> None:
    await site.go_mixed()
    lines = {
        (model, mode): line_of(site, await site.add(f"SEP{number:012}", model, mode))
        for number, (model, mode) in enumerate(product(MODELS, (NON_SECURE, ENCRYPTED)))
    }

    async def run(line: Line) -> None:
        while True:
            await line.run()

    async def all_are_at(node: str) -> None:
        for which, line in lines.items():
            assert await is_at(line, node), which

    async with trio.open_nursery() as nursery:
        for line in lines.values():
            nursery.start_soon(run, line)
        await all_are_at(PUBLISHER)
        await site.stop(PUBLISHER)
        await all_are_at(SUBSCRIBER)
        for (model, mode), line in lines.items():
            assert line.report.is_secure is (mode is ENCRYPTED), model
        await site.start(PUBLISHER)
        await all_are_at(PUBLISHER)
        nursery.cancel_scope.cancel()
    assert not any(line.report.is_registered for line in lines.values())


LEVELS = {
    (NON_SECURE, NON_SECURE): CallLevel.NOT_SECURE,
    (NON_SECURE, ENCRYPTED): CallLevel.NOT_SECURE,
    (AUTHENTICATED, ENCRYPTED): CallLevel.AUTHENTICATED,
    (ENCRYPTED, ENCRYPTED): CallLevel.ENCRYPTED,
}


async def test_a_call_has_the_level_of_the_weaker_side(site: Site) -> None:
    """Phones of both protocols call each other, at every level."""
    await site.go_mixed()

    async def add(
        first: int, modes: Iterable[DeviceSecurity]
    ) -> dict[tuple[str, DeviceSecurity], Line]:
        return {
            (model, mode): line_of(
                site, await site.add(f"SEP{number:012}", model, mode)
            )
            for number, (model, mode) in enumerate(product(MODELS, modes), first)
        }

    callers = await add(100, DeviceSecurity)
    called = await add(200, (NON_SECURE, ENCRYPTED))
    async with trio.open_nursery() as nursery:
        for line in (*callers.values(), *called.values()):
            nursery.start_soon(line.run)
        for models, (modes, level) in product(
            product(MODELS, repeat=2), LEVELS.items()
        ):
            ends = zip(models, modes, strict=True)
            report = await call(callers[next(ends)], called[next(ends)], 0.3)
            assert report.failure is None, (models, modes)
            assert report.level is level, (models, modes)
            assert [side.level for side in report.sides] == [level, level]
            assert report.was_heard, report
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("model", ["7975", "8861"])
async def test_another_profile_counts_after_a_reset(site: Site, model: str) -> None:
    await site.go_mixed()
    phone = await site.add(A, model)
    lines: list[Line] = []

    def note(line: Line, _change: object) -> None:
        if line not in lines:
            lines.append(line)

    def is_secure() -> bool:
        return lines[-1].report.is_secure

    async def registers(count: int) -> None:
        await until(lambda: len(lines) == count and lines[-1].report.is_registered)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(
                run_in_folder,
                phone.identity,
                site.folder / A,
                site.network,
                settings=IMPATIENT,
                on_change=note,
            )
        )
        await registers(1)
        await site.change(
            A,
            DeviceChange(
                security_mode=ENCRYPTED,
                operation=CapfOperation.INSTALL,
                key_size=1024,
            ),
        )
        # Without a reset the old registration stays.
        assert lines[0].report.is_registered
        assert not is_secure()
        await site.ask(PUBLISHER, ResetPhones(devices=(A,)))
        await registers(2)
        assert is_secure()
        await site.change(A, DeviceChange(security_mode=NON_SECURE))
        assert is_secure()
        await site.ask(PUBLISHER, ResetPhones(devices=(A,)))
        await registers(3)
        assert not is_secure()
        nursery.cancel_scope.cancel()


async def test_a_phone_that_is_not_registered_is_not_called(site: Site) -> None:
    caller = line_of(site, await site.add(A, "8861"))
    called = line_of(site, await site.add(B, "8861"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.run)
        report = await call(caller, called, 0.1, patience_s=0.5)
        assert report.failure is CallFailure.NOT_REGISTERED
        assert report.to_json()["level"] is None
        nursery.cancel_scope.cancel()


def phone_command(site: Site, verb: str, *arguments: str) -> list[str]:
    tftp = site.where(PUBLISHER, "tftp")
    ports = ",".join(
        f"{each.address}:{each.port}"
        for each in site.serving.listening
        if each.service == "sccps"
    )
    where = ("--tftp", str(tftp), "--tftp-only", "--sccps-port", ports)
    return [str(warm_commands() / "tokenless"), "phone", verb, *where, *arguments]


@pytest.mark.parametrize("models", [("7975", "8861"), ("8861", "8861")])
async def test_the_call_of_the_command_line(
    site: Site, models: tuple[str, str]
) -> None:
    await site.go_mixed()
    for device, model in zip((A, B), models, strict=True):
        await site.add(device, model, ENCRYPTED)
    flashes = ("--flash", str(site.folder / A), "--to", str(site.folder / B))
    talk = ("--seconds", "0.5", "--json")
    done = await trio.run_process(
        phone_command(site, "call", *flashes, *talk), capture_stdout=True
    )
    report = json.loads(done.stdout)
    assert (report["level"], report["heard"]) == ("Encrypted", True)
    assert [side["device"] for side in report["sides"]] == [A, B]


async def test_a_phone_runs_until_it_is_stopped(site: Site) -> None:
    await site.add(A, "7975")
    flash = FolderFlash.open(site.folder / A)
    async with trio.open_nursery() as nursery:
        process = await nursery.start(
            partial(
                trio.run_process,
                phone_command(site, "run", "--flash", str(flash.folder), "--json"),
                stdout=subprocess.PIPE,
            )
        )
        lines = b""
        while b'"outcome": "registered"' not in lines:
            lines += await process.stdout.receive_some()
        assert flash.known_state().registration["node"] == PUBLISHER
        assert flash.is_registered
        await until(lambda: flash.known_state().registration["number"])
        await site.stop(PUBLISHER)
        while f'"node": "{SUBSCRIBER}", "address"'.encode() not in lines:
            lines += await process.stdout.receive_some()
        process.send_signal(signal.SIGINT)
    events = [json.loads(line)["event"] for line in lines.splitlines()]
    assert events[:2] == ["booted", "registration"]
    assert "reset" in events, "a node that stops lets its phones start anew"
    assert "-registered at" in flash.read_log()
    assert not flash.known_state().registration["node"]
    assert not flash.is_registered
