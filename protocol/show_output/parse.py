"""Read `show ctl` and `show itl` as pasted from a terminal (REFERENCE 6.3).

Every character between the beginning of a list and its closing sentence belongs to a
row or a sentence, or the text is refused. The rows must add up: to each record's
length, to the header's, to the file's (REFERENCE 1.8). So a list is read whole or not
at all. The text has no certificates: the result names the members of a list, and proves
nothing.
"""

import re
from collections.abc import Mapping
from typing import Final, NoReturn

from tokenless.protocol.codes import Role, role_text
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.show_output import sentences
from tokenless.protocol.show_output.faults import Progress, ShowFault, ShowTextError
from tokenless.protocol.show_output.lengths import check_list
from tokenless.protocol.show_output.paste import Paste, clean
from tokenless.protocol.show_output.rows import (
    HEADER_ROWS,
    RECORD_ROWS,
    Join,
    Row,
    RowName,
    RowReader,
)
from tokenless.protocol.show_output.shown_list import ShownList, ShownRecord

MAX_TEXT_LENGTH: Final = 4 * 1024 * 1024
MAX_RECORDS: Final = 1024
MAX_LISTS: Final = 64
"""Lists of one log."""


_ROLES: Final = {
    **{role_text(role).replace(" ", ""): int(role) for role in Role},
    "SecurityToken": int(Role.SAST),  # another tool's word
}
_HIGHEST_ROLE: Final = 0xFFFF
"""The element has two bytes."""
_CUT_ROLE: Final = "CCM"
"""No CUCM lists CallManager without TFTP (REFERENCE 1.9): its `+TFTP` was lost."""


def parse_shown_lists(text: str) -> list[ShownList]:
    """Read every list of a pasted text: one command's output, or a terminal's log.

    Raises:
        ShowTextError: When a list is not whole, or something belongs to none; says the
            line and why.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise ShowTextError(ShowFault.TOO_LONG, 1, expected=MAX_TEXT_LENGTH)
    paste = clean(text)
    starts = _starts(paste)
    if not starts:
        _refuse_pieces(paste, 0, len(paste.dense))
        if (begun := sentences.BEGUN.search(paste.dense)) is not None:
            raise ShowTextError(ShowFault.END_MISSING, paste.line(begun.start()))
        raise ShowTextError(ShowFault.NOT_A_LIST, 1)
    shown_lists = []
    _refuse_pieces(paste, 0, starts[0])
    for start, end in zip(starts, [*starts[1:], len(paste.dense)], strict=True):
        shown, after = _read_joined(paste, start, end)
        _refuse_pieces(paste, after, end)
        shown_lists.append(shown)
    return shown_lists


def _starts(paste: Paste) -> list[int]:
    starts = [match.start() for match in sentences.START.finditer(paste.dense)]
    if len(starts) > MAX_LISTS:
        line = paste.line(starts[MAX_LISTS])
        raise ShowTextError(
            ShowFault.TWICE, line, name=f"a list after {MAX_LISTS} others"
        )
    return starts


def _refuse_pieces(paste: Paste, start: int, end: int) -> None:
    """Refuse a part of a list that stands outside of all lists."""
    piece = sentences.PIECE.search(paste.dense, start, end)
    if piece is not None:
        at = piece.start()
        raise ShowTextError(
            ShowFault.BEGINNING_MISSING, paste.line(at), found=paste.rest_of_line(at)
        )


def _read_joined(paste: Paste, start: int, end: int) -> tuple[ShownList, int]:
    """Read a list, its broken names joined in the one way in which all add up.

    Raises:
        ShowTextError: For the first way when there is none, or for the one in which
            the lengths add up and the names do not agree.
    """
    first: ShowTextError | None = None
    for join in Join:
        reader = _ListReader(paste, start, end, join)
        try:
            shown = reader.read()
        except ShowTextError as error:
            if first is None or error.fault is ShowFault.PARTS_MOVED:
                first = error
            continue
        alone = reader.rows.broken_row
        if alone is not None and reader.rows.broken == 1:
            # Alone it proves nothing: another letter may be lost or doubled in it.
            raise ShowTextError(
                ShowFault.BLANK_AT_BREAK,
                alone.line,
                name=alone.name.name,
                expected=alone.length,
            )
        return shown, reader.at
    assert first is not None  # noqa: S101 - all have failed
    raise first


class _ListReader:
    """Reads one list from its first sentence to its last."""

    def __init__(self, paste: Paste, start: int, end: int, join: Join) -> None:
        self._paste = paste
        self._dense = paste.dense
        self._end = end
        self.rows = RowReader(paste, join)
        self.at = start
        self._shown = ShownList("", 0)
        self._is_closed = False

    def read(self) -> ShownList:
        """Return the list; `at` is behind it then.

        Raises:
            ShowTextError: When it is not whole.
        """
        self._read_head()
        if self._shown.is_missing:
            self._take(sentences.NOT_FOUND)
            return self._shown
        try:
            self._read_header()
            while (
                match := sentences.RECORD.match(self._dense, self.at, self._end)
            ) is not None:
                self._read_record(match)
            closing = self._take(sentences.END)
            self._is_closed = True
            self._shown.verified = closing["good"] is not None
            check_list(self._shown, self._paste.line(closing.start()))
        except ShowTextError as error:
            raise self._explained(error) from None
        return self._shown

    def _explained(self, error: ShowTextError) -> ShowTextError:
        """Say how far reading came, and whether it is the end that is missing."""
        shown = self._shown
        records, header = shown.records, shown.header_length
        read = header + sum(record.length for record in records)
        progress = Progress(shown.kind, len(records), header, read, shown.length)
        has_end = self._is_closed or sentences.END.search(
            self._dense, self.at, self._end
        )
        last_line = self._paste.line(self._end - 1)
        # Whatever is wrong with a row: with nothing behind it, the row was cut.
        is_last = not sentences.NEXT.search(
            self._dense, max(self.at, self.rows.end), self._end
        )
        if not has_end and (is_last or error.line >= last_line):
            error = ShowTextError(ShowFault.END_MISSING, last_line)
        return error.at(progress)

    def _read_head(self) -> None:
        head = self._take(sentences.HEAD)
        self._shown = ShownList(
            kind=head["kind"],
            length=int(head["length"]),
            line=self._paste.line(head.start()),
            md5=head["md5"] and head["md5"].lower(),
            sha1=head["sha1"] and head["sha1"].lower(),
        )
        if head[1] not in (None, head["kind"]):
            self._strange(head.start())
        modified = sentences.MODIFIED.match(self._dense, self.at, self._end)
        if modified is not None:
            self._check_kind(modified)
            said = self._paste.region(*modified.span("when"))
            self._shown.modified = " ".join(said.split())
            self.at = modified.end()

    def _read_header(self) -> None:
        self._take(sentences.PARSE)
        self._shown.version = self._take(sentences.VERSION)[1]
        length = int(self._take(sentences.HEADER_LENGTH)[1])
        self._take(sentences.COLUMNS)
        rows = self._read_rows(HEADER_ROWS, sentences.NEXT_IN_HEADER)
        shown = self._shown
        shown.header = rows
        for needed in ("SIGNERID", "SIGNERNAME", "SERIALNUMBER", "CANAME", "SIGNATURE"):
            self._need(rows, needed, shown.line)
        shown.signer_name = rows["SIGNERNAME"].value
        shown.signer_serial = bytes.fromhex(rows["SERIALNUMBER"].value)
        shown.issuer_name = rows["CANAME"].value
        shown.header_length = length

    def _read_record(self, match: re.Match[str]) -> None:
        line = self._paste.line(match.start())
        shown = self._shown
        self._check_kind(match)
        if len(shown.records) == MAX_RECORDS:
            raise ShowTextError(ShowFault.TOO_MANY_RECORDS, line, expected=MAX_RECORDS)
        number = len(shown.records) + 1
        if int(match["number"]) != number:
            raise ShowTextError(
                ShowFault.NUMBERS, line, expected=number, found=int(match["number"])
            )
        self.at = match.end()
        self._take(sentences.COLUMNS)
        rows = self._read_rows(RECORD_ROWS, sentences.NEXT_IN_RECORD)
        record = self._record_of(number, rows, line)
        etoken = sentences.ETOKEN.match(self._dense, self.at, self._end)
        if etoken is not None:
            self._check_kind(etoken)
            if record.role != Role.SAST:
                self._strange(etoken.start())
            record.signed_this_file = etoken["not"] is None
            self.at = etoken.end()
        shown.records.append(record)

    def _record_of(
        self, number: int, rows: Mapping[str, Row], line: int
    ) -> ShownRecord:
        for needed in ("RECORDLENGTH", "FUNCTION"):
            self._need(rows, needed, line)
        values = {name: row.value for name, row in rows.items()}
        serial = values.get("SERIALNUMBER")
        return ShownRecord(
            number=number,
            length=int(values["RECORDLENGTH"]),
            role=_role(rows["FUNCTION"]),
            line=line,
            dns_name=values.get("DNSNAME"),
            subject_name=values.get("SUBJECTNAME"),
            issuer_name=values.get("ISSUERNAME"),
            serial_number=None if serial is None else bytes.fromhex(serial),
            certificate_sha1=values.get("CERTIFICATE") or None,
            ip_address=values.get("IPADDRESS") or None,
            lengths={name: row.length for name, row in rows.items()},
        )

    def _read_rows(
        self, names: Mapping[str, RowName], following: re.Pattern[str]
    ) -> dict[str, Row]:
        """Read rows up to the first thing that is none."""
        rows: dict[str, Row] = {}
        while (head := following.match(self._dense, self.at, self._end)) is not None:
            name = names.get(head[0])
            if name is None:
                break
            after = following.search(self._dense, head.end(), self._end)
            end = self._end if after is None else after.start()
            row = self.rows.read(name, head.end(), end)
            if name.name in rows:
                raise ShowTextError(ShowFault.TWICE, row.line, name=name.name)
            rows[name.name] = row
            self.at = self.rows.end
        return rows

    def _need(self, rows: Mapping[str, Row], name: str, line: int) -> None:
        if name not in rows:
            raise ShowTextError(ShowFault.ROW_MISSING, line, name=name)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._dense, self.at, self._end)
        if match is None:
            self._strange(self.at)
        self._check_kind(match)
        self.at = match.end()
        return match

    def _check_kind(self, match: re.Match[str]) -> None:
        """Refuse a sentence of the other list: what stood between them is lost."""
        kind = match.groupdict().get("kind")
        if self._shown.kind and kind not in (None, self._shown.kind):
            self._strange(match.start())

    def _strange(self, at: int) -> NoReturn:
        line = self._paste.line(at)
        if at >= self._end:
            raise ShowTextError(ShowFault.END_MISSING, line)
        fault = ShowFault.STRANGE_TEXT
        if sentences.UNPARSED.match(self._dense, at):
            fault = ShowFault.NODE_CANNOT_PARSE
        raise ShowTextError(fault, line, found=self._paste.rest_of_line(at))


def _role(row: Row) -> int:
    number = read_decimal(row.value, _HIGHEST_ROLE)
    if number is not None:
        return number
    role = _ROLES.get(row.value)
    if row.value == _CUT_ROLE:
        raise ShowTextError(ShowFault.ROLE_CUT, row.line, found=row.value)
    if role is None:
        raise ShowTextError(
            ShowFault.STRANGE_VALUE, row.line, name="FUNCTION", found=row.value
        )
    return role
