"""The "Cisco Manufacturing CA" of the lab: it issues tokens' certificates.

It is this project's own, made when the first token is; the real one has nothing to do
with it but the name (REFERENCE 1.7, 10.1).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Profile, Validity, mint
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.certificates.pem import write_certificate
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, replace_file
from tokenless.services.pki.keys import (
    FOLDER_MODE,
    generate_rsa,
    new_serial,
    read_private_key,
    write_key,
)

TOKEN_KEY_BITS: Final = 1024
_CA_KEY_BITS: Final = 2048
_CA_DAYS: Final = 20 * 365
_TOKEN_DAYS: Final = 10 * 365
_TOKEN_SERIAL_BYTES: Final = 10

CA_KEY: Final = ".ca-key.pem"
"""The file of the authority's key; its name keeps it out of the list of tokens."""
_NAME: Final = DistinguishedName(
    (("O", "Cisco Systems"), ("CN", "Cisco Manufacturing CA"))
)
_CA: Final = Profile(
    frozenset({"key_cert_sign", "crl_sign"}),
    (),
    usage_is_critical=True,
    is_authority=True,
)
# With an RSA-1024 key this comes to exactly 902 bytes (REFERENCE 10.1, 1.8).
_TOKEN: Final = Profile(
    frozenset({"digital_signature", "key_encipherment"}),
    ("client_auth",),
    usage_is_critical=True,
    names_issuer_key=True,
    crl_uri="http://ca.example.com/security/pki/crl/cma.crl",
    issuer_uri="http://ca.example.com/security/pki/certs/cma.cer",
    purposes_last=True,
)


def issue_token_certificate(
    folder: Path, public_key: RSAPublicKey, now: float
) -> Certificate:
    """Issue the certificate of a token whose tokens folder this is.

    Args:
        folder: Where the authority is kept, made when it is not there.
        public_key: The token's.
        now: Unix time.

    Raises:
        ServiceError: When the authority's key is damaged.
        OSError: When it cannot be kept.
    """
    begins = datetime.fromtimestamp(int(now), UTC)
    with locked(folder):
        key = _load_or_make(folder, begins)
    return mint(
        _token_name(),
        public_key,
        Issuer(_NAME, key),
        _TOKEN,
        Validity.days(begins, _TOKEN_DAYS),
        serial=new_serial(_TOKEN_SERIAL_BYTES),
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that changes what lies in a folder; make it first."""
    import fcntl  # noqa: PLC0415 - not on every system

    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    descriptor = os.open(
        folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def to_pem(certificate: Certificate) -> bytes:
    """Return a certificate as PEM."""
    return write_certificate(certificate.der)


def _load_or_make(folder: Path, begins: datetime) -> RSAPrivateKey:
    path = folder / CA_KEY
    try:
        key = read_private_key(path.read_bytes())
    except FileNotFoundError:
        return _make(folder, path, begins)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ServiceError(
            f"{path}: no usable key ({error})", hint="restore it, or remove it"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ServiceError(f"{path}: no RSA key", hint="restore it, or remove it")
    return key


def _make(folder: Path, path: Path, begins: datetime) -> RSAPrivateKey:
    key = generate_rsa(_CA_KEY_BITS)
    certificate = mint(
        _NAME,
        key.public_key(),
        Issuer(_NAME, key),
        _CA,
        Validity.days(begins, _CA_DAYS),
        serial=new_serial(),
    )
    replace_file(folder / "manufacturing-ca.pem", to_pem(certificate))
    write_key(path, key)
    return key


def _token_name() -> DistinguishedName:
    """Return a name as real tokens have it: eight blanks follow the serial number."""
    number = f"ADN00{secrets.token_hex(3)}"
    return DistinguishedName(
        (
            ("O", "Cisco Systems, Inc."),
            ("OU", "IPCBU"),
            ("CN", f"SAST-{number}        "),
        )
    )
