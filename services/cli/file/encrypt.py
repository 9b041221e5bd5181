"""`tokenless file encrypt` and `decrypt`: configurations for one phone (.enc.sgn).

With `--companion` the small file that sends a phone there is written, too.

The two commands check no signature: `tokenless file verify` does, as for any signed
file. Keys and initialisation vectors are fresh random bytes each time.
"""

import json
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.command_line import FILE, json_option
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.encrypted_file import (
    ENCRYPTED_SUFFIX,
    IV_BYTES,
    KEY_BYTES,
    ContentKey,
    EncryptedFile,
    encrypt_file,
)
from tokenless.protocol.files.signed_file import MAX_FILE_LENGTH, SignedFile, sign_file
from tokenless.protocol.phones.configuration import companion_of
from tokenless.services.cli.file.input import (
    load_certificate,
    load_file,
    name_file_in_errors,
    read_bounded,
)
from tokenless.services.cli.file.json_output import describe_file
from tokenless.services.cli.file.list_description import parse_digest
from tokenless.services.cli.file.signers import (
    KeySource,
    load_rsa_key,
    load_signer,
    password_options,
    signer_options,
    timestamp_option,
)
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, write_output

_SIGNED_SUFFIX = ".sgn"


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.argument("output", type=FILE, required=False)
@click.option(
    "--phone",
    type=INPUT_FILE,
    required=True,
    help="The phone's certificate: the LSC, or the MIC if it has no LSC.",
)
@click.option("--filename", help="The header's FILENAME; default: the name of OUTPUT.")
@click.option(
    "--digest",
    type=click.Choice(["sha1", "sha256", "sha512"]),
    default="sha1",
    help="Digest of signature and content; 7900 phones verify sha1 only.",
)
@click.option(
    "--companion",
    is_flag=True,
    help="Also write FILE.sgn: the small, signed file with certHash that the phone "
    "gets first.",
)
@timestamp_option
@signer_options
@json_option
def encrypt(
    *,
    file: Path,
    output: Path | None,
    phone: Path,
    filename: str | None,
    digest: str,
    companion: bool,
    timestamp: int | None,
    source: KeySource,
    as_json: bool,
) -> None:
    """Encrypt FILE for one phone and sign it.

    The result is FILE.enc.sgn, or OUTPUT.
    """
    target = file.with_name(file.name + ENCRYPTED_SUFFIX) if output is None else output
    content = read_bounded(file, MAX_FILE_LENGTH // 2)
    recipient = load_certificate(phone)
    signer, kind = load_signer(source), parse_digest(digest)
    at = int(datetime.now(UTC).timestamp()) if timestamp is None else timestamp
    made = encrypt_file(
        target.name if filename is None else filename,
        content,
        signer,
        _rsa_key_of(recipient, phone),
        ContentKey(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(IV_BYTES)),
        timestamp=at,
        digest=kind,
    )
    written: list[tuple[Path, SignedFile | EncryptedFile]] = [(target, made)]
    if companion:
        beside = file.with_name(file.name + _SIGNED_SUFFIX)
        with name_file_in_errors(file):
            small = companion_of(content, recipient.md5)
        signed = sign_file(beside.name, small, signer, timestamp=at, digest=kind)
        written.append((beside, signed))
    for path, result in written:
        write_output(path, result.data)
    _say(written, as_json=as_json)


def _say(
    written: Sequence[tuple[Path, SignedFile | EncryptedFile]], *, as_json: bool
) -> None:
    """Print the written files; JSON is about the encrypted file, which is first."""
    if as_json:
        path, made = written[0]
        described = describe_file(made, at=datetime.now(UTC))
        others = [str(path) for path, _ in written[1:]]
        more = {"companion": others[0]} if others else {}
        click.echo(json.dumps({"path": str(path), **described, **more}))
        return
    for path, result in written:
        signer = printable(result.signer.subject)
        click.echo(f"{path}: {len(result.data)} bytes, signed by {signer}")


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.argument("output", type=FILE, required=False)
@click.option(
    "--key",
    type=INPUT_FILE,
    required=True,
    help="The phone's private key, as PEM or DER.",
)
@password_options
def decrypt(
    *, file: Path, output: Path | None, key: Path, password: str | None
) -> None:
    """Decrypt an encrypted FILE.

    The content goes into OUTPUT, or to standard output.

    The signature is not checked; `tokenless file verify` does that. Only the owner can
    read OUTPUT.
    """
    encrypted = load_file(file)
    if not isinstance(encrypted, EncryptedFile):
        raise ServiceError(
            f"{file}: not an encrypted file", hint="see `tokenless file show`"
        )
    with name_file_in_errors(file):
        content = encrypted.decrypt(load_rsa_key(key, password))
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_output(output, content, mode=PRIVATE)
        click.echo(f"{output}: {len(content)} bytes", err=True)


def _rsa_key_of(phone: Certificate, path: Path) -> RSAPublicKey:
    key = phone.public_key
    if not isinstance(key, RSAPublicKey):
        raise ServiceError(
            f"{path}: the phone's certificate has an EC key, which cannot unwrap",
            hint="install an LSC with an RSA key",
        )
    return key
