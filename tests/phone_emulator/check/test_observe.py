"""What `observe` sees over sockets: real TFTP, real TLS, servers that are not there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import DEVICE, Authority, Lab, keypair, record
from tests.rigs.live import AuthorityFiles, live_node
from tests.rigs.tvs_rig import own_certificate
from tokenless.phone_emulator.check.findings.codes import Code
from tokenless.phone_emulator.check.findings.finding import Severity
from tokenless.phone_emulator.check.inspect import inspect
from tokenless.phone_emulator.check.observing.fetching import Patience
from tokenless.phone_emulator.check.observing.observation import Observation
from tokenless.phone_emulator.check.observing.observe import MAX_MEMBERS, observe
from tokenless.phone_emulator.phone import HttpPort, http_at
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.codes import Role
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.protocol.trust.anchors import FileKind
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.tftp.files.source import FileSource, MemoryFiles

MIXED = replace(Lab(), mixed=True)
HURRY = Patience(tftp_s=0.05, tvs_s=5.0)
NOWHERE = Server("127.0.47.156", 9)


def authority() -> Authority:
    made = MIXED.authority("pub")
    made.know(MIXED.tvs_pub, Role.TVS)
    made.know(MIXED.tvs_sub, Role.TVS)
    return made


def codes(seen: Observation) -> set[str]:
    return {each.code for each in inspect(seen, ("8861",))}


async def test_files_members_and_answers(tmp_path: Path) -> None:
    async with live_node(authority(), tmp_path) as node:
        seen = await observe([node.tftp], DEVICE)
    (here,) = seen.nodes
    assert here.name == "cucm-pub"
    assert isinstance(here.find(FileKind.CONFIGURATION, signed=True), bytes)
    (member,) = seen.members
    assert member.server == node.tvs
    assert member.certificate == MIXED.tvs_pub.certificate.der
    assert "1.2" in member.versions
    assert len(member.answers) == len(seen.subjects) == 5
    assert not seen.members_guessed
    assert codes(seen) >= {"tvs-single"}


@asynccontextmanager
async def over_http(files: FileSource, folder: Path) -> AsyncIterator[HttpPort]:
    """Serve files over HTTP beside a live node's TFTP."""
    settings = HttpSettings(
        (own_certificate(folder),), "127.0.47.155", port=0, tls_port=0
    )
    server = HttpServer(files, settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield http_at(server.addresses["http"][1])
        nursery.cancel_scope.cancel()


async def test_the_same_files_over_http_are_no_finding(tmp_path: Path) -> None:
    made = authority()
    async with (
        live_node(made, tmp_path) as node,
        over_http(AuthorityFiles(made), tmp_path) as port,
    ):
        seen = await observe([node.tftp], DEVICE, http_port=port)
    (here,) = seen.nodes
    files = {k: data for k, data in here.files.items() if isinstance(data, bytes)}
    assert len(files) >= 4
    assert files.items() <= here.over_http.items()
    assert not [code for code in codes(seen) if code.startswith("http")]


async def test_other_files_over_http_are_named(tmp_path: Path) -> None:
    made = authority()
    other = MemoryFiles({"CTLFile.tlv": b"another", f"ITL{DEVICE}.tlv": b"one more"})
    async with (
        live_node(made, tmp_path) as node,
        over_http(other, tmp_path) as port,
    ):
        seen = await observe([node.tftp], DEVICE, http_port=port)
    found = {each.code: each for each in inspect(seen, ("8861",))}
    assert "CTLFile.tlv" in found[Code.HTTP_DIFFERS].message
    assert found[Code.HTTP_DIFFERS].severity is Severity.ERROR
    assert f"{DEVICE}.cnf.xml" in found[Code.HTTP_MISSING].message
    assert "404" in found[Code.HTTP_MISSING].message


async def test_http_that_does_not_answer_is_a_note(tmp_path: Path) -> None:
    async with live_node(authority(), tmp_path) as node:
        seen = await observe([node.tftp], DEVICE, http_port=http_at(9))
    found = {each.code: each for each in inspect(seen, ("8861",))}
    assert found[Code.HTTP_UNREACHABLE].severity is Severity.NOTE
    message = found[Code.HTTP_UNREACHABLE].message
    assert message.endswith("no files over HTTP: Connection refused")


async def test_a_member_with_another_certificate_is_asked_nothing(
    tmp_path: Path,
) -> None:
    made = authority()
    made.tvs_certificate = keypair("somebody")
    async with live_node(made, tmp_path) as node:
        seen = await observe([node.tftp], DEVICE)
    (member,) = seen.members
    assert member.certificate == keypair("somebody").certificate.der
    assert member.answers == {}
    assert "tvs-unpinned" in codes(seen)


async def test_without_a_configuration_the_itl_says_where_tvs_may_be(
    tmp_path: Path,
) -> None:
    made = authority()
    made.configuration = None
    async with live_node(made, tmp_path, address="127.0.49.9") as node:
        seen = await observe([node.tftp], DEVICE, patience=HURRY)
    assert seen.members_guessed
    assert [member.server.port for member in seen.members] == [2445, 2445]
    assert {"tvs-guessed", "configuration-missing"} <= codes(seen)


async def test_members_that_are_named_are_asked_instead(tmp_path: Path) -> None:
    async with live_node(authority(), tmp_path) as node:
        seen = await observe([node.tftp], DEVICE, tvs=[NOWHERE], patience=HURRY)
    (member,) = seen.members
    assert member.server == NOWHERE
    assert member.certificate is None
    assert member.reason is not None
    assert member.reason.endswith("Connection refused")


async def test_a_silent_server_costs_one_wait(tmp_path: Path) -> None:
    async with live_node(authority(), tmp_path) as node:
        seen = await observe([node.tftp, NOWHERE], DEVICE, patience=HURRY)
    here, there = seen.nodes
    assert there.is_silent
    assert not here.is_silent
    assert "tftp-unreachable" in codes(seen)
    silent = [f for f in inspect(seen, ("8861",)) if f.code == "tftp-unreachable"]
    assert [f.advice.endswith("a firewall on UDP 9") for f in silent] == [True]


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"\xff" * 3000, b"<device/>"])
async def test_garbage_is_a_finding(tmp_path: Path, garbage: bytes) -> None:
    made = authority()
    for name in (f"CTL{DEVICE}.tlv", f"ITL{DEVICE}.tlv", f"{DEVICE}.cnf.xml.sgn"):
        made.files[name] = garbage
    made.files[f"{DEVICE}.cnf.xml"] = garbage
    async with live_node(made, tmp_path) as node:
        seen = await observe([node.tftp], DEVICE, patience=HURRY)
    assert ("malformed" if garbage else "list-empty") in codes(seen)


async def test_a_server_that_refuses_is_not_a_silent_one(tmp_path: Path) -> None:
    class Refusing:
        def find(self, name: str) -> bytes:  # noqa: ARG002
            raise TftpError(TftpErrorCode.ACCESS_VIOLATION)

    async with live_node(authority(), tmp_path) as node:
        node.tftp_server.source = Refusing()
        seen = await observe([node.tftp], DEVICE, patience=HURRY)
    (here,) = seen.nodes
    assert not here.is_silent
    assert "download-failed" in codes(seen)
    assert "tftp-unreachable" not in codes(seen)


async def test_a_list_cannot_send_it_to_thousands_of_servers(tmp_path: Path) -> None:
    made = authority()
    made.configuration = None
    assert made.itl is not None
    many = [
        record(MIXED.tvs_pub, Role.TVS, address=f"127.0.{a}.{b}")
        for a in (50, 51)
        for b in range(1, 200)
    ]
    made.itl = replace(made.itl, records=(*made.itl.records, *many))
    async with live_node(made, tmp_path, address="127.0.49.10") as node:
        seen = await observe([node.tftp], DEVICE, patience=HURRY)
    assert len(seen.members) == MAX_MEMBERS
