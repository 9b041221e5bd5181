"""The rows and columns of a table of phones: an export, or a table of one's own.

Tables are CSV, or what `run sql` prints in a node's shell: columns under a line of `=`.

Exports of BAT and RIS name every device and have many more columns than are looked at.
A table without a column for the name is one's own: there each column must be known,
or a number of phones in one of another name would be read as one phone a row.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.lists import SourceLineError
from tokenless.phone_emulator.rehearsal.importing.sources.ruled_table import (
    find_ruler,
    ruled_rows,
)
from tokenless.protocol.certificates.name_text import printable

NAME, MODEL, POOL, COUNT, STATUS = "name", "model", "pool", "count", "status"
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    NAME: ("devicename", "name", "devicenameline"),
    MODEL: ("devicetype", "model", "modelname"),
    POOL: ("devicepool", "devicepoolname", "pool"),
    COUNT: ("count", "phones", "devices", "quantity"),
    STATUS: ("status",),
}
_DELIMITERS: Final = ",;\t"
_OWN: Final = (
    "the columns of a table of your own are model, device pool, count and status; "
    "exports of BAT and RIS, which have more, have one for the device's name"
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row, with what stands in the columns that are looked at."""

    line: int
    """The line on which it begins."""
    values: Mapping[str, str]


def rows_of(text: str, source: str) -> Iterator[TableRow]:
    """Yield the rows of a table that are not blank.

    Raises:
        PhoneError: When it is no CSV, has no column for the model, or is a table of
            one's own and has columns, or values, that are not accounted for.
    """
    head = text.lstrip().partition("\n")[0]
    if (ruled := find_ruler(text)) is not None:
        rows = ruled_rows(text, ruled, source)
    else:
        rows = _numbered(text, max(_DELIMITERS, key=head.count), source)
    _, names = next(rows, (1, []))
    columns = _columns(names, source)
    is_own = NAME not in columns
    if is_own:
        _check_own(names, source)
    for line, row in rows:
        values = {
            what: row[at].strip() for what, at in columns.items() if at < len(row)
        }
        if is_own:
            _check_row(row, values, names, columns, f"{source}, line {line}", line)
        yield TableRow(line, values)


def _numbered(
    text: str, delimiter: str, source: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line on which it begins.

    Raises:
        PhoneError: When one is no CSV, or has a quotation without an end, which would
            swallow all rows after it.
    """
    reader = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise SourceLineError(
            f"{source}, line {line}: {error}",
            line,
            hint="is a quotation mark missing? Export it again as CSV, unedited",
        ) from None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _columns(names: Sequence[str], source: str) -> dict[str, int]:
    """Return where the columns stand that are looked at.

    Raises:
        PhoneError: When there is none for the model.
    """
    plain = list(map(_plain, names))
    found = {
        what: plain.index(name)
        for what, known in _COLUMNS.items()
        for name in known[::-1]
        if name in plain
    }
    if MODEL not in found:
        shown = ", ".join(printable(name)[:30] for name in names[:8])
        raise PhoneError(
            f"{source} has no column for the model: its first line is {shown!r}",
            hint="give BAT's Export Phones > All Details, a RIS table with Model, the "
            "output of `run sql`, or a CSV file with the columns model, device pool, "
            "count",
        )
    return found


def _check_own(names: Sequence[str], source: str) -> None:
    """Check that each column of a table of one's own is known, and stands once.

    Raises:
        PhoneError: When one is not.
    """
    meant = {name: what for what, known in _COLUMNS.items() for name in known}
    seen: dict[str, str] = {}
    for name in names:
        shown = printable(name.strip())[:30]
        what = meant.get(_plain(name))
        if what is None:
            if name.strip():
                raise PhoneError(f"{source} has an unknown column {shown!r}", hint=_OWN)
        elif what in seen:
            raise PhoneError(
                f"{source} has the columns {seen[what]!r} and {shown!r}, which mean "
                "the same",
                hint=_OWN,
            )
        else:
            seen[what] = shown


def _check_row(  # noqa: PLR0917 - one caller
    row: Sequence[str],
    values: Mapping[str, str],
    names: Sequence[str],
    columns: Mapping[str, int],
    where: str,
    line: int,
) -> None:
    """Check that no value of a row of one's own is dropped, and no number guessed."""
    extra = [
        each.strip()
        for at, each in enumerate(row)
        if each.strip() and (at >= len(names) or not names[at].strip())
    ]
    if extra:
        shown = printable(extra[0])[:20]
        raise SourceLineError(
            f"{where}: {shown!r} stands in no column that has a name",
            line,
            hint=_OWN,
        )
    if COUNT in columns and not values.get(COUNT) and values.get(MODEL):
        raise SourceLineError(
            f"{where}: the row has no number of phones",
            line,
            hint="write it into each row, or leave the column out: one phone a row",
        )
