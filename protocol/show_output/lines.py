"""Print `show ctl` and `show itl`, line for line (REFERENCE 6.3).

The misspelt names, the tag numbers under BYTEPOS, the lone hex digits and the sentence
about etokens are observed. Widths are those of tab stops, the rest of the ITL's
words by analogy (inferred), as are the rows of hashes in lists of 8.x (11, 12) and what
follows a signature that fails.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, Literal

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Role, role_text
from tokenless.protocol.files.encrypted_file import EncryptedFile, EncryptionTag
from tokenless.protocol.files.header import Header, HeaderTag
from tokenless.protocol.files.record import Record, RecordTag
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.lint import SignatureState, signature_state

_RECORD_NAMES: Final[dict[int, str]] = {
    RecordTag.RECORD_LENGTH: "RECORDLENGTH",
    RecordTag.DNS_NAME: "DNSNAME\t",
    RecordTag.SUBJECT_NAME: "SUBJECTNAME",
    RecordTag.FUNCTION: "FUNCTION",
    RecordTag.ISSUER_NAME: "ISSUERNAME",
    RecordTag.SERIAL_NUMBER: "SERIALNUMBER",
    RecordTag.PUBLIC_KEY: "PUBLICKEY",
    RecordTag.SIGNATURE: "SIGNATURE",
    RecordTag.IP_ADDRESS: "IPADDRESS",
    RecordTag.CERTIFICATE_HASH: "CERTHASH",
    RecordTag.HASH_ALGORITHM: "HASHALGORITHM",
}

ListKind = Literal["CTL", "ITL"]

_HEAD: Final = "BYTEPOS\tTAG\t\tLENGTH\tVALUE"
_UNDERLINE: Final = "-------\t---\t\t------\t-----"
_BYTES_A_LINE: Final = 8
_HASH_BYTES_ON_FIRST_LINE: Final = 16
_ETOKEN_USED: Final = "This etoken was used to sign the {kind} file."
_ETOKEN_NOT_USED: Final = "This etoken was not used to sign the {kind} file."


def show_trust_list(
    trust_list: TrustList, *, kind: ListKind = "CTL", modified: str
) -> str:
    """Return the text of `show ctl` or `show itl`.

    Args:
        trust_list: The file.
        kind: Which command is asked.
        modified: When the file changed: `Fri Mar 06 19:45:13 CET 2015`.
    """
    lines = [
        f"The checksum value of the {kind} file:",
        f"{trust_list.md5}(MD5)",
        f"{trust_list.sha1}(SHA1)",
        "",
        f"Length of {kind} file: {len(trust_list.data)}",
        f"The {kind} File was last modified on {modified}",
        "",
        f"\tParse {kind} File",
        "\t----------------",
        "",
        *_header_lines(trust_list.header),
        "",
    ]
    for number, record in enumerate(trust_list.records, start=1):
        signs = record.is_sast and record.is_named(trust_list.signer)
        lines += _record_lines(record, number, kind, signs=signs)
        lines.append("")
    lines.append(_verdict(trust_list, kind))
    return "\n".join(line.expandtabs() for line in lines)


def show_missing(kind: ListKind) -> str:
    """Return what the command prints when there is no file."""
    how = (
        "Please run CTLClient plugin or run the CLI - utils ctl.. "
        "to generate the CTL file."
        if kind == "CTL"
        else "Please restart the TFTP service to generate the ITL file."
    )
    return (
        f"Length of {kind} file: 0\n"
        f"{kind} File not found. {how}\n"
        f"Error parsing the {kind} File."
    )


def show_signed_file(file: SignedFile) -> str:
    """Return a signed file in the same layout; the vendor has no such command."""
    lines = [
        "The checksum value of the signed file:",
        f"{file.md5}(MD5)",
        f"{file.sha1}(SHA1)",
        "",
        f"Length of signed file: {len(file.data)}",
        f"Length of its content: {len(file.payload)}",
        "",
        *_header_lines(file.header),
    ]
    if isinstance(file, EncryptedFile):
        lines += _encryption_lines(file)
    return "\n".join(line.expandtabs() for line in lines)


def _encryption_lines(file: EncryptedFile) -> Iterator[str]:
    """Describe elements 16 to 27 in the same layout; the words are ours."""
    envelope = file.envelope
    lengths = {tag: len(value) for tag, value in file.header.elements}
    yield f"16\tENCRYPTION\t{lengths[EncryptionTag.ENCRYPTION]}\tAES-128-CBC"
    yield f"19\tIV\t{len(envelope.iv)}"
    yield f"20\tPADCOUNT\t2\t{envelope.pad_count}"
    yield f"23\tKEYBITS\t2\t{envelope.key_bits}"
    yield f"25\tWRAPPEDKEY\t{len(envelope.wrapped_key)}"
    yield f"26\tCONTENTDIGESTALGO\t1\t{envelope.digest.name}"
    yield f"27\tCONTENTDIGEST\t{len(envelope.content_digest)}"


def _header_lines(header: Header) -> Iterator[str]:
    major, minor = header.version
    yield f"Version:\t{major}.{minor}"
    yield f"HeaderLength:\t{header.header_length} (BYTES)"
    yield ""
    yield _HEAD
    yield _UNDERLINE
    for tag, value in header.elements:
        match tag:
            case HeaderTag.SIGNER_ID:
                yield from _signer_lines(header, len(value))
            case HeaderTag.SIGNATURE_INFO:
                yield f"7\tSIGNATUREINFO\t2\t{len(value)}"
                yield "8\tDIGESTALGORTITHM\t1"
                yield "9\tSIGNATUREALGOINFO\t2\t8"
                yield "10\tSIGNATUREALGORTITHM\t1"
                yield "11\tSIGNATUREMODULUS\t1"
            case HeaderTag.SIGNATURE:
                yield f"12\tSIGNATURE\t{len(value)}"
                yield from _hex_lines(value)
            case HeaderTag.FILENAME:
                yield f"14\tFILENAME\t{len(value)}"
            case HeaderTag.TIMESTAMP:
                yield f"15\tTIMESTAMP\t{len(value)}"
            case _:
                pass  # version and length are above, element 28 is never shown


def _signer_lines(header: Header, length: int) -> Iterator[str]:
    signer = header.signer
    yield f"3\tSIGNERID\t2\t{length}"
    yield f"4\tSIGNERNAME\t{_text_length(signer.subject)}\t{printable(signer.subject)}"
    yield f"5\tSERIALNUMBER\t{len(signer.serial)}\t{_colons(signer.serial)}"
    yield f"6\tCANAME\t\t{_text_length(signer.issuer)}\t{printable(signer.issuer)}"


def _text_length(text: str) -> int:
    return len(text.encode()) + 1


def _colons(serial: bytes) -> str:
    return serial.hex(":").upper()


def _hex_lines(value: bytes) -> Iterator[str]:
    for start in range(0, len(value), _BYTES_A_LINE):
        yield "  ".join(f"{byte:x}" for byte in value[start : start + _BYTES_A_LINE])


def _record_lines(
    record: Record, number: int, kind: ListKind, *, signs: bool
) -> Iterator[str]:
    yield f"\t{kind} Record #:{number}"
    yield "\t  ----"
    yield _HEAD
    yield _UNDERLINE
    for tag, value in record.elements:
        yield from _element_lines(record, tag, value)
    if record.role == Role.SAST:
        yield (_ETOKEN_USED if signs else _ETOKEN_NOT_USED).format(kind=kind)


def _element_lines(record: Record, tag: int, value: bytes) -> Iterator[str]:
    if tag == RecordTag.CERTIFICATE:
        yield from _certificate_lines(value)
    elif tag in _RECORD_NAMES:
        words = _element_words(record, tag, value)
        yield f"{tag}\t{_RECORD_NAMES[tag]}\t{len(value)}\t{words}".rstrip()


def _element_words(record: Record, tag: int, value: bytes) -> str:
    words = {
        RecordTag.RECORD_LENGTH: str(record.length),
        RecordTag.FUNCTION: role_text(record.role),
        RecordTag.SERIAL_NUMBER: _colons(record.serial_number or b""),
        RecordTag.DNS_NAME: record.dns_name,
        RecordTag.SUBJECT_NAME: record.subject_name,
        RecordTag.ISSUER_NAME: record.issuer_name,
        RecordTag.CERTIFICATE_HASH: value.hex(" ").upper(),
        RecordTag.HASH_ALGORITHM: str(int.from_bytes(value)),
    }
    return printable(words.get(RecordTag(tag)) or "")


def _certificate_lines(der: bytes) -> Iterator[str]:
    digest = hashlib.sha1(der, usedforsecurity=False).digest().hex(" ").upper()
    first = digest[: 3 * _HASH_BYTES_ON_FIRST_LINE - 1]
    second = digest[3 * _HASH_BYTES_ON_FIRST_LINE :]
    yield f"9\tCERTIFICATE\t{len(der)}\t{first}"
    yield f"\t\t\t\t{second} (SHA1 Hash HEX)"


def _verdict(trust_list: TrustList, kind: ListKind) -> str:
    if signature_state(trust_list) is SignatureState.VALID:
        return f"The {kind} file was verified successfully."
    return f"The {kind} file could not be verified."
