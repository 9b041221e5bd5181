"""Trust lists and signed files as JSON: what `file show FILE --json` prints.

Other programs read it: fields are added, none is renamed or left out.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from tokenless.protocol.codes import role_name
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.files.header import Header
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.lint import (
    LintFinding,
    SignatureState,
    lint,
    signature_state,
)

Json = dict[str, Any]


def describe_file(file: TrustList | SignedFile, *, at: datetime) -> Json:
    """Return all facts about a file, and its faults at a moment."""
    if isinstance(file, SignedFile):
        return _describe_signed_file(file)
    signer = file.signer
    return {
        **_describe_head("trust-list", file),
        "signature": signature_state(file).value,
        "records": [
            describe_record(
                record, number, signs=record.is_sast and record.is_named(signer)
            )
            for number, record in enumerate(file.records, start=1)
        ],
        "warnings": [describe_finding(finding) for finding in lint(file, at=at)],
    }


def _describe_signed_file(file: SignedFile) -> Json:
    return {
        **_describe_head("signed-file", file),
        # It holds no certificate: only a trust list or a person can name its signer.
        "signature": SignatureState.UNVERIFIABLE.value,
        "payload_length": len(file.payload),
        "encrypted": file.is_encrypted,
        "encryption": _encryption(file),
    }


def _encryption(file: SignedFile) -> Json | None:
    if not isinstance(file, EncryptedFile):
        return None
    envelope = file.envelope
    return {
        "cipher": "AES-128-CBC",
        "wrapping_key_bits": envelope.key_bits,
        "pad_bytes": envelope.pad_count,
        "content_length": len(file.payload) - envelope.pad_count,
        "content_digest": envelope.digest.name.lower(),
    }


def _describe_head(kind: str, file: TrustList | SignedFile) -> Json:
    header = file.header
    return {
        "kind": kind,
        "length": len(file.data),
        "md5": file.md5,
        "sha1": file.sha1,
        "version": _dotted(header.version),
        "header_length": header.header_length,
        "signer_name": header.signer.subject,
        "signer_serial": header.signer.serial_hex,
        "issuer_name": header.signer.issuer,
        "digest": header.digest.name.lower(),
        "signature_length": len(header.signature),
        "filename": header.filename,
        "timestamp": _time(header),
        "signer_version": _dotted(header.signer_version),
    }


def describe_record(record: Record, number: int, *, signs: bool) -> Json:
    """Return one record; missing values are null."""
    certificate, hashed = record.certificate, record.certificate_hash
    return {
        "number": number,
        "length": record.length,
        "dns_name": record.dns_name,
        "subject_name": record.subject_name,
        "function": role_name(record.role),
        "function_code": record.role,
        "issuer_name": record.issuer_name,
        "serial_number": record.serial_hex,
        "public_key_length": _length(record.public_key),
        "signature_length": _length(record.signature),
        "certificate_length": _length(record.certificate_der),
        "certificate_sha1": None if certificate is None else certificate.sha1,
        "certificate_sha256": _sha256(record.certificate_der),
        "key_bits": None if certificate is None else certificate.key_bits,
        "not_after": None if certificate is None else iso(certificate.not_after),
        "certificate_hash": None if hashed is None else hashed.hex(),
        "hash_algorithm": record.hash_algorithm,
        "ip_address": record.ip_address,
        "signed_this_file": signs,
    }


def describe_finding(finding: LintFinding) -> Json:
    """Return one warning."""
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
        "record": finding.record,
    }


def iso(moment: datetime) -> str:
    """Return a moment as all JSON has it: ISO 8601, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(header: Header) -> str | None:
    if header.timestamp is None:
        return None
    return iso(datetime.fromtimestamp(header.timestamp, UTC))


def _dotted(version: tuple[int, int] | None) -> str | None:
    return None if version is None else f"{version[0]}.{version[1]}"


def _length(value: bytes | None) -> int | None:
    return None if value is None else len(value)


def _sha256(value: bytes | None) -> str | None:
    return None if value is None else hashlib.sha256(value).hexdigest()
