"""What a phone brings to TLS: made once for all connections since its last boot."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs import minting
from tokenless.phone_emulator.registration.channels import TlsOffer, UnusableServerError
from tokenless.phone_emulator.registration.report import Failure


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
