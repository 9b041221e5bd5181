"""OpenSSL's own client against the daemon: handshakes, and a request typed by hand."""

import re
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from tests.rigs import minting
from tests.rigs.peers import require
from tests.rigs.tvs_rig import (
    PUBLISHER,
    Address,
    own_certificate,
    query_for,
    running,
    settings_for,
)
from tokenless.protocol.tvs.stream import decode_message
from tokenless.services.tvs.settings import LegacyListener


@pytest.fixture(autouse=True)
def _peers() -> None:
    require("openssl")
    require("xxd")


OLD = ["-tls1", "-cipher", "AES256-SHA:AES128-SHA:@SECLEVEL=0"]


async def typed_by_xxd(message: bytes) -> bytes:
    """Return bytes as `xxd -r -p` makes them of typed digits."""
    process = await trio.run_process(
        ["xxd", "-r", "-p"], stdin=message.hex(" ").encode(), capture_stdout=True
    )
    return process.stdout


async def s_client(
    address: Address, *options: str, request: bytes, enough: int
) -> bytes:
    """Run s_client quietly, send a request, and return `enough` bytes of the answer."""
    host, port = address
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-quiet", *options]
    process = await trio.lowlevel.open_process(
        command, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answer = b""
    try:
        await process.stdin.send_all(request)
        while len(answer) < enough:
            data = await process.stdout.receive_some()
            assert data, f"s_client ended after {len(answer)} bytes"
            answer += data
    finally:
        process.kill()
        await process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            await pipe.aclose()
    return answer


def positive_answer() -> tuple[bytes, bytes]:
    query = query_for(PUBLISHER)
    body = PUBLISHER.query_body
    head = b"\x57\x01\x04\x00" + (1001).to_bytes(4) + len(body).to_bytes(2)
    return query.encode(), head + body


@pytest.mark.parametrize("options", [["-tls1_2"], ["-tls1_3"]], ids=str)
async def test_s_client_is_answered(tmp_path: Path, options: list[str]) -> None:
    query, expected = positive_answer()
    async with running(settings_for(tmp_path)) as rig:
        request = await typed_by_xxd(query)
        answer = await s_client(
            rig.address, *options, request=request, enough=len(expected)
        )
        assert answer == expected
        assert decode_message(answer).session_id == 1001


async def test_s_client_speaks_tls_1_0_to_the_legacy_listener(tmp_path: Path) -> None:
    query, expected = positive_answer()
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = settings_for(
        tmp_path, certificates=(lab,), legacy=LegacyListener(port=0)
    )
    async with running(settings) as rig:
        address = rig.server.legacy_address
        assert address is not None
        answer = await s_client(
            address, *OLD, request=await typed_by_xxd(query), enough=len(expected)
        )
        assert answer == expected


async def test_no_early_data_is_offered(tmp_path: Path) -> None:
    query, expected = positive_answer()
    session = tmp_path / "session.pem"
    options = ["-tls1_3", "-sess_out", str(session)]
    async with running(settings_for(tmp_path)) as rig:
        # The ticket comes before the answer.
        await s_client(rig.address, *options, request=query, enough=len(expected))
    shown = await trio.run_process(
        ["openssl", "sess_id", "-in", str(session), "-noout", "-text"],
        capture_stdout=True,
    )
    assert re.search(rb"Max Early Data: 0\b", shown.stdout)
