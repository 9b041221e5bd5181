"""`tokenless tvs` against a running daemon: what it prints and how it exits."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio

from tests.rigs import minting
from tests.rigs.endless import endless
from tests.rigs.run_cli import run_cli
from tests.rigs.tvs_rig import PUBLISHER, own_certificate, running, settings_for
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status
from tokenless.services.cli.tvs import decisive
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.tvs.settings import LegacyListener

ASKED = minting.server()
STRANGER = minting.capf()
QUERY = [
    *("--subject", PUBLISHER.subject),
    *("--issuer", PUBLISHER.issuer),
    *("--serial", PUBLISHER.serial_hex),
]


async def tokenless(*arguments: str) -> tuple[int, str, str]:
    return await trio.to_thread.run_sync(lambda: run_cli("tvs", *arguments))


def at(address: tuple[str, int]) -> list[str]:
    return ["--server", f"{address[0]}:{address[1]}"]


async def test_query_prints_what_the_contract_says(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        status, out, err = await tokenless("query", *at(rig.address), *QUERY, "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report == {
        "status": "trusted",
        "roles": [2, 0],
        "role_names": ["CCM+TFTP", "SAST"],
        "ttl": 86400,
        "certificate_sha1": ASKED.certificate.sha1,
        "tls": "TLSv1.3",
        "server_verified": False,
    }


async def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "endless"
    with endless(file):
        status, _, err = await tokenless("verify", "--server", "127.0.0.1", str(file))
    assert status == 1
    assert "has over 1048576 bytes" in err


async def test_verify_takes_pem_and_der(tmp_path: Path) -> None:
    (tmp_path / "asked.pem").write_bytes(ASKED.certificate_pem)
    (tmp_path / "asked.der").write_bytes(ASKED.certificate.der)
    key = b"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"
    bundle = key + ASKED.certificate_pem + STRANGER.certificate_pem
    (tmp_path / "bundle.pem").write_bytes(bundle)
    async with running(settings_for(tmp_path)) as rig:
        for name in ("asked.pem", "asked.der", "bundle.pem"):
            status, out, _ = await tokenless(
                "verify", *at(rig.address), str(tmp_path / name), "--tls", "1.2"
            )
            assert status == 0
            assert "status: trusted" in out
            assert ASKED.certificate.sha1 in out
            assert "tls: TLSv1.2" in out


async def test_untrusted_is_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "stranger.pem").write_bytes(STRANGER.certificate_pem)
    async with running(settings_for(tmp_path)) as rig:
        status, out, err = await tokenless(
            "verify", *at(rig.address), str(tmp_path / "stranger.pem"), "--json"
        )
    assert status == 1
    assert json.loads(out)["status"] == "untrusted"
    assert err.count("\n") == 1
    assert "does not vouch" in err


async def test_repeating_reports_times(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        for more, accepted in (([], 5), (["--same-connection"], 6)):
            status, out, _ = await tokenless(
                "query", *at(rig.address), *QUERY, "--repeat", "5", "--json", *more
            )
            report = json.loads(out)
            assert status == 0
            assert (report["requests"], report["trusted"]) == (5, 5)
            assert 0 < report["request_ms"]["min"] <= report["request_ms"]["max"]
            assert rig.count(StreamCount.CONNECTIONS_ACCEPTED) == accepted


def test_one_no_among_the_answers_is_the_verdict() -> None:
    """A server behind one address may know the certificate, and the next one not."""
    yes, no = (
        Answer(1, MessageType.QUERY_ANSWER, status)
        for status in (Status.TRUSTED, Status.UNTRUSTED)
    )
    assert decisive([yes, no, yes]) is no
    assert decisive([no, yes]) is no
    assert decisive([yes, yes]).is_trusted


async def test_the_server_is_verified_against_ca(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.pem", tmp_path / "wrong.pem"
    key = minting.rsa_key(2048, "tvs")
    fresh = minting.Identity(
        minting.mint(
            minting.lab_name("tvs"),
            key,
            serial=1,
            digest="sha256",
            not_before=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
        ),
        key,
    )
    right.write_bytes(fresh.certificate_pem)
    wrong.write_bytes(STRANGER.certificate_pem)
    own = own_certificate(tmp_path, fresh)
    async with running(settings_for(tmp_path, certificates=(own,))) as rig:
        arguments = ["query", *at(rig.address), *QUERY, "--json", "--ca"]
        status, out, _ = await tokenless(*arguments, str(right))
        assert (status, json.loads(out)["server_verified"]) == (0, True)
        status, out, err = await tokenless(*arguments, str(wrong))
        assert (status, out) == (1, "")
        assert "certificate is not accepted" in err


async def test_tls_1_0_reaches_a_legacy_listener(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = settings_for(
        tmp_path, certificates=(lab,), legacy=LegacyListener(port=0)
    )
    async with running(settings) as rig:
        assert rig.server.legacy_address is not None
        status, out, _ = await tokenless(
            "query", *at(rig.server.legacy_address), *QUERY, "--tls", "1.0"
        )
        assert status == 0
        assert "tls: TLSv1\n" in out
        status, _, err = await tokenless(
            "query", *at(rig.address), *QUERY, "--tls", "1.0"
        )
        assert status == 1
        assert "try another --tls version" in err


async def test_nobody_there_is_one_line_and_status_1() -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        status, out, err = await tokenless("query", *at(unused.getsockname()), *QUERY)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "check the address" in err


@pytest.mark.parametrize(
    ("serial", "why"),
    [("1", "an odd number of digits"), ("A:BC", "an odd"), ("xyz", "not hexadecimal")],
)
async def test_what_is_wrong_with_a_serial_number(serial: str, why: str) -> None:
    status, _, err = await tokenless("query", "--server", "host", *QUERY[:-1], serial)
    assert (status, why in err) == (2, True)


async def test_wrong_usage_is_status_2() -> None:
    for wrong in (
        ["--server", "host:0", *QUERY],
        ["--server", "host", *QUERY[:-1], "nonsense"],
        ["--server", "host", *QUERY[:-1], ""],
        QUERY,
    ):
        status, _, err = await tokenless("query", *wrong)
        assert status == 2
        assert "Usage" in err


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (0, "no certificate in it"),
        (65_530, "a message cannot hold 6"),
        (70_000, "element 2 cannot hold 70000 bytes"),
    ],
)
async def test_what_no_message_can_hold_is_not_sent(
    tmp_path: Path, size: int, reason: str
) -> None:
    (tmp_path / "big.der").write_bytes(b"\x30" * size)
    async with running(settings_for(tmp_path)) as rig:
        status, out, err = await tokenless(
            "verify", *at(rig.address), str(tmp_path / "big.der")
        )
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert reason in err
        assert "internal error" not in err
        assert rig.count(StreamCount.CONNECTIONS_ACCEPTED) == 0


async def test_a_file_without_certificate_is_not_called_untrusted(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").write_text("no certificate")
    status, _, err = await tokenless(
        "verify", "--server", "127.0.0.1", str(tmp_path / "notes.txt")
    )
    assert status == 1
    assert "no certificate in it" in err


@pytest.mark.parametrize("subject", ["CN=" + "x" * 70_000, "CN=\udcff"])
async def test_a_name_that_no_message_can_hold(subject: str) -> None:
    status, _, err = await tokenless(
        "query", "--server", "127.0.0.1", "--subject", subject, *QUERY[2:]
    )
    assert (status, err.count("\n")) == (1, 1)
    assert "a TVS server cannot be asked" in err
