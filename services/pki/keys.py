"""Private keys: files of their node, mode 0600, never in the database, never logged.

    keys/<unit>-<serial>.pem        PKCS#8, without a password

A key is written before the database names its certificate. A crash in between leaves a
file that nothing refers to, and the old certificate with its old key in use.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Final

from cachetools import LRUCache
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import (
    SERIAL_BYTES,
    PrivateKey,
    positive_serial,
)
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import TrustStore
from tokenless.services.errors import RESTORE_THE_KEY, ServiceError
from tokenless.services.files import PRIVATE, replace_file

FOLDER_MODE: Final = 0o700

# OpenSSL's check of an RSA key tests primes: 15 ms for 2,048 bits, each time a service
# starts or signs. Files whose bytes have passed it need not pass again; what is kept
# are their hashes, no keys.
_PASSED: Final[LRUCache[bytes, bool]] = LRUCache(maxsize=1024)
_PASSED_LOCK: Final = Lock()

# Codes of key kinds that `set cert regen` and the configuration may ask for.
_EC_CURVES: Final[dict[int, Callable[[], ec.EllipticCurve]]] = {
    256: ec.SECP256R1,
    384: ec.SECP384R1,
}
EC_SIZES: Final = tuple(_EC_CURVES)


def new_serial(length: int = SERIAL_BYTES) -> bytes:
    """Return a random serial number."""
    return positive_serial(secrets.token_bytes(length))


RsaSource = Callable[[int], rsa.RSAPrivateKey]
"""Gives a key of so many bits that was not given before."""
_RSA_SOURCE: ContextVar[RsaSource | None] = ContextVar("rsa_source", default=None)


@contextmanager
def rsa_keys_from(source: RsaSource) -> Iterator[None]:
    """Take RSA keys from a source while a block runs, also in its tasks.

    For rehearsals that are played hundreds of times: making keys costs more than all
    the rest of a small cluster.
    """
    token = _RSA_SOURCE.set(source)
    try:
        yield
    finally:
        _RSA_SOURCE.reset(token)


def generate_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key, or take it from the source of the running block."""
    source = _RSA_SOURCE.get() or new_rsa
    return source(bits)


def new_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def generate_ec(bits: int) -> ec.EllipticCurvePrivateKey:
    """Make an EC key of 256 or 384 bits.

    Raises:
        ServiceError: When there is no such curve.
    """
    if bits not in _EC_CURVES:
        raise ServiceError(f"there is no curve of {bits} bits", hint="use 256 or 384")
    return ec.generate_private_key(_EC_CURVES[bits]())


def write_key(path: Path, key: PrivateKey) -> None:
    """Write a key to a file that only its owner can read.

    Raises:
        OSError: When it cannot be written.
    """
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace_file(path, pem, mode=PRIVATE)
    _remember(hashlib.sha256(pem).digest())


def read_private_key(pem: bytes) -> PrivateKeyTypes:
    """Read a key without a password; check an RSA key whose bytes were not yet checked.

    Raises:
        ValueError: When it is damaged.
        TypeError: When it has a password.
        UnsupportedAlgorithm: When it is of an unknown kind.
    """
    digest = hashlib.sha256(pem).digest()
    with _PASSED_LOCK:
        passed = digest in _PASSED
    key = load_pem_private_key(
        pem, password=None, unsafe_skip_rsa_key_validation=passed
    )
    _remember(digest)
    return key


def _remember(digest: bytes) -> None:
    with _PASSED_LOCK:
        _PASSED[digest] = True


class KeyFolder:
    """The keys of one node."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self, store: TrustStore, certificate: Certificate) -> Path:
        """Return where the key of a certificate lies."""
        return self._path / f"{store}-{certificate.serial_hex}.pem"

    def save(
        self, store: TrustStore, certificate: Certificate, key: PrivateKey
    ) -> None:
        """Keep a key.

        Raises:
            OSError: When it cannot be written.
        """
        self._path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_key(self.path(store, certificate), key)

    def has(self, store: TrustStore, certificate: Certificate) -> bool:
        """Tell whether the key of a certificate lies here."""
        return self.path(store, certificate).is_file()

    def load(self, store: TrustStore, certificate: Certificate) -> PrivateKey:
        """Return a key.

        Raises:
            ServiceError: When it is not there, is damaged, or is another one's.
        """
        path = self.path(store, certificate)
        try:
            key = read_private_key(path.read_bytes())
        except FileNotFoundError:
            raise ServiceError(
                f"the private key of {store} {certificate.serial_hex} is not on this "
                f"machine: there is no {path}",
                hint=RESTORE_THE_KEY,
            ) from None
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ServiceError(
                f"{path}: no usable private key ({error})",
                hint=RESTORE_THE_KEY,
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or (
            key.public_key() != certificate.public_key
        ):
            raise ServiceError(
                f"{path}: not the key of its certificate",
                hint=RESTORE_THE_KEY,
            )
        return key

    def load_rsa(
        self, store: TrustStore, certificate: Certificate
    ) -> rsa.RSAPrivateKey:
        """Return a key that signs trust lists.

        Raises:
            ServiceError: As `load`; or it is not an RSA key.
        """
        key = self.load(store, certificate)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ServiceError(
                f"the {store} certificate has an EC key",
                hint="trust lists need RSA: regenerate it",
            )
        return key

    def signer(self, store: TrustStore, certificate: Certificate) -> PrivateKeySigner:
        """Return the signer with a certificate of this node.

        Raises:
            ServiceError: As `load_rsa`.
        """
        return PrivateKeySigner(certificate, self.load_rsa(store, certificate))

    def request_path(self, store: TrustStore) -> Path:
        """Return where a unit's waiting signing request lies."""
        return self._path / f"{store}.csr"

    def request_key_path(self, store: TrustStore) -> Path:
        """Return where the key of a waiting signing request lies."""
        return self._path / f"{store}.csr.key"

    def forget_request(self, store: TrustStore) -> None:
        """Delete a request that was answered, and its key, which has another place."""
        self.request_path(store).unlink(missing_ok=True)
        self.request_key_path(store).unlink(missing_ok=True)

    def forget(self, store: TrustStore, certificate: Certificate) -> None:
        """Delete a key whose certificate was deleted."""
        self.path(store, certificate).unlink(missing_ok=True)
