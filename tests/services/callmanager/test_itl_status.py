"""ITL File Status, from a phone's report to what an administrator reads."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import NON_SECURE, PORTS, PUBLISHER, TFTP, Site, dial_tone
from tests.rigs.node_rig import LAB
from tests.rigs.waiting import until
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.alarms import TrustListReport
from tokenless.protocol.phones.registration import UnregisterReason
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import ItlStatus, Presence, read_presences
from tokenless.services.config import load_config
from tokenless.services.store.parameters import Parameter, write_parameter

PHONE = "SEP0011223344AA"
SETTINGS = LineSettings(timeout_s=5.0, retry_s=0.05, holds_standby=False)


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    with lab.store.change("test", "", by="test") as change:
        write_parameter(change.connection, Parameter.VERSION, "14")
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


def seen(site: Site) -> Presence | None:
    return read_presences(site.cluster, PHONE).get(PHONE)


def has(site: Site, status: ItlStatus) -> bool:
    found = seen(site)
    return found is not None and found.is_registered and found.itl is status


async def test_a_phone_matches_until_its_server_makes_another_itl(site: Site) -> None:
    phone = await site.add(PHONE, "8861", NON_SECURE)
    line = Line(phone.identity, group_of(phone, site.network), SETTINGS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await until(lambda: has(site, ItlStatus.MATCH))

        def regenerate() -> None:
            node = site.cluster.node(PUBLISHER)
            unit = TrustStore.TVS
            certificates.regenerate(site.cluster, node, unit, key_size=1024, by="test")

        await trio.to_thread.run_sync(regenerate)
        await site.restart(TFTP)
        await until(lambda: has(site, ItlStatus.MISMATCH))
        nursery.cancel_scope.cancel()
    await until(lambda: (found := seen(site)) is not None and not found.is_registered)
    found = seen(site)
    assert found is not None
    assert found.code == UnregisterReason.DEVICE_UNREGISTERED
    assert found.itl is ItlStatus.UNKNOWN


async def test_a_phone_without_an_itl_and_one_that_speaks_sccp(site: Site) -> None:
    phone = await site.add(PHONE, "8861", NON_SECURE)
    group = replace(group_of(phone, site.network), lists=TrustListReport(PHONE))
    line = Line(phone.identity, group, SETTINGS)
    other = await site.add("SEP0011223344BB", "7975", NON_SECURE)
    sccp = Line(other.identity, group_of(other, site.network), SETTINGS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        nursery.start_soon(sccp.run)
        await until(lambda: has(site, ItlStatus.NOT_INSTALLED))
        await until(lambda: len(read_presences(site.cluster)) == 2)
        presences = read_presences(site.cluster)
        assert presences[other.identity.device].itl is ItlStatus.UNKNOWN
        nursery.cancel_scope.cancel()
