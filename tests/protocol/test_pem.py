"""PEM: one reader for all files of certificates, with OpenSSL's library as a judge."""

import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import minting
from tokenless.protocol.certificates.pem import read_certificates, write_certificate
from tokenless.protocol.errors import DecodeError

SERVER, CAPF = minting.server().certificate.der, minting.capf().certificate.der
PEM = x509.load_der_x509_certificate(SERVER).public_bytes(Encoding.PEM)


def test_what_is_written_is_what_the_library_writes() -> None:
    assert write_certificate(SERVER) == PEM
    read = x509.load_pem_x509_certificate(write_certificate(CAPF))
    assert read.public_bytes(Encoding.DER) == CAPF


@pytest.mark.parametrize(
    "file",
    [
        SERVER,
        PEM,
        PEM.replace(b"\n", b"\r\n"),
        PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        b"Subject: CN=pub\n  a description\n" + PEM + b"\n\n",
        minting.server().key_pem + PEM,
        b"-----BEGIN CERTIFICATE-----\ncut off\n" + PEM,
    ],
)
def test_one_certificate_is_found_whatever_is_around_it(file: bytes) -> None:
    assert read_certificates(file) == (SERVER,)


def test_several_are_found_in_order() -> None:
    assert read_certificates(write_certificate(CAPF) + PEM) == (CAPF, SERVER)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "neither PEM nor DER"),
        (minting.server().key_pem, "neither PEM nor DER"),
        (PEM[:-30], "neither PEM nor DER"),
        (PEM.replace(b"=", b""), "the PEM is damaged"),
        (PEM.replace(b"MII", b"M=II"), "the PEM is damaged"),
    ],
)
def test_what_holds_none_is_refused(file: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read_certificates(file)


@given(st.integers(0, len(PEM) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(where: int, byte: int) -> None:
    data = bytearray(PEM)
    data[where] = byte
    with contextlib.suppress(DecodeError):
        assert read_certificates(bytes(data))


def test_a_file_of_beginnings_takes_no_time() -> None:
    with pytest.raises(DecodeError):
        read_certificates(b"-----BEGIN CERTIFICATE-----" * 40_000)
