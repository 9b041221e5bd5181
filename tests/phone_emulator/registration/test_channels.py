"""What a phone brings to TLS: made once for all connections since its last boot."""

import socket
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs import minting
from tests.rigs.uncollected import uncollected
from tokenless.phone_emulator.registration.channels import (
    Carrier,
    TlsOffer,
    UnusableServerError,
    open_connection,
)
from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.secd.events import Server


def test_a_phone_decodes_its_key_once_a_boot(tmp_path: Path) -> None:
    phone, file = minting.server("SEP0011223344AA", 2048), tmp_path / "own.pem"
    offer = TlsOffer(("1.0", "1.2"), "AES256-SHA", (), file, Failure.NOT_IN_CTL)
    with pytest.raises(UnusableServerError):
        _ = offer.context
    file.write_bytes(phone.certificate_pem + phone.key_pem)
    made = offer.context
    file.unlink()
    assert offer.context is made
    with pytest.raises(UnusableServerError):  # the phone has booted
        _ = replace(offer).context


async def test_a_refused_connection_leaves_nothing_behind() -> None:
    """The TLS context above all: a node that is down refuses hundreds of phones."""
    offer = TlsOffer(("1.0", "1.2"), "AES256-SHA", (), None, Failure.NOT_IN_CTL)
    gone = weakref.ref(offer)
    with socket.socket() as taken, uncollected():
        taken.bind(("127.0.0.1", 0))  # and does not listen
        server = Server(*taken.getsockname())
        with suppress(UnusableServerError):
            await open_connection(server, Carrier.TLS, offer, 10.0)
        del offer
        assert gone() is None
