"""What a served cluster does by itself when a certificate changes (REFERENCE-2 3.4)."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import (
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
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.registration.folder_line import run_in_folder
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.registration.talkers.events import LastOut
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import certificates, security
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import StopService
from tokenless.services.tvs.client import ServerAddress, TvsClient

DEVICE = "SEP0011223344AA"
TVS = "Cisco Trust Verification Service"
LINE = LineSettings(timeout_s=5.0, retry_s=0.05, return_s=0.1)


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


async def set_parameter(site: Site, name: str, value: str) -> None:
    def do() -> None:
        security.set_parameter(site.cluster, name, value, by="test")
        site.sync()

    await trio.to_thread.run_sync(do)


async def regenerate(site: Site, unit: TrustStore, node: str = PUBLISHER) -> bytes:
    def do() -> bytes:
        whose = site.cluster.node(node)
        made = certificates.regenerate(site.cluster, whose, unit, by="test")
        site.sync()
        return made.der

    return await trio.to_thread.run_sync(do)


async def shown(site: Site, node: str = PUBLISHER) -> bytes:
    def ask() -> bytes:
        asked = site.cluster.node(node)
        address = ServerAddress(asked.address, asked.tvs_port or 0)
        with TvsClient(address, timeout_s=5) as tvs:
            return tvs.server_certificate or b""

    return await trio.to_thread.run_sync(ask)


async def shows(site: Site, certificate: bytes, node: str = PUBLISHER) -> None:
    with trio.fail_after(30):
        while True:
            try:
                if await shown(site, node) == certificate:
                    return
            except ServiceError:  # between stop and start
                pass
            await trio.sleep(0.02)


def served_itl(site: Site, node: str = PUBLISHER) -> TrustList:
    return TrustList.decode(site.cluster.node(node).itl_file.read_bytes())


def has(itl: TrustList, role: Role, certificate: bytes) -> bool:
    return any(
        each.certificate_der == certificate and each.role == role
        for each in itl.records
    )


def serves_tvs(site: Site, node: str, certificate: bytes) -> bool:
    return has(served_itl(site, node), Role.TVS, certificate)


def certificates_held(folder: Path) -> set[bytes | None]:
    itl = FolderFlash.open(folder).load().itl
    assert itl is not None
    return {each.certificate_der for each in TrustList.decode(itl).records}


async def test_before_12_5_nothing_restarts_by_itself(site: Site) -> None:
    await set_parameter(site, "Version", "11.5(1)")
    old = await shown(site)
    new = await regenerate(site, TrustStore.TVS)
    # A second change is followed only after the first one was.
    await regenerate(site, TrustStore.TVS, SUBSCRIBER)
    assert await shown(site) == old
    assert not has(served_itl(site), Role.TVS, new)


async def test_tvs_of_12_5_restarts_and_tftp_waits_for_a_hand(site: Site) -> None:
    await set_parameter(site, "Version", "12.5(1)")
    new = await regenerate(site, TrustStore.TVS)
    await shows(site, new)
    assert not has(served_itl(site), Role.TVS, new)


@pytest.mark.parametrize("node", [PUBLISHER, SUBSCRIBER])
async def test_from_14_on_every_node_serves_a_new_itl(site: Site, node: str) -> None:
    await set_parameter(site, "Version", "14")
    new = await regenerate(site, TrustStore.TVS, node)
    await shows(site, new, node)
    for each in (PUBLISHER, SUBSCRIBER):
        await until(partial(serves_tvs, site, each, new))


async def test_a_stopped_service_stays_stopped(site: Site) -> None:
    await set_parameter(site, "Version", "14SU3")
    await site.ask(PUBLISHER, StopService(service=TVS))
    new = await regenerate(site, TrustStore.TVS)
    await until(lambda: has(served_itl(site), Role.TVS, new))
    with pytest.raises(ServiceError):
        await shown(site)


@pytest.mark.parametrize("model", ["7975", "8861"])
@pytest.mark.parametrize(
    "unit",
    [
        TrustStore.TVS,
        TrustStore.CALLMANAGER,
        TrustStore.CAPF,
        TrustStore.ITLRECOVERY,
    ],
)
async def test_a_registered_phone_is_reset_and_takes_the_new_itl(
    site: Site, model: str, unit: TrustStore
) -> None:
    await set_parameter(site, "Version", "14SU3")
    phone = await site.add(DEVICE, model, NON_SECURE)
    folder = site.folder / DEVICE
    boots = 0
    line: Line | None = None

    def booted(_report: object) -> None:
        nonlocal boots
        boots += 1

    def changed(which: Line, _change: object) -> None:
        nonlocal line
        line = which

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            lambda: run_in_folder(
                phone.identity,
                folder,
                site.network,
                settings=LINE,
                on_boot=booted,
                on_change=changed,
            )
        )
        await until(lambda: line is not None and line.report.is_registered)
        before = boots
        new = await regenerate(site, unit)
        await until(lambda: new in certificates_held(folder))
        await until(lambda: boots > before)
        await until(lambda: line is not None and line.report.is_registered)
        nursery.cancel_scope.cancel()


async def test_in_manual_mode_nobody_is_reset(site: Site) -> None:
    await set_parameter(site, "Version", "14SU3")
    await set_parameter(site, "PhoneInteractionOnCertificateUpdate", "manual")
    phone = await site.add(DEVICE, "8861", NON_SECURE)
    line = Line(phone.identity, group_of(phone, site.network), LINE)
    ended: list[LastOut] = []

    async def run() -> None:
        ended.append(await line.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        assert await line.until(lambda each: each.report.is_registered, 20)
        new = await regenerate(site, TrustStore.TVS)
        # TFTP comes before phones: an order would have gone out by now.
        await until(lambda: has(served_itl(site, SUBSCRIBER), Role.TVS, new))
        await until(lambda: has(served_itl(site), Role.TVS, new))
        node = site.cluster.node(PUBLISHER)
        told = await trio.to_thread.run_sync(
            lambda: request(node.name, node.control_socket, StopService(service=TVS))
        )
        assert told == {}
        assert ended == []
        assert line.report.is_registered
        nursery.cancel_scope.cancel()


def is_refused_for_its_ctl(line: Line) -> bool:
    codes = [each.failure.value for each in line.report.attempts]
    return codes == ["not-in-ctl"] * 2 and not line.report.is_registered


async def test_callmanager_shows_its_new_certificate_to_secure_phones(
    site: Site,
) -> None:
    """They refuse it until the CTL was updated and TFTP restarted (REFERENCE 7.4)."""
    await set_parameter(site, "Version", "14SU3")
    await site.go_mixed()
    phone = await site.add(DEVICE, "8861", ENCRYPTED)
    line = Line(phone.identity, group_of(phone, site.network), LINE)
    ended: list[LastOut] = []

    async def run() -> None:
        ended.append(await line.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        assert await line.until(lambda each: each.report.is_secure, 20)
        await regenerate(site, TrustStore.CALLMANAGER, PUBLISHER)
        await regenerate(site, TrustStore.CALLMANAGER, SUBSCRIBER)
        await until(lambda: bool(ended))
        assert ended == [LastOut.RESET]
        nursery.cancel_scope.cancel()
    again = await site.boot(DEVICE, "8861")
    second = Line(again.identity, group_of(again, site.network), LINE)

    async def stay() -> None:
        while True:  # the subscriber's reset may come only now
            await second.run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stay)
        assert await second.until(is_refused_for_its_ctl, 30)
        nursery.cancel_scope.cancel()


async def test_a_release_without_the_parameter_refuses_it(site: Site) -> None:
    with pytest.raises(ServiceError, match="cannot reset phones automatically"):
        await set_parameter(site, "PhoneInteractionOnCertificateUpdate", "automatic")
