"""CAPF 3804 before independent judges of TLS: sslscan and GnuTLS' client."""

from pathlib import Path

import pytest

from tests.rigs.stream_attacks import VICTIMS
from tests.rigs.tls_judges import gnutls_says, scan
from tokenless.services.stream_server.settings import StreamLimits

PATIENT = StreamLimits(first_byte_s=60, handshake_s=60, request_s=60, idle_s=60)
GREETING = "\x00\x08\x07\x00\x01\x03\x08\x00\x01\x00"
"""The end of AUTH_REQUEST: version 3, no authentication asked for yet."""


async def test_sslscan_finds_nothing_broken(tmp_path: Path) -> None:
    async with VICTIMS["capf"](tmp_path, PATIENT) as capf:
        found = await scan(*capf.address)
        await capf.exchange()
    found.assert_nothing_is_broken()
    # What phones of the field speak is offered by purpose (REFERENCE-3 3.1).
    assert found.protocols["TLSv1.0"]
    assert found.protocols["TLSv1.2"]
    assert "AES256-SHA" in found.ciphers


@pytest.mark.parametrize("version", ["TLS1.0", "TLS1.2", "TLS1.3"])
async def test_gnutls_shakes_hands_and_is_spoken_to_first(
    tmp_path: Path, version: str
) -> None:
    async with VICTIMS["capf"](tmp_path, PATIENT) as capf:
        said = await gnutls_says(*capf.address, version)
        await capf.exchange()
    assert "Handshake was completed" in said
    assert f"({version}-X.509)" in said
    assert GREETING in said
