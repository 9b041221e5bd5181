"""Check that a pasted list agrees with itself (REFERENCE 1.2, 1.3, 1.8)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
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
    _check_names(shown)


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


def _check_names(shown: ShownList) -> None:
    """Check that no name is another one with its parts moved.

    Lengths do not change when the lines of a wrapped name change places, but most names
    of a list stand in it more than once.
    """
    names: dict[str, tuple[int, str]] = {}
    for line, what, name in _names(shown):
        names.setdefault(name, (line, what))
    by_letters: dict[str, list[str]] = {}
    for name in names:
        by_letters.setdefault("".join(sorted(name)), []).append(name)
    for alike in by_letters.values():
        for one, other in combinations(alike, 2):
            if not _differ_in_common_name(one, other):
                raise _moved(*names[other], expected=one, found=other)
    for record in shown.records:
        subject, issuer = record.subject_name, record.issuer_name
        if subject is None or issuer is None or subject == issuer:
            continue
        if sorted(subject) == sorted(issuer):
            raise _moved(record.line, "ISSUERNAME", expected=subject, found=issuer)


def _names(shown: ShownList) -> Iterator[tuple[int, str, str]]:
    """Yield the names that a list has, those of the header first."""
    named = [
        (shown.line, "SIGNERNAME", shown.signer_name),
        (shown.line, "CANAME", shown.issuer_name),
    ]
    for record in shown.records:
        named.append((record.line, "SUBJECTNAME", record.subject_name))
        named.append((record.line, "ISSUERNAME", record.issuer_name))
    return ((line, what, name) for line, what, name in named if name)


def _differ_in_common_name(one: str, other: str) -> bool:
    """Return whether two names are those of nodes such as `pub12` and `pub21`."""
    rest = [
        [part for part in name.split(";") if not part.startswith("CN=")]
        for name in (one, other)
    ]
    return rest[0] == rest[1]


def _moved(line: int, name: str, *, expected: str, found: str) -> ShowTextError:
    return ShowTextError(
        ShowFault.PARTS_MOVED, line, name=name, expected=expected, found=found
    )
