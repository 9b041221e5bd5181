"""Check the lengths in a pasted list (REFERENCE 1.2, 1.3, 1.8)."""

from collections.abc import Mapping, Sequence
from typing import Final

from tokenless.protocol.show_output.faults import ShowFault, ShowTextError
from tokenless.protocol.show_output.rows import Row
from tokenless.protocol.show_output.shown_list import ShownList, ShownRecord
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH

_OPENING: Final = 2 * (ELEMENT_HEAD_LENGTH + 2)
"""VERSION and HEADERLENGTH, which are not printed as rows."""
_SIGNER_VERSION: Final = ELEMENT_HEAD_LENGTH + 2
"""Element 28, which is never shown (REFERENCE 1.5)."""
_ALIGNMENT: Final = 4
_DIGEST: Final = 8
_ALGORITHM: Final = 10
_MODULUS: Final = 11
_SIGNER: Final = ("SIGNERNAME", "SERIALNUMBER", "CANAME")


def check_list(shown: ShownList, closing_line: int) -> None:
    """Check that rows add up to records and header, and these to the file.

    Raises:
        ShowTextError: When they do not: something is missing, or is not from here.
    """
    _check_header(shown)
    for record in shown.records:
        total = sum(ELEMENT_HEAD_LENGTH + each for each in record.lengths.values())
        if total != record.length:
            raise ShowTextError(
                ShowFault.RECORD_LENGTH,
                record.line,
                expected=record.length,
                found=total,
            )
    total = shown.header_length + sum(record.length for record in shown.records)
    if total != shown.length:
        raise ShowTextError(
            ShowFault.FILE_LENGTH, closing_line, expected=shown.length, found=total
        )
    _check_certificates(shown.records)


def _check_header(shown: ShownList) -> None:
    rows = shown.header
    signer = sum(ELEMENT_HEAD_LENGTH + rows[name].length for name in _SIGNER)
    _check_nested(rows, "SIGNERID", signer)
    info = _info_length(rows)
    _check_nested(rows, "SIGNATUREINFO", info)
    plain = sum(
        ELEMENT_HEAD_LENGTH + rows[name].length
        for name in ("SIGNATURE", "FILENAME", "TIMESTAMP")
        if name in rows
    )
    total = _OPENING + 2 * ELEMENT_HEAD_LENGTH + signer + info + plain
    sums = {_aligned(total), _aligned(total + _SIGNER_VERSION)}
    if shown.header_length not in sums:
        raise ShowTextError(
            ShowFault.HEADER_LENGTH,
            shown.line,
            expected=shown.header_length,
            found=min(sums),
        )


def _info_length(rows: Mapping[str, Row]) -> int:
    """Return the bytes in SIGNATUREINFO: a digest, and the container of two more."""
    # By tag: the vendor misspells the names, other tools do not.
    sizes = {row.name.tag: ELEMENT_HEAD_LENGTH + row.length for row in rows.values()}
    algorithms = sizes.get(_ALGORITHM, 0) + sizes.get(_MODULUS, 0)
    _check_nested(rows, "SIGNATUREALGOINFO", algorithms)
    return sizes.get(_DIGEST, 0) + ELEMENT_HEAD_LENGTH + algorithms


def _check_nested(rows: Mapping[str, Row], name: str, total: int) -> None:
    row = rows.get(name)
    if row is None:
        raise ShowTextError(ShowFault.ROW_MISSING, rows["SIGNERID"].line, name=name)
    if int(row.value) != total:
        raise ShowTextError(
            ShowFault.NESTED_LENGTH,
            row.line,
            name=name,
            expected=int(row.value),
            found=total,
        )


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _check_certificates(records: Sequence[ShownRecord]) -> None:
    """Check that records of one certificate say the same of it."""
    first: dict[str, ShownRecord] = {}
    for record in records:
        if record.certificate_sha1 is None:
            continue
        known = first.setdefault(record.certificate_sha1, record)
        if _of_certificate(known) != _of_certificate(record):
            raise ShowTextError(
                ShowFault.SAME_CERTIFICATE,
                record.line,
                expected=known.number,
                found=record.number,
            )


def _of_certificate(record: ShownRecord) -> tuple[object, ...]:
    sizes = (record.lengths.get(name) for name in ("PUBLICKEY", "CERTIFICATE"))
    return (
        record.subject_name,
        record.issuer_name,
        record.serial_number,
        *sizes,
    )
