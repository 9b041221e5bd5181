"""A CA for the lab: signs nodes' requests as a company's or a public one does.

    DIR/ca.json            its kind and the days that it grants
    DIR/root.pem           the root
    DIR/intermediate.pem   the CA that signs
    DIR/keys/              both keys, 0600

A company CA grants what a request asks for, for two years. A public one leaves out the
OU and clientAuth and grants 200 days (from 2026), 100 (2027) or 47 (2029): REFERENCE-2
2.5. Neither is anything but a CA of the lab.
"""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tokenless.ground.json_input import decode_json
from tokenless.services.errors import ServiceError, UnreadableFileError
from tokenless.services.files import made_beside, replace_file, sync_folder
from tokenless.services.pki.keys import (
    FOLDER_MODE,
    generate_rsa,
    new_serial,
    read_private_key,
    write_key,
)
from tokenless.services.pki.signing_requests import SigningRequest, key_usage
from tokenless.services.scratch import remove_left_scratch

_FILE: Final = "ca.json"
_ROOT: Final = "root.pem"
_INTERMEDIATE: Final = "intermediate.pem"
_KEY_BITS: Final = 2048
_ROOT_DAYS: Final = 20 * 365
_INTERMEDIATE_DAYS: Final = 10 * 365
_OTHERS_WRITE: Final = 0o022
_CA_BITS: Final = frozenset({"digital_signature", "key_cert_sign", "crl_sign"})


@unique
class CaKind(StrEnum):
    """The type of organisation whose rules a CA follows."""

    COMPANY = "company"
    PUBLIC = "public"


DEFAULT_DAYS: Final = {CaKind.COMPANY: 730, CaKind.PUBLIC: 200}
PUBLIC_DAYS: Final = (200, 100, 47)
"""The longest that public CAs may grant from 2026, 2027 and 2029 on."""


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: CaKind
    days: Annotated[int, msgspec.Meta(ge=1, le=36500)]


class LabCa:
    """A CA in a folder."""

    def __init__(self, folder: Path, settings: _Settings) -> None:
        self._folder = folder
        self._settings = settings

    @classmethod
    def create(
        cls, folder: Path, name: str, kind: CaKind, days: int | None, now: float
    ) -> "LabCa":
        """Make a CA: root, signing CA and their keys.

        Raises:
            ServiceError: When the folder holds something already, or a public CA would
                grant more than 200 days.
            OSError: When it cannot be written.
        """
        granted = days or DEFAULT_DAYS[kind]
        if kind is CaKind.PUBLIC and granted > max(PUBLIC_DAYS):
            raise ServiceError(
                f"public CAs grant {max(PUBLIC_DAYS)} days at most since March 2026",
                hint=f"use {', '.join(map(str, PUBLIC_DAYS))}, or --kind company",
            )
        settings = _Settings(kind, granted)
        if folder.exists():
            _fill(folder, name, settings, now)
            return cls(folder, settings)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with made_beside(folder) as (scratch, place):
            _write(scratch / "ca", name, settings, now)
            (scratch / "ca").rename(place)
            sync_folder(place.parent)
        return cls(folder, settings)

    @classmethod
    def open(cls, folder: Path) -> "LabCa":
        """Open a CA that `create` made.

        Raises:
            ServiceError: When there is none, or it is damaged.
        """
        try:
            data = (folder / _FILE).read_bytes()
            settings = decode_json(data, _Settings)
        except FileNotFoundError:
            refusal = ServiceError if folder.exists() else UnreadableFileError
            raise refusal(
                f"{folder} holds no CA", hint="make one with `tokenless ca init`"
            ) from None
        except msgspec.DecodeError as error:
            raise ServiceError(
                f"{folder / _FILE}: {error}", hint="make a new CA"
            ) from None
        return cls(folder, settings)

    @property
    def kind(self) -> CaKind:
        """Return the type of organisation whose rules it follows."""
        return self._settings.kind

    @property
    def days(self) -> int:
        """Return the validity of its certificates in days."""
        return self._settings.days

    @property
    def chain(self) -> tuple[bytes, bytes]:
        """The root and the signing CA as PEM, in the order of upload."""
        return (
            (self._folder / _ROOT).read_bytes(),
            (self._folder / _INTERMEDIATE).read_bytes(),
        )

    def sign(
        self, request: SigningRequest, now: float, *, days: int | None = None
    ) -> bytes:
        """Sign a request; return the certificate as PEM.

        Raises:
            ServiceError: When the CA's files are damaged, or the days are more than it
                grants.
        """
        if days is not None and days > self.days:
            raise ServiceError(
                f"this CA grants {self.days} days at most", hint="ask for fewer"
            )
        issuer, key = self._issuer()
        begins = datetime.fromtimestamp(int(now), UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._subject(request))
            .issuer_name(issuer.subject)
            .public_key(request.parsed.public_key())
            .serial_number(int.from_bytes(new_serial()))
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=days or self.days, seconds=-1))
        )
        for value, critical in self._extensions(request, issuer):
            builder = builder.add_extension(value, critical=critical)
        signed = builder.sign(key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM)

    def _subject(self, request: SigningRequest) -> x509.Name:
        if self.kind is CaKind.COMPANY:
            return request.parsed.subject
        unit = NameOID.ORGANIZATIONAL_UNIT_NAME
        return x509.Name([each for each in request.parsed.subject if each.oid != unit])

    def _extensions(
        self, request: SigningRequest, issuer: x509.Certificate
    ) -> Iterator[tuple[x509.ExtensionType, bool]]:
        is_authority = False
        for extension in request.parsed.extensions:
            value: x509.ExtensionType = extension.value
            if isinstance(value, x509.KeyUsage):
                is_authority = value.key_cert_sign
            if isinstance(value, x509.ExtendedKeyUsage):
                value = self._purposes(value)
            if isinstance(value, x509.BasicConstraints):
                continue
            yield value, extension.critical
        path = 0 if is_authority else None
        yield x509.BasicConstraints(ca=is_authority, path_length=path), True
        own = x509.SubjectKeyIdentifier.from_public_key(request.parsed.public_key())
        yield own, False
        identifier = issuer.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value
        authority = x509.AuthorityKeyIdentifier
        yield authority.from_issuer_subject_key_identifier(identifier), False

    def _purposes(self, asked: x509.ExtendedKeyUsage) -> x509.ExtendedKeyUsage:
        if self.kind is CaKind.COMPANY:
            return asked
        client = ExtendedKeyUsageOID.CLIENT_AUTH
        return x509.ExtendedKeyUsage([each for each in asked if each != client])

    def _issuer(self) -> tuple[x509.Certificate, RSAPrivateKey]:
        path = self._folder / "keys" / _INTERMEDIATE
        try:
            certificate = x509.load_pem_x509_certificate(self.chain[1])
            key = read_private_key(path.read_bytes())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ServiceError(
                f"{self._folder}: damaged ({error})", hint="make a new CA"
            ) from None
        if not isinstance(key, RSAPrivateKey) or (
            key.public_key() != certificate.public_key()
        ):
            raise ServiceError(f"{path}: not the key of the CA", hint="make a new CA")
        return certificate, key


def _fill(folder: Path, name: str, settings: _Settings, now: float) -> None:
    """Make a CA in an empty folder, which may be where a disk is mounted.

    The settings come last: without them it is no CA.

    Raises:
        ServiceError: When the folder holds something already.
        OSError: When it cannot be written; nothing is left behind.
    """
    if folder.is_dir():
        remove_left_scratch(folder)
    if not folder.is_dir() or any(folder.iterdir()):
        raise ServiceError(f"{folder} is not empty", hint="name a new folder")
    _close_to_others(folder)
    inside = folder / "ca"
    try:
        with made_beside(inside) as (scratch, _):
            _write(scratch / "ca", name, settings, now)
            _place(scratch / "ca", folder)
            sync_folder(folder)
    except OSError as error:
        if error.filename == str(inside):
            error.filename = str(folder)
        raise


def _close_to_others(folder: Path) -> None:
    """Let nobody else write: who can may put keys of their own in place of the CA's."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS_WRITE:
        folder.chmod(mode & ~_OTHERS_WRITE)


def _place(made: Path, folder: Path) -> None:
    """Move a CA's files into a folder: all, or none when one cannot be moved.

    The keys go first: a folder is never moved over another one, so two that are made at
    the same time do not mix.
    """
    placed: list[str] = []
    try:
        for name in ("keys", _ROOT, _INTERMEDIATE, _FILE):
            (made / name).rename(folder / name)
            placed.append(name)
    except BaseException:
        for name in placed:
            (folder / name).rename(made / name)
        raise


def _write(folder: Path, name: str, settings: _Settings, now: float) -> None:
    """Make the folder of a CA: keys, certificates, and at last what it grants."""
    begins = datetime.fromtimestamp(int(now), UTC)
    root_key, key = generate_rsa(_KEY_BITS), generate_rsa(_KEY_BITS)
    top = _name(name, f"{name} Root CA")
    below = _name(name, f"{name} Issuing CA")
    root = _ca(top, root_key, top, root_key, begins=begins, days=_ROOT_DAYS)
    issuing = _ca(below, key, top, root_key, begins=begins, days=_INTERMEDIATE_DAYS)
    folder.mkdir()
    keys = folder / "keys"
    keys.mkdir(mode=FOLDER_MODE)
    for path, each in (("root.pem", root_key), ("intermediate.pem", key)):
        write_key(keys / path, each)
    replace_file(folder / _ROOT, root.public_bytes(Encoding.PEM))
    replace_file(folder / _INTERMEDIATE, issuing.public_bytes(Encoding.PEM))
    replace_file(folder / _FILE, msgspec.json.encode(settings))


def _name(organization: str, common: str) -> x509.Name:
    try:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )
    except ValueError as error:
        raise ServiceError(
            f"{organization!r} is not a name for a CA: {error}",
            hint="use 1 to 50 letters",
        ) from None


def _ca(
    subject: x509.Name,
    key: RSAPrivateKey,
    issuer: x509.Name,
    issuer_key: RSAPrivateKey,
    *,
    begins: datetime,
    days: int,
) -> x509.Certificate:
    is_root = subject == issuer
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        issuer_key.public_key()
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(new_serial()))
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days, seconds=-1))
        # Room for CAPF, which is a CA itself below the signing one.
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=None if is_root else 1),
            critical=True,
        )
        .add_extension(key_usage(_CA_BITS), critical=True)
        .add_extension(own, critical=False)
        .add_extension(authority, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
