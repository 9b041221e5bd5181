"""Options that name a signing key, and the signers they give.

A key comes from a PEM file with its certificate, from a PKCS#12 file that holds
both, or stays in a security token. Its password comes from TOKENLESS_PASSWORD, from a
file or, where other users may see it, from the command line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from tokenless.command_line import FILE, gathered
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner, Signer
from tokenless.services.cli.file.input import (
    MAX_CERTIFICATE_FILE,
    load_certificate,
    name_file_in_errors,
    read_bounded,
)
from tokenless.services.cli.options import data_option
from tokenless.services.cluster.data_folder import CONFIG_FILE, no_cluster_in
from tokenless.services.errors import ServiceError

_TOKENS_FOLDER: Final = "tokens"
_MAX_PASSWORD_FILE: Final = 4096
_NAME_A_KEY: Final = "give --cert and --key, --p12, or --token"
_WHICH_KEY: Final = (
    "--key takes a private key as PEM or DER; TOKENLESS_PASSWORD its password"
)


@dataclass(frozen=True, slots=True)
class KeySource:
    """Source of the signer's certificate and key."""

    certificate: Path | None = None
    key: Path | None = None
    p12: Path | None = None
    token: str | None = None
    module: Path | None = None
    data: Path = Path("data")
    password: str | None = None


def _source(  # noqa: PLR0917 - one parameter for each option
    cert: Path | None,
    key: Path | None,
    p12: Path | None,
    token: str | None,
    module: Path | None,
    data: Path,
    password: str | None,
    password_file: Path | None,
) -> KeySource:
    secret = _read_password(password, password_file)
    return KeySource(cert, key, p12, token, module, data, secret)


def _read_password(password: str | None, password_file: Path | None) -> str | None:
    if password_file is None:
        return password
    text = read_bounded(password_file, _MAX_PASSWORD_FILE).decode(errors="replace")
    return text.splitlines()[0] if text else ""


_PASSWORD_FILE: Final = click.option(
    "--password-file", type=INPUT_FILE, help="A file whose first line is the password."
)
_PASSWORD: Final = click.option(
    "--password",
    help="Password of the key, PKCS#12 file or token; safer in TOKENLESS_PASSWORD.",
)
password_options = gathered("password", _read_password, _PASSWORD, _PASSWORD_FILE)
signer_options = gathered(
    "source",
    _source,
    click.option("--cert", type=INPUT_FILE, help="The signer's certificate."),
    click.option("--key", type=INPUT_FILE, help="The signer's private key, as PEM."),
    click.option(
        "--p12", type=INPUT_FILE, help="The signer's certificate and key, PKCS#12."
    ),
    _PASSWORD,
    _PASSWORD_FILE,
    click.option(
        "--token", help="A security token of the cluster (`tokenless token list`)."
    ),
    click.option(
        "--module",
        type=FILE,
        help="The PKCS#11 module that holds the token labelled --token.",
    ),
    data_option,
)
timestamp_option = click.option(
    "--timestamp",
    type=click.IntRange(0, 0xFFFFFFFF),
    help="Time of signing in Unix seconds; default: now.",
)


def load_signer(source: KeySource) -> Signer:
    """Load the signer.

    Raises:
        UsageError: When no key is named.
        ServiceError: When the data folder of a token is not there, the password is
            wrong, the key is not an RSA key or is not the certificate's.
        UnreadableError: When a file cannot be read.
    """
    if source.token is not None:
        return _unlocked_token(source.token, source)
    if source.p12 is not None:
        return _from_pkcs12(source.p12, source.password)
    if source.certificate is None or source.key is None:
        raise click.UsageError(f"no signer was given; {_NAME_A_KEY}")
    certificate = load_certificate(source.certificate)
    key = _private_key(source.key, source.password)
    return _pair(source.key, certificate, key)


def load_rsa_key(path: Path, password: str | None) -> RSAPrivateKey:
    """Load a private key.

    Raises:
        ServiceError: When it is not an RSA key, or the password is wrong.
        UnreadableError: When it cannot be read.
    """
    key = _private_key(path, password)
    if not isinstance(key, RSAPrivateKey):
        raise ServiceError(
            f"{path}: not an RSA key", hint="only RSA keys open encrypted files"
        )
    return key


def _unlocked_token(name: str, source: KeySource) -> Signer:
    # What tokens need takes longer to load than most commands here take to run.
    from tokenless.services.pki.hsm import HsmToken  # noqa: PLC0415
    from tokenless.services.pki.tokens import Token, open_token  # noqa: PLC0415

    token: Token
    if source.module is not None:
        token = HsmToken.open(source.module, name)
    else:
        tokens = source.data / _TOKENS_FOLDER
        has_cluster = (source.data / CONFIG_FILE).exists()
        if not (has_cluster or tokens.is_dir() or "/" in name):
            raise no_cluster_in(source.data)
        token = open_token(tokens, name)
    if source.password is None:
        # A wrong guess would count: fifteen destroy a token (REFERENCE 6.5).
        raise ServiceError(f"token {name} is locked", hint="set TOKENLESS_PASSWORD")
    token.unlock(source.password)
    return token


def _private_key(path: Path, password: str | None) -> object:
    data = read_bounded(path, MAX_CERTIFICATE_FILE)
    # An empty password opens no key: the library takes it for none.
    secret = password.encode() if password else None
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        return load(data, secret)
    except TypeError as error:
        # An encrypted key without a password, or a password for one that has none.
        if secret is not None:
            return load(data, None)
        raise ServiceError(
            f"{path}: the key has a password", hint="set TOKENLESS_PASSWORD"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ServiceError(
            f"{path}: no private key, or a wrong password", hint=_WHICH_KEY
        ) from error


def _from_pkcs12(path: Path, password: str | None) -> Signer:
    data = read_bounded(path, MAX_CERTIFICATE_FILE)
    secret = None if password is None else password.encode()
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(data, secret)
    except UNREADABLE as error:
        raise ServiceError(
            f"{path}: no PKCS#12 file, or a wrong password",
            hint="set TOKENLESS_PASSWORD",
        ) from error
    if key is None or certificate is None:
        raise ServiceError(
            f"{path}: holds no key with its certificate",
            hint="export both into one PKCS#12 file",
        )
    with name_file_in_errors(path):
        decoded = Certificate.decode(certificate.public_bytes(Encoding.DER))
    return _pair(path, decoded, key)


def _pair(path: Path, certificate: Certificate, key: object) -> Signer:
    if not isinstance(key, RSAPrivateKey):
        raise ServiceError(
            f"{path}: only RSA keys sign trust lists and files",
            hint="use an RSA key",
        )
    try:
        return PrivateKeySigner(certificate, key)
    except ValueError as error:
        raise ServiceError(
            f"{path}: the key is not that of {certificate.subject_text}",
            hint="give the certificate that was made with this key",
        ) from error
