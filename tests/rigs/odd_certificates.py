"""Certificates that decode, with something in them that is seldom or never there."""

from functools import cache

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.rigs import minting
from tests.rigs.lists import TIME
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list

EDI_PARTY = bytes.fromhex("3006a50481024141")
"""Names of a kind that is legal, and that `cryptography` does not know."""
NO_NAMES = bytes.fromhex("040100")
"""Text where a sequence of names belongs."""
_UNKNOWN, _ALTERNATIVE_NAMES = b"\x55\x1d\x63", b"\x55\x1d\x11"


def with_alternative_names(content: bytes) -> Certificate:
    """Return a certificate whose subjectAltName has this content."""
    odd = minting.extension("2.5.29.99", core.ParsableOctetString(content))
    made = minting.mint(
        minting.lab_name("odd"),
        minting.rsa_key(1024),
        serial=minting.serial_of("odd"),
        extensions=[odd],
    )
    return Certificate.decode(made.der.replace(_UNKNOWN, _ALTERNATIVE_NAMES))


def with_an_extension_twice() -> Certificate:
    """Return a certificate that says twice what its key is for."""
    usage = minting.extension("key_usage", x509.KeyUsage({"digital_signature"}))
    return minting.mint(
        minting.lab_name("twice"),
        minting.rsa_key(1024),
        serial=minting.serial_of("twice"),
        extensions=[usage, usage.copy()],
    )


def of_version_1() -> Certificate:
    """Return the publisher's certificate as one of version 1."""
    whole = x509.Certificate.load(minting.server().certificate.der)
    whole["tbs_certificate"]["version"] = "v1"
    del whole["tbs_certificate"]["extensions"]
    return Certificate.decode(whole.dump(force=True))


YEAR_0 = b"00000101000000Z"
NO_END = b"99991231235959Z"
"""What RFC 5280, 4.1.2.5 writes where a certificate has no end."""


def der_with_dates(begins: bytes, ends: bytes) -> bytes:
    """Return a self-signed certificate with these texts as its GeneralizedTimes."""
    key, before, after, algorithm = _around_the_dates()
    dates = _der(0x30, _der(0x18, begins) + _der(0x18, ends))
    tbs = _der(0x30, before + dates + after)
    signature = minting.sign(key, tbs, "sha1")
    return _der(0x30, tbs + algorithm + _der(0x03, b"\0" + signature))


@cache
def _around_the_dates() -> tuple[rsa.RSAPrivateKey, bytes, bytes, bytes]:
    """Return the key, what precedes and what follows the dates, and the algorithm."""
    key = minting.rsa_key(1024, "dates")
    made = minting.mint(minting.lab_name("dates"), key, serial=99)
    tbs = x509.Certificate.load(made.der)["tbs_certificate"]
    parts = [tbs[name].dump() for name in ("version", "serial_number", "signature")]
    after = [tbs[name].dump() for name in ("subject", "subject_public_key_info")]
    before = b"".join([*parts, tbs["issuer"].dump()])
    return key, before, b"".join(after), tbs["signature"].dump()


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 0x80 else b"\x82" + length.to_bytes(2)
    if 0x80 <= length <= 0xFF:
        size = bytes([0x81, length])
    return bytes([tag]) + size + content


def list_of_year_0(filename: str) -> bytes:
    """Return a trust list, self-consistent but for its signer's first date.

    The signer's genuine certificate is replaced by one of equal length afterwards.
    """
    key = minting.rsa_key(1024, "dates")
    der = der_with_dates(b"20150309160637Z", NO_END)
    signer = Certificate.decode(der)
    record = record_for(signer, Role.SAST, dns_name="pub", ip_address="127.0.0.1")
    made = sign_trust_list(
        filename, [record], PrivateKeySigner(signer, key), timestamp=TIME
    )
    return made.data.replace(der, der_with_dates(YEAR_0, NO_END))
