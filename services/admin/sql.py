"""`run sql`: a read-only subset of SQL over named tables.

    select COLUMN[, COLUMN…] | *  from TABLE
        [where COLUMN OP VALUE [and …]]  [order by COLUMN [desc]]

OP is `=`, `!=`, `<>` or `like` (with `%`). The statement is parsed here and run over
rows in memory: nothing that is typed ever reaches the database's own SQL.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenless.services.errors import ServiceError

Row = Mapping[str, str]

MAX_STATEMENT_LENGTH: Final = 2000
_SUBSET: Final = "run sql reads only: select COLUMNS from TABLE [where …]"
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>!=|<>|=|,|\*)|(?P<word>[^\s'=!<>,*]+))"
)


class StatementError(ServiceError):
    """A statement outside the subset that `run sql` takes."""

    def __init__(self, reason: str, *, hint: str = _SUBSET) -> None:
        super().__init__(reason, hint=hint)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a `where`."""

    column: str
    operator: str
    value: str

    def holds(self, row: Row) -> bool:
        """Tell whether `row` is selected."""
        found = row[self.column]
        match self.operator:
            case "=":
                return found == self.value
            case "!=" | "<>":
                return found != self.value
            case _:
                return _is_like(found, self.value)


@dataclass(frozen=True, slots=True)
class Select:
    """A parsed statement; an empty tuple of columns means all of them."""

    columns: tuple[str, ...]
    table: str
    conditions: tuple[Condition, ...] = field(default=())
    order_by: str | None = None
    descending: bool = False


def parse_select(statement: str) -> Select:
    """Parse a statement.

    Raises:
        StatementError: When it is outside the subset.
    """
    if len(statement) > MAX_STATEMENT_LENGTH:
        raise StatementError(f"a statement has at most {MAX_STATEMENT_LENGTH} letters")
    return _Parser(statement.rstrip().removesuffix(";")).select()


def run_select(
    select: Select,
    tables: Mapping[str, tuple[Sequence[str], Callable[[], Sequence[Row]]]],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return column names and rows.

    Args:
        select: What to select.
        tables: Each table's columns, and what gives its rows.

    Raises:
        StatementError: When it names a table or column that does not exist.
    """
    if select.table not in tables:
        raise StatementError(
            f"no table {select.table}", hint=f"tables: {', '.join(sorted(tables))}"
        )
    known, load = tables[select.table]
    columns = select.columns or tuple(known)
    named = [*columns, *(each.column for each in select.conditions)]
    for column in [*named, *([select.order_by] if select.order_by else [])]:
        if column not in known:
            raise StatementError(
                f"table {select.table} has no column {column}",
                hint=f"columns: {', '.join(known)}",
            )
    rows = [row for row in load() if all(c.holds(row) for c in select.conditions)]
    if (by := select.order_by) is not None:
        are_numbers = all(not row[by] or row[by].isdecimal() for row in rows)
        rows.sort(
            key=lambda row: (len(row[by]) if are_numbers else 0, row[by]),
            reverse=select.descending,
        )
    return columns, [tuple(row[column] for column in columns) for row in rows]


class _Parser:
    """Takes a statement's tokens one after the other."""

    def __init__(self, statement: str) -> None:
        self._tokens = list(_tokens(statement))
        self._next = 0

    def select(self) -> Select:
        self._keyword("select")
        columns = self._columns()
        self._keyword("from")
        table = self._word("a table").lower()
        conditions = self._where() if self._accept("where") else ()
        order_by, descending = None, False
        if self._accept("order"):
            self._keyword("by")
            order_by = self._word("a column").lower()
            descending = self._accept("desc")
        if (left := self._peek()) is not None:
            raise StatementError(f"cannot read the statement from {left!r} on")
        return Select(columns, table, conditions, order_by, descending)

    def _columns(self) -> tuple[str, ...]:
        if self._accept("*"):
            return ()
        columns = [self._word("a column").lower()]
        while self._accept(","):
            columns.append(self._word("a column").lower())
        return tuple(columns)

    def _where(self) -> tuple[Condition, ...]:
        conditions = [self._condition()]
        while self._accept("and"):
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> Condition:
        column = self._word("a column").lower()
        operator = self._take("=, !=, <> or like").lower()
        if operator not in {"=", "!=", "<>", "like"}:
            raise StatementError(f"{operator!r} is not one of =, !=, <>, like")
        value = self._take("a value")
        if value.startswith("'"):
            value = value[1:-1].replace("''", "'")
        return Condition(column, operator, value)

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, what: str) -> str:
        token = self._peek()
        if token is None:
            raise StatementError(f"the statement ends where {what} should be")
        self._next += 1
        return token

    def _word(self, what: str) -> str:
        token = self._take(what)
        if not re.fullmatch(r"\w+", token, re.ASCII):
            raise StatementError(f"{token!r} is not {what}")
        return token

    def _accept(self, keyword: str) -> bool:
        token = self._peek()
        if token is None or token.lower() != keyword:
            return False
        self._next += 1
        return True

    def _keyword(self, keyword: str) -> None:
        if not self._accept(keyword):
            raise StatementError(f"`{keyword}` is missing")


def _is_like(text: str, pattern: str) -> bool:
    """Compare with a pattern piece by piece; a regular expression could take ages."""
    first, *others = pattern.split("%")
    if not others:
        return text == pattern
    *inner, last = others
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in inner:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _tokens(statement: str) -> Iterator[str]:
    position, end = 0, len(statement.rstrip())
    while position < end:
        found = _TOKEN.match(statement, position)
        if found is None:
            raise StatementError(f"cannot read {statement[position:].strip()[:20]!r}")
        yield found.group().strip()
        position = found.end()
