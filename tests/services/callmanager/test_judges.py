"""CallManager's secure ports before independent judges: tshark, GnuTLS, sslscan, SIPp.

Phones' sessions over TLS are read by tshark with the keys that the phones logged; the
other programs come with an LSC of the lab's CAPF, as a phone would.
"""

import socket
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.rigs.dial_tone import ENCRYPTED, PORTS, PUBLISHER, Site, dial_tone
from tests.rigs.dissection import check_frames, relayed_call
from tests.rigs.node_rig import LAB
from tests.rigs.peers import require
from tests.rigs.tls_judges import run, scan
from tokenless.phone_emulator.registration import channels
from tokenless.phone_emulator.registration.call import CallLevel, level_of
from tokenless.phone_emulator.registration.channels import TlsOffer
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.registration.talkers.events import CallStage
from tokenless.protocol.sip.register import DEVICE_PARAMETER
from tokenless.protocol.srtp import SrtpSuite
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

A, B = "SEP0011223344AA", "SEP0011223344BB"
SETTINGS = LineSettings(5.0, retry_s=0.1, holds_standby=False)


@pytest.fixture
async def site(lab: Cluster, tmp_path: Path) -> AsyncIterator[Site]:
    lab.take_settings(load_config(LAB, PORTS))
    async with dial_tone(lab, tmp_path / "phones") as opened:
        await opened.go_mixed()
        yield opened


@pytest.fixture
def key_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the phones log the keys of their TLS sessions; return the file."""
    file = tmp_path / "keys.log"
    make = channels._context

    def logging(offer: TlsOffer) -> ssl.SSLContext:
        context = make(offer)
        context.keylog_filename = str(file)
        return context

    monkeypatch.setattr(channels, "_context", logging)
    return file


@pytest.mark.parametrize(
    ("model", "service", "port", "protocol"),
    [("7975", "sccps", 2443, "skinny"), ("8861", "sips", 5061, "sip")],
)
async def test_no_frame_over_tls_is_malformed(  # noqa: PLR0917 - fixtures
    site: Site,
    tmp_path: Path,
    key_log: Path,
    model: str,
    service: str,
    port: int,
    protocol: str,
) -> None:
    relay, report = await relayed_call(site, service, model, ENCRYPTED)
    assert (report.level, report.was_heard) == (CallLevel.ENCRYPTED, True)
    capture = tmp_path / "session.pcap"
    await trio.to_thread.run_sync(check_frames, relay, capture, port, protocol, key_log)


@pytest.mark.parametrize("service", ["sccps", "sips"])
async def test_sslscan_finds_nothing_that_phones_do_not_need(
    site: Site, service: str
) -> None:
    phone = await site.add(A, "7975", ENCRYPTED)
    assert phone.certificates is not None
    where = site.where(PUBLISHER, service)
    found = await scan(where.address, where.port, phone.certificates.present_file)
    assert not found.protocols["SSLv2"]
    assert not found.protocols["SSLv3"]
    assert "not vulnerable to heartbleed" in found.text
    assert "  vulnerable" not in found.text
    # TLS 1.0 and AES256-SHA are for 7900s, NULL-SHA for authenticated mode.
    assert found.protocols["TLSv1.0"]
    assert "AES256-SHA" in found.ciphers
    weak = {each for each in found.ciphers if "NULL" in each}
    assert weak <= {"NULL-SHA"}
    for word in ("RC4", "DES", "EXP", "ADH", "MD5"):
        assert not [each for each in found.ciphers if word in each]


@pytest.mark.parametrize("service", ["sccps", "sips"])
async def test_gnutls_shakes_hands_with_an_lsc_and_not_without(
    site: Site, service: str
) -> None:
    phone = await site.add(A, "7975", ENCRYPTED)
    assert phone.certificates is not None
    own = phone.certificates.present_file
    where = site.where(PUBLISHER, service)
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%VERIFY_ALLOW_SIGN_WITH_SHA1"
    command = (
        *(require("gnutls-cli"), "--insecure", "--port", str(where.port)),
        *("--priority", f"{priority}:%PROFILE_VERY_WEAK", where.address),
    )
    shown = ("--x509certfile", str(own), "--x509keyfile", str(own))
    _, said = await run(*command, *shown)
    assert "Handshake was completed" in said
    status, said = await run(*command)
    assert status != 0
    assert "Handshake was completed" not in said


_REGISTER = """
  <send><![CDATA[
REGISTER sip:cucm SIP/2.0
Via: SIP/2.0/TLS 127.0.0.1:5061;branch=[branch]
From: <sip:1001@cucm>;tag=[call_number]
To: <sip:1001@cucm>
Call-ID: register///[call_id]
Max-Forwards: 70
CSeq: {sequence} REGISTER
Contact: <sip:1001@127.0.0.1:5061;transport=tls>;{named}="{device}"
Expires: {expires}
Content-Length: 0

]]></send>
  <recv response="200"/>
"""
_CALL = """
  <send><![CDATA[
INVITE sip:{number}@cucm SIP/2.0
Via: SIP/2.0/TLS 127.0.0.1:5061;branch=[branch]
From: <sip:1001@cucm>;tag=[call_number]
To: <sip:{number}@cucm>
Call-ID: [call_id]
Max-Forwards: 70
CSeq: 101 INVITE
Contact: <sip:1001@127.0.0.1:5061;transport=tls>;{named}="{device}"
Supported: X-cisco-srtp-fallback
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 9 RTP/SAVP 0
a=crypto:1 {suite} inline:{key}

]]></send>
  <recv response="100" optional="true"/>
  <recv response="180"/>
  <recv response="200">
    <action><ereg regexp="a=crypto:1 {suite} inline:"
      search_in="body" check_it="true" assign_to="1"/></action>
  </recv>
  <Reference variables="1"/>
  <send><![CDATA[
ACK sip:{number}@cucm SIP/2.0
Via: SIP/2.0/TLS 127.0.0.1:5061;branch=[branch]
From: <sip:1001@cucm>;tag=[call_number]
To: <sip:{number}@cucm>[peer_tag_param]
Call-ID: [call_id]
Max-Forwards: 70
CSeq: 101 ACK
Content-Length: 0

]]></send>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


def scenario_of(device: str, number: str, suite: SrtpSuite) -> str:
    """Return what SIPp does as a phone: register, call, be hung up on, leave."""
    names = {"named": DEVICE_PARAMETER, "device": device}
    steps = (
        _REGISTER.format(sequence=1, expires=3600, **names),
        _CALL.format(number=number, key="A" * 40, suite=suite.name, **names),
        _REGISTER.format(sequence=2, expires=0, **names),
    )
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="a phone">'
    return "".join((head, *steps, "</scenario>\n"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.mark.parametrize("suite", SrtpSuite)
async def test_sipp_registers_and_calls_behind_stunnel(
    site: Site, tmp_path: Path, suite: SrtpSuite
) -> None:
    """The tunnel shows the LSC; SIPp speaks SIP in clear to it."""
    phone = await site.add(A, "8861", ENCRYPTED)
    called = await site.add(B, "8861", ENCRYPTED)
    assert phone.certificates is not None
    where, port = site.where(PUBLISHER, "sips"), free_port()
    (tmp_path / "stunnel.conf").write_text(
        f"foreground = yes\npid =\ndebug = 3\n[sips]\nclient = yes\n"
        f"accept = 127.0.0.1:{port}\nconnect = {where.address}:{where.port}\n"
        f"cert = {phone.certificates.present_file}\nsecurityLevel = 0\n"
    )
    tunnel = [require("stunnel4", "stunnel"), str(tmp_path / "stunnel.conf")]
    scenario = ("-sf", str(tmp_path / "phone.xml"), "-t", "t1", "-m", "1")
    line = Line(called.identity, group_of(called, site.network), SETTINGS)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.run_process, tunnel, capture_stderr=True))
            nursery.start_soon(line.run)
            assert await line.until(lambda line: line.report.is_registered, 10)
            number = line.report.number
            (tmp_path / "phone.xml").write_text(scenario_of(A, number, suite))
            await _until_it_listens(port)
            nursery.start_soon(_pick_up_and_hang_up, line)
            status, said = await run(
                *(require("sipp"), f"127.0.0.1:{port}", *scenario),
                *("-i", "127.0.0.1", "-nostdin", "-timeout", "20s"),
            )
            nursery.cancel_scope.cancel()
    assert status == 0, said


async def _pick_up_and_hang_up(line: Line) -> None:
    for stage in (CallStage.RINGING, CallStage.CONNECTED):
        assert await line.until(lambda line: _stage_of(line) is stage, 15)  # noqa: B023
        line.answer()
    assert await line.until(lambda line: level_of(line) is CallLevel.ENCRYPTED, 15)
    line.hang_up()


def _stage_of(line: Line) -> CallStage | None:
    return None if line.call is None else line.call.stage


async def _until_it_listens(port: int) -> None:
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.05)
        else:
            await stream.aclose()
            return
