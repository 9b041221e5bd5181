"""Certificates that decode, with something in them that is seldom or never there."""

from asn1crypto import core, x509

from tests.rigs import minting
from tokenless.protocol.certificate import Certificate

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
