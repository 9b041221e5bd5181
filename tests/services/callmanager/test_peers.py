"""What the registration decision is told of a client's certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.rigs.minting import rsa_key
from tokenless.protocol.phones.registration import Peer
from tokenless.services.callmanager.peers import peer_of
from tokenless.services.stream_server.connections.connection import Connection

CIPHER = "AES128-SHA"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tls:
    cipher: str = CIPHER


@dataclass(frozen=True)
class Connected:
    """What is looked at of a connection."""

    channel: Tls | None
    peer_certificate: bytes | None = None


def read(channel: Tls | None, shown: bytes | None = None) -> Peer:
    return peer_of(cast("Connection", Connected(channel, shown)))


def a_certificate(names: Sequence[str], dns: Sequence[str] = ()) -> bytes:
    key = rsa_key(1024, "phone")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n) for n in names])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT)
    )
    if dns:
        other = x509.RFC822Name("phone@example.com")
        alternatives = [other, *map(x509.DNSName, dns)]
        built = built.add_extension(
            x509.SubjectAlternativeName(alternatives), critical=False
        )
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_in_clear_nothing_is_known() -> None:
    assert read(None) == Peer()


def test_a_client_without_a_certificate_has_no_name() -> None:
    assert read(Tls()) == Peer(CIPHER)


@pytest.mark.parametrize(
    ("names", "common_name"),
    [((), ""), (("SEP1",), "SEP1"), (("SEP1", "SEP2", "SEP3"), "SEP3")],
    ids=len,
)
def test_the_last_common_name_counts(names: Sequence[str], common_name: str) -> None:
    assert read(Tls(), a_certificate(names)) == Peer(CIPHER, common_name)


def test_dns_names_are_the_alternatives() -> None:
    shown = a_certificate(["SEP1"], ["profile.example.com", "other"])
    assert read(Tls(), shown) == Peer(CIPHER, "SEP1", ("profile.example.com", "other"))


def test_a_certificate_that_cannot_be_read_has_an_empty_name() -> None:
    """A name, so that the phone is refused for it, and not for showing none."""
    assert read(Tls(), b"\x30\x03abc") == Peer(CIPHER, "")
