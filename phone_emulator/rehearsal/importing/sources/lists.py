"""Read what an administrator has of a cluster: lists as files or as pasted text, PEMs.

A `show ctl` text has no certificates, but names, serials, roles and lengths; that is
enough to build a cluster like it. Either form becomes a `ImportedList`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.any_file import is_trust_list
from tokenless.protocol.files.header import decode_header
from tokenless.protocol.files.record import Record, RecordTag
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.parse import parse_shown_lists
from tokenless.protocol.show_output.paste import decode_pasted, is_encoding_guessed
from tokenless.protocol.show_output.shown_list import ShownList, ShownRecord
from tokenless.protocol.trust.lint import SignatureState, signature_state
from tokenless.protocol.trust.verdicts import FileKind

MAX_INPUT_BYTES: Final = 4 * 1024 * 1024
_BITS_BY_KEY_LENGTH: Final = {140: 1024, 270: 2048, 526: 4096}
"""PKCS#1 public keys with the usual exponent (REFERENCE 1.3)."""
_EC_KEY_LENGTHS: Final = (65, 97, 133)
"""Uncompressed points of P-256, P-384 and P-521 (REFERENCE 1.3)."""
_VERSION_TAG: Final = b"\x01"


class SourceLineError(PhoneError):
    """A line of a text that cannot be understood.

    Attributes:
        line: Where, counted from 1.
    """

    def __init__(self, said: str, line: int, *, hint: str | None) -> None:
        super().__init__(said, hint=hint)
        self.line = line


def load_lists(path: Path, kind: FileKind) -> list[ImportedList]:
    """Read a .tlv file, or all lists of a text: `show ctl`, `show itl`, a log of both.

    Args:
        path: The file, or `-` for standard input.
        kind: What it was given as; a log may have both kinds.

    Raises:
        PhoneError: When it cannot be read, has no list of that kind, or has one that
            is not whole.
    """
    data = load_bytes(path)
    imported_lists = lists_of(data, kind, str(path))
    if all(each.kind is not kind for each in imported_lists):
        raise PhoneError(
            f"{path} is {imported_lists[0].kind}, not {kind}",
            hint="give CTLs with --ctl and ITLs with --itl",
        )
    return imported_lists


def load_bytes(path: Path, limit: int = MAX_INPUT_BYTES) -> bytes:
    """Read a bounded file; `-` is standard input.

    Raises:
        PhoneError: When it cannot be read, or is too large.
    """
    try:
        with Path("/dev/stdin" if str(path) == "-" else path).open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be read: {error.strerror}",
            hint="name a file of yours, or - for standard input",
        ) from error
    if len(data) > limit:
        raise PhoneError(
            f"{path} has over {limit} bytes", hint="give what one cluster printed"
        )
    return data


def lists_of(data: bytes, kind: FileKind, source: str) -> list[ImportedList]:
    """Read the lists of a file's bytes.

    Raises:
        PhoneError: When there is none, or one is not whole.
    """
    if data[:1] == _VERSION_TAG:
        try:
            if not is_trust_list(decode_header(data)):
                raise PhoneError(
                    f"{source} is a signed file, not a trust list",
                    hint="name CTLFile.tlv or ITLFile.tlv",
                )
            return [_of_list(TrustList.decode(data), kind, source)]
        except DecodeError as error:
            raise PhoneError(
                f"{source} is not a trust list: {error}",
                hint="save it again with `file get tftp`",
            ) from None
    if not data.strip():
        raise PhoneError(f"{source} is empty", hint="leave it out, or save it again")
    try:
        shown = parse_shown_lists(decode_pasted(data))
    except ShowTextError as error:
        words = "is neither a trust list nor `show` text: "
        what = words if error.fault is ShowFault.NOT_A_LIST else ""
        raise SourceLineError(
            f"{source}: {what}{error}", error.line, hint=error.hint
        ) from None
    is_guessed = is_encoding_guessed(data)
    return [
        replace(each, is_encoding_guessed=is_guessed)
        for each in _of_texts(shown, source)
    ]


def _of_texts(shown: Sequence[ShownList], source: str) -> list[ImportedList]:
    lists = [each for each in shown if not each.is_missing]
    if not lists:
        raise PhoneError(
            f"{source} says that the node has no {shown[0].kind} file",
            hint="leave it out: the cluster has none",
        )
    is_log = len(shown) > 1
    return [
        _of_text(each, f"{source} (line {each.line})" if is_log else source)
        for each in lists
    ]


def _of_list(trust_list: TrustList, kind: FileKind, source: str) -> ImportedList:
    named = {each.value: each for each in (FileKind.CTL, FileKind.ITL)}
    return ImportedList(
        named.get(trust_list.filename or "", kind),
        trust_list.signer.subject,
        trust_list.signer.serial_hex,
        tuple(map(_entry_of_record, trust_list.records)),
        source,
        trust_list.header.digest,
        len(trust_list.data),
        signature_state(trust_list),
    )


def _entry_of_record(record: Record) -> ImportedRecord:
    certificate = record.certificate
    key = record.public_key or b""
    bits = _BITS_BY_KEY_LENGTH.get(len(key))
    tags = {tag for tag, _ in record.elements}
    return ImportedRecord(
        record.role,
        record.dns_name or "",
        record.ip_address,
        record.subject_name or "",
        record.serial_hex or "",
        bits if certificate is None else certificate.key_bits,
        record.issuer_name or "",
        has_node_name=record.dns_name is not None,
        is_ec=len(key) in _EC_KEY_LENGTHS,
        begins=None if certificate is None else certificate.not_before,
        ends=None if certificate is None else certificate.not_after,
        is_by_hash=RecordTag.CERTIFICATE_HASH in tags and certificate is None,
        certificate_sha1=certificate.sha1 if certificate else "",
    )


def _of_text(shown: ShownList, source: str) -> ImportedList:
    return ImportedList(
        FileKind.ITL if shown.kind == "ITL" else FileKind.CTL,
        shown.signer_name or "",
        (shown.signer_serial or b"").hex().upper(),
        tuple(map(_entry_of_text, shown.records)),
        source,
        signature=SignatureState.VALID if shown.verified else SignatureState.INVALID,
    )


def _entry_of_text(record: ShownRecord) -> ImportedRecord:
    key_length = record.lengths.get("PUBLICKEY", 0)
    return ImportedRecord(
        record.role,
        record.dns_name or "",
        record.ip_address,
        record.subject_name or "",
        (record.serial_number or b"").hex().upper(),
        _BITS_BY_KEY_LENGTH.get(key_length),
        record.issuer_name or "",
        has_node_name=record.dns_name is not None,
        is_ec=key_length in _EC_KEY_LENGTHS,
        is_by_hash="CERTHASH" in record.lengths,
        certificate_sha1=record.certificate_sha1 or "",
    )


def without_repeats(imported_lists: Sequence[ImportedList]) -> list[ImportedList]:
    """Return lists once each: logs hold the same command twice.

    Raises:
        PhoneError: When there are two different CTLs, or ITLs of one node.
    """
    kept: dict[tuple[FileKind, str], ImportedList] = {}
    for imported_list in imported_lists:
        place = (imported_list.kind, imported_list.owner.lower())
        known = kept.setdefault(place, imported_list)
        if _content(known) != _content(imported_list):
            whose = f" of {imported_list.owner}" if imported_list.owner else ""
            raise PhoneError(
                f"{known.source} and {imported_list.source} are different "
                f"{imported_list.kind} files{whose}",
                hint="a cluster has one CTL, and each node one ITL: give the newest",
            )
    return list(kept.values())


def _content(imported_list: ImportedList) -> tuple[object, ...]:
    """Return what lists have in common whose sources differ: texts have no address."""
    members = tuple(
        (e.role, e.dns_name, e.subject, e.serial) for e in imported_list.entries
    )
    return imported_list.signer_serial, members


@dataclass(frozen=True, slots=True)
class InUse:
    """A certificate that a node uses, exported from its administration page."""

    certificate: Certificate
    source: str

    @property
    def unit_name(self) -> str:
        """Return the file's name before its ending: `CallManager`, `TVS`."""
        return Path(self.source).stem

    @property
    def common_name(self) -> str:
        """The CN of its subject, empty without one."""
        return self.certificate.subject.get("CN") or ""

    @property
    def is_ec(self) -> bool:
        """Tell whether its key is an EC key: CallManager-ECDSA, not CallManager."""
        return isinstance(self.certificate.public_key, EllipticCurvePublicKey)


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
