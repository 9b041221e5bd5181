"""What tshark says of our phones' sessions, and what becomes of a cut connection."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import PORTS, PUBLISHER, SUBSCRIBER, Site, dial_tone
from tests.rigs.dissection import check_frames, relayed_call
from tests.rigs.node_rig import LAB
from tests.rigs.peers import require
from tests.rigs.relay import Relay
from tokenless.phone_emulator.registration.call import CallLevel
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

A, B = "SEP0011223344AA", "SEP0011223344BB"
SETTINGS = LineSettings(5.0, retry_s=0.1, holds_standby=False)


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        yield opened


@pytest.mark.parametrize(
    ("model", "service", "port", "protocol"),
    [("7975", "sccp", 2000, "skinny"), ("8861", "sip", 5060, "sip")],
)
async def test_no_frame_of_a_session_is_malformed(  # noqa: PLR0917 - fixtures
    site: Site, tmp_path: Path, model: str, service: str, port: int, protocol: str
) -> None:
    relay, report = await relayed_call(site, service, model)
    assert (report.level, report.was_heard) == (CallLevel.NOT_SECURE, True)
    capture = tmp_path / "session.pcap"
    await trio.to_thread.run_sync(check_frames, relay, capture, port, protocol)


@pytest.mark.parametrize("model", ["7975", "8861"])
async def test_a_lost_connection_leads_to_the_standby_node(
    site: Site, model: str
) -> None:
    """Cut without a word, as by a node that loses its power."""
    phone = await site.add(A, model)
    group = group_of(phone, site.network)
    relay = Relay(group.nodes[0].server)
    async with trio.open_nursery() as nursery:
        where = await nursery.start(relay.serve)
        first = replace(group.nodes[0], server=where)
        held = replace(group, nodes=(first, group.nodes[1]))
        settings = replace(SETTINGS, holds_standby=True, return_s=60.0)
        line = Line(phone.identity, held, settings)
        nursery.start_soon(line.run)
        assert await line.until(lambda line: line.report.node == PUBLISHER, 10)
        assert await line.until(lambda line: line._other is not None, 10)
        relay.stop()
        assert await line.until(lambda line: line.report.node == SUBSCRIBER, 10)
        assert line.report.attempts == (), "it was there already"
        nursery.cancel_scope.cancel()


SIPP_SERVER = """<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="a server that registers a phone">
  <recv request="REGISTER"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=1
[last_Call-ID:]
[last_CSeq:]
[last_Contact:]
Expires: 120
Content-Length: 0

]]></send>
  <recv request="REGISTER"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=1
[last_Call-ID:]
[last_CSeq:]
Expires: 0
Content-Length: 0

]]></send>
</scenario>
"""


async def test_sipp_takes_the_registration_and_the_farewell(
    site: Site, tmp_path: Path
) -> None:
    scenario = tmp_path / "server.xml"
    scenario.write_text(SIPP_SERVER)
    phone = await site.add(A, "8861")
    group = group_of(phone, site.network)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [require("sipp"), "-sf", str(scenario), "-t", "t1", "-m", "1", "-nostdin"]
    where = ["-i", "127.0.0.1", "-p", str(port), "-timeout", "20s"]
    node = replace(group.nodes[0], server=Server("127.0.0.1", port))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            judge = partial(trio.run_process, [*command, *where], capture_stdout=True)
            nursery.start_soon(judge)
            line = Line(phone.identity, replace(group, nodes=(node,)), SETTINGS)
            with trio.CancelScope() as scope:
                nursery.start_soon(_run_within, line, scope)
                assert await line.until(lambda line: line.report.is_registered, 15)
                scope.cancel()


async def _run_within(line: Line, scope: trio.CancelScope) -> None:
    """Run a line until somebody cancels the scope; it says goodbye then."""
    with trio.CancelScope() as own:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.run)
            while not scope.cancel_called:  # noqa: ASYNC110 - a scope has no event
                await trio.sleep(0.05)
            own.cancel()
