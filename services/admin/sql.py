"""`run sql`: any SELECT over a few tables, on copies of them in memory.

Nothing that is typed reaches the cluster's database: another one, in memory, is filled
with the rows of the tables that the statement reads. SQLite's authorizer lets it read
these tables and nothing else; its length, its time and what it returns are bounded.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from tokenless.services.errors import ServiceError

Value = str | int | None
Row = Mapping[str, Value]
Table = tuple[Sequence[str], Callable[[], Sequence[Row]]]
"""The columns of a table, and what gives its rows."""

MAX_STATEMENT_LENGTH: Final = 2000
MAX_ROWS: Final = 10_000
_READS_ONLY: Final = "run sql reads only: select COLUMNS from TABLE [where …]"
_FUNCTIONS: Final = frozenset(
    (
        *("avg", "count", "max", "min", "sum", "total"),
        *("coalesce", "ifnull", "instr", "length", "like", "lower", "nullif"),
        *("ltrim", "rtrim", "substr", "trim", "upper"),
    )
)
"""Such as make nothing much longer than it was, and know nothing of this machine."""
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MAX_STATEMENT_LENGTH * 4,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_STEPS: Final = 10_000
_MOST_TURNS: Final = 1_000
"""Of so many steps of SQLite's machine each: a second or so in all."""


class StatementError(ServiceError):
    """A statement that `run sql` does not take."""

    def __init__(self, reason: str, *, hint: str = _READS_ONLY) -> None:
        super().__init__(reason, hint=hint)


def check_select(statement: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Check a statement without running it.

    Args:
        statement: What was typed.
        columns: The tables that there are.

    Raises:
        StatementError: When it cannot be run over these tables.
    """
    with _scratch(columns) as scratch:
        scratch.execute(f"EXPLAIN {_checked(statement)}")


def run_select(
    statement: str, tables: Mapping[str, Table]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return column names and rows.

    Raises:
        StatementError: When it cannot be run over these tables, takes too long, or
            returns too much.
    """
    text = _checked(statement)
    columns = {name: heads for name, (heads, _) in tables.items()}
    with _scratch(columns) as scratch:
        scratch.execute(f"EXPLAIN {text}")
        for name in sorted(scratch.read):
            scratch.fill(name, columns[name], tables[name][1]())
        cursor = scratch.execute(text)
        rows = cursor.fetchmany(MAX_ROWS + 1)
        heads = tuple(column[0] for column in cursor.description)
    if len(rows) > MAX_ROWS:
        raise StatementError(f"over {MAX_ROWS} rows", hint="narrow it with `where`")
    return heads, [tuple(map(_shown, row)) for row in rows]


def _checked(statement: str) -> str:
    text = statement.strip().removesuffix(";").rstrip()
    if len(text) > MAX_STATEMENT_LENGTH:
        raise StatementError(f"a statement has at most {MAX_STATEMENT_LENGTH} letters")
    if text[:6].lower() != "select" or "\0" in text:
        raise StatementError("the statement does not begin with `select`")
    return text


def _shown(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(slots=True)
class _Scratch:
    """A database in memory that a typed statement may read."""

    connection: sqlite3.Connection
    tables: frozenset[str]
    read: set[str] = field(default_factory=set)
    """The tables that statements have read."""
    turns: int = 0

    def fill(self, name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Put the rows of a table in; the statement is not running yet."""
        places = ", ".join("?" * len(columns))
        self.connection.set_authorizer(None)
        self.connection.executemany(
            f"INSERT INTO {name} VALUES ({places})",  # noqa: S608 - names are our own
            ([row[column] for column in columns] for row in rows),
        )
        self.connection.set_authorizer(self.authorize)

    def execute(self, text: str) -> sqlite3.Cursor:
        """Run a statement that was typed, within its bounds."""
        self.turns = 0
        return self.connection.execute(text)

    def authorize(
        self, action: int, first: str | None, second: str | None, *_: str | None
    ) -> int:
        """Tell SQLite whether a statement may do something."""
        match action:
            case sqlite3.SQLITE_SELECT:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_READ if first in self.tables:
                self.read.add(first)
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_FUNCTION if (second or "").lower() in _FUNCTIONS:
                return sqlite3.SQLITE_OK
            case _:
                return sqlite3.SQLITE_DENY

    def is_too_long(self) -> bool:
        """Count a turn; tell SQLite to stop after too many."""
        self.turns += 1
        return self.turns > _MOST_TURNS


@contextmanager
def _scratch(columns: Mapping[str, Sequence[str]]) -> Iterator[_Scratch]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for name, heads in columns.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(heads)})")
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        for limit, most in _LIMITS.items():
            connection.setlimit(limit, most)
        scratch = _Scratch(connection, frozenset(columns))
        connection.set_authorizer(scratch.authorize)
        connection.set_progress_handler(scratch.is_too_long, _STEPS)
        try:
            yield scratch
        except (sqlite3.Error, sqlite3.Warning, UnicodeError) as error:
            raise _explain(error, sorted(columns)) from None


def _explain(error: Exception, tables: Sequence[str]) -> StatementError:
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_AUTH:
            return StatementError(
                "the statement reads something that is not allowed here"
            )
        case sqlite3.SQLITE_INTERRUPT:
            return StatementError("the statement takes too long", hint="narrow it")
        case _:
            return StatementError(str(error), hint=f"tables: {', '.join(tables)}")
