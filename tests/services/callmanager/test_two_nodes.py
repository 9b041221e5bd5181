"""Two nodes of a cluster: each knows the other's phones, and their phones talk."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
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
from tokenless.phone_emulator.phone import Phone
from tokenless.phone_emulator.registration import link as link_module
from tokenless.phone_emulator.registration.call import CallFailure, CallLevel, call
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.link import Link
from tokenless.phone_emulator.registration.register import group_of, register_in_order
from tokenless.phone_emulator.registration.talkers.events import CallStage
from tokenless.phone_emulator.registration.traits import TRAITS
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import UnregisterReason
from tokenless.protocol.srtp import SrtpSuite
from tokenless.services.callmanager.server import CallManagerServer
from tokenless.services.changes import certificates
from tokenless.services.changes.membership import remove_node
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.announce import announce
from tokenless.services.store.nodes import rename_node
from tokenless.services.store.registrations import (
    RecordedState,
    RegistrationRow,
    read_registrations,
)

A, B = "SEP0011223344AA", "SEP0011223344BB"
MODELS = ("7975", "8861")
"""One that speaks SCCP and one that speaks SIP."""
SETTINGS = LineSettings(timeout_s=5.0, retry_s=0.05, return_s=60.0, holds_standby=False)


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


def line_at(site: Site, phone: Phone, node: str) -> Line:
    """Return a phone that knows only one of the nodes."""
    group = group_of(phone, site.network)
    only = tuple(each for each in group.nodes if each.name.startswith(node))
    assert only
    return Line(phone.identity, replace(group, nodes=only), SETTINGS)


async def register_once_at(site: Site, phone: Phone, node: str) -> Link:
    """Register at a node over a connection that nobody keeps up."""
    group = line_at(site, phone, node).group
    link, attempts = await register_in_order(phone.identity, group, 5.0)
    assert link is not None, attempts
    return link


def server(site: Site, node: str) -> CallManagerServer:
    for runtime in site.serving.runtimes:
        if runtime.node.name == node:
            found = runtime._callmanager.server
            assert found is not None
            return found
    raise AssertionError(node)


async def know_each_other(site: Site, *devices: str) -> None:
    """Wait until each node has the phones of the other one."""

    def known() -> bool:
        nodes = [server(site, name).registrar for name in (PUBLISHER, SUBSCRIBER)]
        return all(
            any(node.find(device) for node in nodes)
            and any(node.elsewhere.find(device) for node in nodes)
            for device in devices
        )

    await until(known)


def rows_of(cluster: Cluster, device: str) -> dict[str, RegistrationRow]:
    names = {node.id: node.name for node in cluster.nodes}
    with cluster.store.read() as connection:
        found = read_registrations(connection, device)
    return {names[each.node_id]: row for each in found for row in each.rows}


LEVELS = {
    (NON_SECURE, ENCRYPTED): CallLevel.NOT_SECURE,
    (ENCRYPTED, AUTHENTICATED): CallLevel.AUTHENTICATED,
    (ENCRYPTED, ENCRYPTED): CallLevel.ENCRYPTED,
}


async def test_phones_of_two_nodes_call_each_other(site: Site) -> None:
    """Phones of both protocols do, at every level."""
    await site.go_mixed()

    async def add(
        first: int, modes: Iterable[DeviceSecurity], node: str
    ) -> dict[tuple[str, DeviceSecurity], Line]:
        return {
            (model, mode): line_at(
                site, await site.add(f"SEP{number:012}", model, mode), node
            )
            for number, (model, mode) in enumerate(product(MODELS, modes), first)
        }

    callers = await add(100, (NON_SECURE, ENCRYPTED), PUBLISHER)
    called = await add(200, (AUTHENTICATED, ENCRYPTED), SUBSCRIBER)
    lines = (*callers.values(), *called.values())
    async with trio.open_nursery() as nursery:
        for line in lines:
            nursery.start_soon(line.run)
        await know_each_other(site, *(line.identity.device for line in lines))
        for models, (modes, level) in product(
            product(MODELS, repeat=2), LEVELS.items()
        ):
            ends = zip(models, modes, strict=True)
            pair = callers[next(ends)], called[next(ends)]
            for one, other in (pair, pair[::-1]):
                report = await call(one, other, 0.3)
                assert report.failure is None, (models, modes)
                assert [side.level for side in report.sides] == [level, level]
                assert report.was_heard, report
        nursery.cancel_scope.cancel()


SHORT, LONG = SrtpSuite.AES_CM_128_HMAC_SHA1_32, SrtpSuite.AES_CM_128_HMAC_SHA1_80


@pytest.mark.parametrize("node", [PUBLISHER, SUBSCRIBER])
@pytest.mark.parametrize(
    ("models", "suite"),
    [(("8861", "8861"), LONG), (("8851", "8861"), LONG), (("7975", "8851"), SHORT)],
)
async def test_phones_speak_the_best_suite_that_both_have(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    models: tuple[str, str],
    suite: SrtpSuite,
    node: str,
) -> None:
    """An 8861 that knows AES_CM_128_HMAC_SHA1_80 only was given RTP in clear."""
    only = replace(TRAITS["8861"], suites=(LONG,))
    monkeypatch.setattr(link_module, "TRAITS", {**TRAITS, "8861": only})
    await site.go_mixed()
    lines = [
        line_at(site, await site.add(device, model, ENCRYPTED), where)
        for device, model, where in zip((A, B), models, (PUBLISHER, node), strict=True)
    ]
    async with trio.open_nursery() as nursery:
        for line in lines:
            nursery.start_soon(line.run)
            assert await line.until(lambda line: bool(line.report.number), 10.0)
        if node == SUBSCRIBER:
            await know_each_other(site, A, B)
        for one, other in (lines, reversed(lines)):
            report = await call(one, other, 0.3)
            assert report.level is CallLevel.ENCRYPTED
            assert report.was_heard, report
            for line in lines:
                assert line.media is not None
                stream = line.media.stream
                assert stream is not None
                assert stream._sending is not None
                assert stream._sending._suite is suite
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("model", MODELS)
async def test_a_busy_phone_of_another_node_is_said_to_be_busy(
    site: Site, model: str
) -> None:
    third = "SEP0011223344CC"
    lines = [
        line_at(site, await site.add(device, each), node)
        for device, each, node in (
            (A, model, PUBLISHER),
            (B, "7975", SUBSCRIBER),
            (third, "7975", PUBLISHER),
        )
    ]
    async with trio.open_nursery() as nursery:
        for line in lines:
            nursery.start_soon(line.run)
        await know_each_other(site, A, B, third)
        assert await lines[1].until(lambda line: bool(line.report.number), 10.0)
        lines[2].dial(lines[1].report.number)
        assert await lines[1].until(lambda line: line.call is not None, 10.0)
        report = await call(lines[0], lines[1], 0.1, patience_s=1.0)
        assert report.failure is CallFailure.NOT_CONNECTED
        nursery.cancel_scope.cancel()


async def test_a_call_ends_when_the_other_node_falls(site: Site) -> None:
    caller, called = [
        line_at(site, await site.add(device, "7975"), node)
        for device, node in ((A, PUBLISHER), (B, SUBSCRIBER))
    ]
    async with trio.open_nursery() as nursery:
        for line in (caller, called):
            nursery.start_soon(line.run)
        await know_each_other(site, A, B)
        assert await called.until(lambda line: bool(line.report.number), 10.0)
        caller.dial(called.report.number)
        assert await called.until(lambda line: line.call is not None, 10.0)
        called.answer()
        assert await caller.until(
            lambda line: (
                line.call is not None and line.call.stage is CallStage.CONNECTED
            ),
            10.0,
        )
        await site.stop(SUBSCRIBER)
        assert await caller.until(lambda line: line.call is None, 10.0)
        assert server(site, PUBLISHER).registrar.elsewhere.find(B) is None
        nursery.cancel_scope.cancel()


async def test_phones_that_move_leave_their_old_node(site: Site) -> None:
    await site.go_mixed()
    for number, (model, mode) in enumerate(product(MODELS, (NON_SECURE, ENCRYPTED))):
        await check_it_leaves_its_old_node(
            site, await site.add(f"SEP{number:012}", model, mode)
        )


async def check_it_leaves_its_old_node(site: Site, phone: Phone) -> None:
    device = phone.identity.device
    publisher = server(site, PUBLISHER).registrar
    old = await register_once_at(site, phone, PUBLISHER)
    await know_each_other(site, device)
    assert publisher.find(device) is not None
    new = await register_once_at(site, phone, SUBSCRIBER)
    await until(lambda: publisher.find(device) is None)
    assert server(site, SUBSCRIBER).registrar.find(device) is not None
    (absence,) = [each for each in publisher.absences() if each.device == device]
    assert absence.reason is UnregisterReason.DUPLICATE_REGISTRATION
    for link in (old, new):
        link.close()


async def test_the_database_has_who_is_registered_and_who_was(site: Site) -> None:
    line = line_at(site, await site.add(A, "7975"), SUBSCRIBER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await until(lambda: SUBSCRIBER in rows_of(site.cluster, A))
        row = rows_of(site.cluster, A)[SUBSCRIBER]
        assert row.state is RecordedState.REGISTERED
        assert (row.signalling, row.is_secure, row.code) == ("SCCP", False, 0)
        assert row.load.startswith("SCCP75")
        await site.stop(SUBSCRIBER)
        row = rows_of(site.cluster, A)[SUBSCRIBER]
        assert row.state is RecordedState.UNREGISTERED
        assert row.code == UnregisterReason.CALLMANAGER_RESTART
        nursery.cancel_scope.cancel()


async def test_a_new_name_and_a_new_certificate_leave_nodes_in_touch(
    site: Site,
) -> None:
    """Its phones are announced anew over links that were opened anew."""
    line = line_at(site, await site.add(A, "7975"), SUBSCRIBER)
    publisher = server(site, PUBLISHER).registrar
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await know_each_other(site, A)
        known = publisher.elsewhere.find(A)
        assert known is not None

        def is_announced_anew() -> bool:
            # Between the two links it may be unknown for less than any pause of ours.
            now = publisher.elsewhere.find(A)
            return now is not None and now.phone is not known.phone

        def change() -> None:
            node = site.cluster.node(SUBSCRIBER)
            unit = TrustStore.CALLMANAGER
            certificates.regenerate(site.cluster, node, unit, key_size=1024, by="test")
            with site.cluster.store.change("rename", "", by="test") as transaction:
                rename_node(transaction.connection, node.id, "renamed")
            announce(site.cluster)

        await trio.to_thread.run_sync(change)
        await until(is_announced_anew)
        nursery.cancel_scope.cancel()


async def test_a_node_that_leaves_takes_its_phones_along(site: Site) -> None:
    line = line_at(site, await site.add(A, "7975"), SUBSCRIBER)
    publisher = server(site, PUBLISHER).registrar
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await know_each_other(site, A)
        await until(lambda: SUBSCRIBER in rows_of(site.cluster, A))
        await site.stop(SUBSCRIBER)
        nursery.cancel_scope.cancel()

    def leave() -> None:
        node = site.cluster.node(SUBSCRIBER)
        remove_node(site.cluster, node, by="test")

    await trio.to_thread.run_sync(leave)
    assert publisher.elsewhere.find(A) is None
    assert rows_of(site.cluster, A) == {}
