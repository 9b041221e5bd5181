"""A phone's own certificates and their keys, in its flash, 0600.

    mic.pem    the manufacturer's: private key, then certificate; set once
    lsc.pem    the locally significant one, from CAPF: private key, then certificate

Key and certificate are one file, so that a crash leaves the old pair or the new one.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.files import replace_file
from tokenless.protocol.capf.elements import CertificateType, Curve, KeyType
from tokenless.protocol.capf.proof import OwnCertificate, PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.certificates.minting import Issuer, positive_serial
from tokenless.protocol.errors import CannotDecryptError, DecodeError
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.phones.certificates import (
    MIC_SERIAL_BYTES,
    MicGeneration,
    mint_mic,
)
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm

_NAMES: Final = {CertificateType.MIC: "mic.pem", CertificateType.LSC: "lsc.pem"}
_MAX_BYTES: Final = 64 * 1024
MIC_BITS: Final = 2048
_CURVES: Final[dict[Curve, Callable[[], ec.EllipticCurve]]] = {
    Curve.P256: ec.SECP256R1,
    Curve.P384: ec.SECP384R1,
    Curve.P521: ec.SECP521R1,
}


class OwnCertificates(ABC):
    """Certificates of one phone, read at each use."""

    checks_keys = True
    """True if private keys are checked when they are read: 27 ms for RSA-2048."""

    @property
    def mic(self) -> OwnCertificate | None:
        """The manufacturer's certificate. Raises PhoneError when it is damaged."""
        return self._load(CertificateType.MIC)

    @property
    def lsc(self) -> OwnCertificate | None:
        """CAPF's certificate. Raises PhoneError when it is damaged."""
        return self._load(CertificateType.LSC)

    @property
    def present(self) -> OwnCertificate | None:
        """Return the certificate that the phone shows: its LSC, or else its MIC."""
        return self.lsc or self.mic

    @property
    @abstractmethod
    def present_file(self) -> Path | None:
        """The file of what the phone shows, for TLS; None without a certificate."""

    @property
    def certificate_hash(self) -> str:
        """The MD5 that certHash is compared with; empty without a certificate."""
        own = self.present
        return "" if own is None else own.certificate.md5

    def store_lsc(self, certificate: Certificate, key: PhoneKey) -> None:
        """Keep a certificate of CAPF with its key, in place of the old one."""
        self._store(CertificateType.LSC, certificate, key)

    def delete_lsc(self) -> None:
        """Forget CAPF's certificate and its key."""
        self._erase(CertificateType.LSC)

    def install_mic(self, pem: bytes, where: str) -> None:
        """Give the phone a manufacturer's certificate of one's own.

        Args:
            pem: A private key without a password, and its certificate.
            where: Their file, for errors.

        Raises:
            PhoneError: When it is not such a pair.
        """
        own = _parse(CertificateType.MIC, pem, where)
        self._store(CertificateType.MIC, own.certificate, own.key)

    def make_mic(
        self,
        device: str,
        model: str,
        manufacturer: Path,
        now: float,
        make: Callable[[int], rsa.RSAPrivateKey] | None = None,
    ) -> None:
        """Make the phone's MIC as the emulated manufacturer does, unless it has one.

        Args:
            device: The phone's name.
            model: Its model: old ones have MICs of the first generation.
            manufacturer: The manufacturer's folder: `DATA/manufacturer`.
            now: Unix seconds.
            make: Makes its key of so many bits; without it, OpenSSL does.

        Raises:
            PhoneError: When the manufacturer's files cannot be used.
        """
        if self.mic is not None:
            return
        is_old = PHONE_MODELS[model].log_form is LogForm.SECD
        generation = MicGeneration.SHA1 if is_old else MicGeneration.SHA2
        issuer_key = _issuer_key(manufacturer / f"{generation.value}-key.pem")
        key = (make or new_rsa)(MIC_BITS)
        certificate = mint_mic(
            device,
            model,
            key.public_key(),
            Issuer(generation.authority_name, issuer_key),
            generation,
            serial=positive_serial(secrets.token_bytes(MIC_SERIAL_BYTES)),
            made_at=datetime.fromtimestamp(now, UTC),
        )
        self._store(CertificateType.MIC, certificate, key)

    def open_encrypted(self, data: bytes) -> bytes | None:
        """Decrypt a configuration; None when the phone's key does not decrypt it."""
        own = self.present
        if own is None or not isinstance(own.key, rsa.RSAPrivateKey):
            return None
        try:
            return EncryptedFile.decode(data).decrypt(own.key)
        except (CannotDecryptError, DecodeError):
            return None

    def _store(
        self, kind: CertificateType, certificate: Certificate, key: PhoneKey
    ) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        parsed = x509.load_der_x509_certificate(certificate.der)
        self._write(kind, pem + parsed.public_bytes(Encoding.PEM))

    def _load(self, kind: CertificateType) -> OwnCertificate | None:
        pem = self._read(kind)
        return None if pem is None else self._parsed(kind, pem)

    def _parsed(self, kind: CertificateType, pem: bytes) -> OwnCertificate:
        return _parse(kind, pem, self._place(kind), check=self.checks_keys)

    @abstractmethod
    def _place(self, kind: CertificateType) -> str:
        """Return where one is kept, for errors."""

    @abstractmethod
    def _read(self, kind: CertificateType) -> bytes | None:
        """Return a key and its certificate as PEM, None when there is none."""

    @abstractmethod
    def _write(self, kind: CertificateType, pem: bytes) -> None:
        """Keep a key and its certificate, in place of the old ones."""

    @abstractmethod
    def _erase(self, kind: CertificateType) -> None:
        """Forget a key and its certificate."""


class FolderCertificates(OwnCertificates):
    """Those of a phone whose flash is a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def present_file(self) -> Path | None:
        """The file of what the phone shows, for TLS; None without a certificate."""
        paths = (
            self._folder / _NAMES[kind]
            for kind in (CertificateType.LSC, CertificateType.MIC)
        )
        return next((path for path in paths if path.is_file()), None)

    def _place(self, kind: CertificateType) -> str:
        return str(self._folder / _NAMES[kind])

    def _read(self, kind: CertificateType) -> bytes | None:
        try:
            with (self._folder / _NAMES[kind]).open("rb") as file:
                return file.read(_MAX_BYTES)
        except FileNotFoundError:
            return None

    def _write(self, kind: CertificateType, pem: bytes) -> None:
        replace_file(self._folder / _NAMES[kind], pem, private=True)

    def _erase(self, kind: CertificateType) -> None:
        (self._folder / _NAMES[kind]).unlink(missing_ok=True)


def make_key(order: KeyOrder) -> PhoneKey:
    """Make the key that CAPF orders; slow for large ones."""
    if order.type is KeyType.EC:
        return ec.generate_private_key(_CURVES[order.curve]())
    return new_rsa(order.size)


def new_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(65537, bits)


def _parse(
    kind: CertificateType, pem: bytes, where: str, *, check: bool = True
) -> OwnCertificate:
    try:
        key = load_pem_private_key(
            pem, password=None, unsafe_skip_rsa_key_validation=not check
        )
        parsed = x509.load_pem_x509_certificate(pem)
        certificate = Certificate.decode(parsed.public_bytes(Encoding.DER))
    except (*UNREADABLE, TypeError, UnsupportedAlgorithm, DecodeError) as error:
        raise PhoneError(
            f"{where}: no private key with its certificate ({error})",
            hint="give both as PEM in one file, without a password",
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or (
        key.public_key() != certificate.public_key
    ):
        raise PhoneError(
            f"{where}: the key is not that of the certificate",
            hint="give both as PEM in one file, without a password",
        )
    return OwnCertificate(kind, certificate, key)


def _issuer_key(path: Path) -> rsa.RSAPrivateKey:
    try:
        return _parsed_issuer_key(path, path.read_bytes())
    except OSError as error:
        raise PhoneError(
            f"{path}: {error.strerror}",
            hint="name the folder `manufacturer` of a cluster's data folder",
        ) from None


@lru_cache(maxsize=4)
def _parsed_issuer_key(path: Path, pem: bytes) -> rsa.RSAPrivateKey:
    """Parse a key once for all phones of a fleet: the check takes 27 ms."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PhoneError(
            f"{path}: no usable key ({error})", hint="restore it from a backup"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PhoneError(f"{path}: not an RSA key", hint="restore it from a backup")
    return key
