"""What `run sql` prints: a line of names, one of `=`, and rows in columns as wide.

REFERENCE-5 2.4: the phones of a cluster by one line of a node's shell, without AXL.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tokenless.phone_emulator.rehearsal.importing.sources.lists import SourceLineError
from tokenless.protocol.certificates.name_text import printable

_RULER: Final = re.compile(r"=+(?: +=+)* *")
_PROMPT: Final = "admin:"


@dataclass(frozen=True, slots=True)
class Ruler:
    """The line of `=`."""

    line: int
    """Its number, from 1."""
    starts: tuple[int, ...]
    """Where columns begin."""


def find_ruler(text: str) -> Ruler | None:
    """Return the first line of `=` that has a line above; None in a text without."""
    return next(_rulers(text.splitlines()), None)


def _rulers(lines: Sequence[str]) -> Iterator[Ruler]:
    for line, row in enumerate(lines, start=1):
        if line > 1 and _RULER.fullmatch(row):
            starts = tuple(found.start() for found in re.finditer("=+", row))
            yield Ruler(line, starts)


def ruled_rows(text: str, ruler: Ruler, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the names, then each row that is not blank, with its line.

    Raises:
        SourceLineError: When a value reaches over the beginning of a column, or there
            is a second table.
    """
    lines = text.splitlines()
    for second in islice(_rulers(lines), 1, 2):
        raise SourceLineError(
            f"{source}, line {second.line}: a second table",
            second.line,
            hint="save the output of one command, with all phones",
        )
    yield ruler.line - 1, _cells(lines[ruler.line - 2], ruler.starts)
    for line, row in enumerate(lines[ruler.line :], start=ruler.line + 1):
        if row.startswith(_PROMPT):
            return
        if not row.strip():
            continue
        if any(row[at - 1 : at].strip() for at in ruler.starts[1:]):
            raise SourceLineError(
                f"{source}, line {line}: {printable(row)[:40]!r} does not stand in the "
                "columns of the line of =",
                line,
                hint="lines were wrapped, or blanks lost; save the output anew",
            )
        yield line, _cells(row, ruler.starts)


def _cells(row: str, starts: Sequence[int]) -> list[str]:
    ends = (*starts[1:], len(row))
    return [row[start:end].strip() for start, end in zip(starts, ends, strict=True)]
