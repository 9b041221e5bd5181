"""Phones that stay registered at served nodes: failover, return, resets, calls."""

import json
import signal
import subprocess
from collections.abc import AsyncIterator
from functools import partial
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


@pytest.mark.parametrize(
    ("model", "mode"),
    [
        ("7975", NON_SECURE),
        ("8861", NON_SECURE),
        ("7975", ENCRYPTED),
        ("8861", ENCRYPTED),
    ],
)
async def test_a_phone_fails_over_and_comes_back(
    site: Site, model: str, mode: DeviceSecurity
) -> None:
    await site.go_mixed()
    phone = await site.add(A, model, mode)
    line = line_of(site, phone)
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            while True:
                await line.run()

        nursery.start_soon(run)
        assert await is_at(line, PUBLISHER)
        await site.stop(PUBLISHER)
        assert await is_at(line, SUBSCRIBER)
        assert line.report.is_secure is (mode is ENCRYPTED)
        await site.start(PUBLISHER)
        assert await is_at(line, PUBLISHER)
        nursery.cancel_scope.cancel()
    assert not line.report.is_registered


MODES = {"clear": NON_SECURE, "authenticated": AUTHENTICATED, "encrypted": ENCRYPTED}
LEVELS = {
    ("clear", "clear"): CallLevel.NOT_SECURE,
    ("clear", "encrypted"): CallLevel.NOT_SECURE,
    ("authenticated", "encrypted"): CallLevel.AUTHENTICATED,
    ("encrypted", "encrypted"): CallLevel.ENCRYPTED,
}


@pytest.mark.parametrize(("modes", "level"), LEVELS.items())
@pytest.mark.parametrize(
    "models", [("7975", "7975"), ("8861", "8861"), ("7975", "8861"), ("8861", "7975")]
)
async def test_a_call_has_the_level_of_the_weaker_side(
    site: Site, models: tuple[str, str], modes: tuple[str, str], level: CallLevel
) -> None:
    await site.go_mixed()
    lines = [
        line_of(site, await site.add(device, model, MODES[mode]))
        for device, model, mode in zip((A, B), models, modes, strict=True)
    ]
    async with trio.open_nursery() as nursery:
        for line in lines:
            nursery.start_soon(line.run)
        caller, called = lines
        report = await call(caller, called, 0.3)
        assert report.failure is None
        assert report.level is level
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
