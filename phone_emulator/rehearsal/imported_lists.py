"""Read what an administrator has of a cluster: lists as files or as pasted text, PEMs.

A `show ctl` text has no certificates, but names, serials, roles and lengths; that is
enough to build a cluster like it. Either form becomes a `Picture`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.certificate import Certificate
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.names import DistinguishedName
from tokenless.protocol.pem import read_certificates
from tokenless.protocol.record import Record
from tokenless.protocol.show_text_parse import ShownList, ShownRecord, parse_shown_list
from tokenless.protocol.trust_list import TrustList
from tokenless.protocol.trust_verdicts import FileKind

MAX_INPUT_BYTES: Final = 4 * 1024 * 1024
_BITS_BY_KEY_LENGTH: Final = {140: 1024, 270: 2048, 526: 4096}
"""PKCS#1 public keys with the usual exponent (REFERENCE 1.3)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a list."""

    role: int
    dns_name: str
    address: str | None
    """None in pasted text."""
    subject: str
    serial: str
    """Upper-case hex; empty in an emptied record."""
    key_bits: int | None

    @property
    def common_name(self) -> str:
        """The CN of the subject, empty without one."""
        return attribute(self.subject, "CN")

    @property
    def is_recovery(self) -> bool:
        """Whether it is an ITLRecovery certificate."""
        return self.common_name.upper().startswith("ITLRECOVERY")

    @property
    def is_token(self) -> bool:
        """Whether it is a hardware token: a SAST of no node (REFERENCE 1.7)."""
        return self.role == Role.SAST and not self.dns_name


@dataclass(frozen=True, slots=True)
class Picture:
    """A list, as far as its source tells it."""

    kind: FileKind
    signer_subject: str
    signer_serial: str
    entries: tuple[Entry, ...]
    source: str
    """The file that it was read from."""


def attribute(subject: str, key: str) -> str:
    """Return an attribute of a name as text, empty when there is none."""
    try:
        name = DistinguishedName.parse(subject)
    except DecodeError:
        return ""
    for known, value in name.attributes:
        if known.upper() == key:
            return value.strip()
    return ""


def load_picture(path: Path, kind: FileKind) -> Picture:
    """Read a list: a .tlv file, or the text of `show ctl` or `show itl`.

    Raises:
        PhoneError: When it cannot be read, is neither, or is the other kind of list.
    """
    data = load_bytes(path)
    picture = _from_bytes(data, kind, path)
    if picture.kind is not kind:
        raise PhoneError(
            f"{path} is {picture.kind}, not {kind}",
            hint="give CTLs with --ctl and ITLs with --itl",
        )
    return picture


def load_bytes(path: Path) -> bytes:
    """Read a bounded file; `-` is standard input.

    Raises:
        PhoneError: When it cannot be read, or is too large.
    """
    try:
        with Path("/dev/stdin" if str(path) == "-" else path).open("rb") as file:
            data = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise PhoneError(
            f"{path} cannot be read: {error.strerror}",
            hint="name a file of yours, or - for standard input",
        ) from error
    if len(data) > MAX_INPUT_BYTES:
        raise PhoneError(f"{path} is too large", hint="give one list a file")
    return data


def _from_bytes(data: bytes, kind: FileKind, path: Path) -> Picture:
    try:
        return _of_list(TrustList.decode(data), kind, str(path))
    except DecodeError as no_list:
        try:
            return _of_text(parse_shown_list(data.decode("latin-1")), str(path))
        except DecodeError as no_text:
            reason = no_list if data[:1] == b"\x01" else no_text
            raise PhoneError(
                f"{path} is no trust list and no `show` text: {reason}",
                hint="save the file with `file get tftp`, or paste all that the "
                "command prints",
            ) from None


def _of_list(found: TrustList, kind: FileKind, source: str) -> Picture:
    named = {each.value: each for each in (FileKind.CTL, FileKind.ITL)}
    return Picture(
        named.get(found.filename or "", kind),
        found.signer.subject,
        found.signer.serial_hex,
        tuple(map(_entry_of_record, found.records)),
        source,
    )


def _entry_of_record(record: Record) -> Entry:
    certificate = record.certificate
    key = record.public_key or b""
    bits = _BITS_BY_KEY_LENGTH.get(len(key))
    return Entry(
        record.role,
        record.dns_name or "",
        record.ip_address,
        record.subject_name or "",
        record.serial_hex or "",
        bits if certificate is None else certificate.key_bits,
    )


def _of_text(shown: ShownList, source: str) -> Picture:
    if shown.is_missing or not shown.records:
        raise PhoneError(
            f"{source} shows no list", hint="leave it out: the cluster has none"
        )
    return Picture(
        FileKind.ITL if shown.kind == "ITL" else FileKind.CTL,
        shown.signer_name or "",
        (shown.signer_serial or b"").hex().upper(),
        tuple(map(_entry_of_text, shown.records)),
        source,
    )


def _entry_of_text(record: ShownRecord) -> Entry:
    return Entry(
        int(Role.UNKNOWN) if record.role is None else record.role,
        record.dns_name or "",
        None,
        record.subject_name or "",
        (record.serial_number or b"").hex().upper(),
        _BITS_BY_KEY_LENGTH.get(record.lengths.get("PUBLICKEY", 0)),
    )


@dataclass(frozen=True, slots=True)
class InUse:
    """A certificate that a node uses, exported from its administration page."""

    certificate: Certificate
    source: str

    @property
    def unit_name(self) -> str:
        """What the file is called before its ending: `CallManager`, `TVS`."""
        return Path(self.source).stem


def load_certificates(paths: Sequence[Path]) -> list[InUse]:
    """Read PEM or DER certificates.

    Raises:
        PhoneError: When a file holds none.
    """
    return [
        InUse(certificate, str(path))
        for path in paths
        for certificate in _certificates(path)
    ]


def _certificates(path: Path) -> Iterator[Certificate]:
    data = load_bytes(path)
    try:
        yield from map(Certificate.decode, read_certificates(data))
    except DecodeError as error:
        raise PhoneError(
            f"{path} holds no certificate: {error}", hint="export it as PEM or DER"
        ) from error
