"""A trust list described in TOML, or by `--record` flags, before it is built.

filename = "CTLFile.tlv"            # or ITLFile.tlv
form = "cucm"                       # cucm, ctl-client, comma
digest = "sha1"                     # sha1, sha256, sha512
version = "1.2"                     # 1.2, or 1.1
signer_version = "1.1"              # element 28 of 12.x lists; left out when absent

[[record]]
role = "SAST"                       # a name, or a number
certificate = "publisher.pem"       # in the description's folder
dns_name = "cucm-1051-a-pub"
ip_address = "10.48.47.155"

[[record]]
role = "CCM+TFTP"                   # without a certificate: emptied (REFERENCE 1.9)
dns_name = "10.48.47.156"
ip_address = "10.48.47.156"

[[record]]
token = true                        # a security token, named as the CTL Client does
certificate = "token1.pem"
"""

from pathlib import Path
from typing import Final, Literal

import msgspec

from tokenless.ground.toml_files import (
    TomlFileError,
    fault_of,
    line_of,
    load_toml,
    shown,
)
from tokenless.protocol.codes import Digest, Role, role_name
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list_build import (
    ListForm,
    emptied_record,
    record_for,
    token_record,
)
from tokenless.services.cli.file.input import load_certificate
from tokenless.services.errors import ConfigurationError

_HIGHEST_BYTE: Final = 0xFF
_MAX_ROLE: Final = 0xFFFF
_ROLES: Final = {
    word.upper(): int(role) for role in Role for word in (role.name, role_name(role))
}
_TOKEN_WORD: Final = "TOKEN"  # noqa: S105 - a security token, no secret
_PLACE_PARTS: Final = 3


class RecordDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record."""

    role: str | int = "SAST"
    certificate: Path | None = None
    dns_name: str | None = None
    ip_address: str | None = None
    token: bool = False


class ListDescription(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """A whole list, without its signer and time."""

    filename: str = "CTLFile.tlv"
    form: Literal["cucm", "ctl-client", "comma"] = "cucm"
    digest: Literal["sha1", "sha256", "sha512"] = "sha1"
    version: Literal["1.1", "1.2"] = "1.2"
    signer_version: str | None = None
    record: tuple[RecordDescription, ...] = ()

    def build_records(self, folder: Path) -> list[Record]:
        """Build the records; certificates are looked for in `folder`.

        Raises:
            ConfigurationError: When a record is not possible as described.
            ServiceError: When a certificate is malformed.
            OSError: When one cannot be read.
        """
        form = ListForm(self.form)
        return [
            _build(description, number, folder, form)
            for number, description in enumerate(self.record, start=1)
        ]


def load_description(path: Path) -> ListDescription:
    """Load a description.

    Raises:
        ConfigurationError: When it is not TOML or has a field that it cannot have.
        OSError: When it cannot be read.
    """
    try:
        text, tables = load_toml(path)
    except TomlFileError as error:
        raise ConfigurationError(f"{path}: {error}", hint=error.hint) from None
    try:
        return msgspec.convert(tables, ListDescription, dec_hook=_path_hook)
    except msgspec.ValidationError as error:
        fault = fault_of(error, ListDescription)
        line = line_of(text, fault.keys)
        place = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(
            f"{place}: {shown(fault.keys)}: {fault.reason}",
            hint=f"did you mean `{fault.meant}`?" if fault.meant else None,
        ) from error


def parse_record_flag(text: str) -> RecordDescription:
    """Read `ROLE=CERT[,DNS[,IP]]`; without CERT emptied, `TOKEN=CERT` for a token.

    Raises:
        ConfigurationError: When it has another form, or there is no such role.
    """
    role, equals, rest = (part.strip() for part in text.partition("="))
    parts = [part.strip() for part in rest.split(",")]
    if not equals or len(parts) > _PLACE_PARTS:
        raise ConfigurationError(
            f"--record {text}: not of the form ROLE=CERT,DNS,IP",
            hint="for example SAST=pub.pem,cucm-pub,10.48.47.155",
        )
    certificate, dns_name, address = (parts + [""] * _PLACE_PARTS)[:_PLACE_PARTS]
    is_token = role.upper() == _TOKEN_WORD
    if not is_token:
        parse_role(role)
    return RecordDescription(
        role="SAST" if is_token else role,
        certificate=Path(certificate) if certificate else None,
        dns_name=dns_name or None,
        ip_address=address or None,
        token=is_token,
    )


def parse_digest(text: str) -> Digest:
    """Return a digest by the name that descriptions and flags have for it."""
    return Digest[text.upper()]


def parse_version(text: str) -> tuple[int, int]:
    """Read `1.1`.

    Raises:
        ConfigurationError: When it is not a pair of numbers up to 255.
    """
    major, dot, minor = text.partition(".")
    first, second = (read_decimal(part, _HIGHEST_BYTE) for part in (major, minor))
    if dot and first is not None and second is not None:
        return first, second
    raise ConfigurationError(
        f"signer version {text}: not of the form 1.1",
        hint="write two numbers, as 1.1",
    )


def parse_role(role: str | int) -> int:
    """Return the code of a role given by its name or number.

    Raises:
        ConfigurationError: When there is no such role.
    """
    if isinstance(role, str) and role.isascii() and role.isdigit():
        role = int(role)
    if isinstance(role, int):
        if 0 <= role <= _MAX_ROLE:
            return role
    elif role.upper() in _ROLES:
        return _ROLES[role.upper()]
    names = ", ".join(sorted({role_name(known) for known in Role}))
    raise ConfigurationError(f"role {role}: unknown", hint=f"one of {names}")


def _build(
    description: RecordDescription, number: int, folder: Path, form: ListForm
) -> Record:
    role = parse_role(description.role)
    if description.certificate is None:
        return _emptied(description, number, role)
    certificate = load_certificate(folder / description.certificate)
    if description.token:
        return token_record(certificate)
    try:
        return record_for(
            certificate,
            role,
            dns_name=description.dns_name,
            ip_address=description.ip_address,
            form=form,
        )
    except ValueError as error:
        raise ConfigurationError(f"record {number}: {error}") from error


def _emptied(description: RecordDescription, number: int, role: int) -> Record:
    if description.dns_name is None or description.ip_address is None:
        raise ConfigurationError(
            f"record {number}: without a certificate it needs a name and an address",
            hint="give dns_name and ip_address, or a certificate",
        )
    try:
        return emptied_record(description.dns_name, description.ip_address, role)
    except ValueError as error:
        raise ConfigurationError(f"record {number}: {error}") from error


def _path_hook(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)
