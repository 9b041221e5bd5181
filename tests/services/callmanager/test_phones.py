"""Emulated phones register at served nodes, over real sockets."""

from pathlib import Path

import pytest

from tests.rigs.dial_tone import PUBLISHER, dial_tone
from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.phone_emulator.registration.register import register_once
from tokenless.phone_emulator.registration.report import Outcome
from tokenless.protocol.phones.registration import Signalling
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

PHONE = "SEP001122334455"


@pytest.fixture
def served(lab: Cluster) -> Cluster:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    return lab


async def test_a_phone_registers_where_its_configuration_says(
    served: Cluster, tmp_path: Path
) -> None:
    async with dial_tone(served, tmp_path / "phones") as site:
        phone = await site.boot(PHONE)
        report = await register_once(phone, site.network)
    assert report.outcome is Outcome.REGISTERED
    assert report.signalling is Signalling.SCCP
    assert (report.node, report.is_elsewhere) == (PUBLISHER, False)
    assert report.attempts == ()
