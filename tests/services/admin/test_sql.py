"""`run sql`: what it reads, what it refuses, how it lays out."""

import contextlib
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.services.admin.command import columns
from tokenless.services.admin.sql import (
    Row,
    StatementError,
    Table,
    check_select,
    run_select,
)

CONFIG: list[Row] = [
    {"paramname": "ClusterSecurityMode", "paramvalue": "0"},
    {"paramname": "ClusterID", "paramvalue": "StandAlone"},
]
AUDIT: list[Row] = [{"revision": value} for value in (10, 9, None, 100)]
MANY: list[Row] = [{"a": number} for number in range(20_000)]


def forbidden() -> Sequence[Row]:
    raise AssertionError("no statement of these tests reads this table")


TABLES: dict[str, Table] = {
    "processconfig": (("paramname", "paramvalue"), lambda: CONFIG),
    "audit": (("revision",), lambda: AUDIT),
    "many": (("a",), lambda: MANY),
    "unread": (("secret",), forbidden),
}
COLUMNS = {name: heads for name, (heads, _) in TABLES.items()}


def test_the_vendors_statement_and_layout() -> None:
    heads, rows = run_select(
        "select paramname,paramvalue from processconfig"
        " where paramname='ClusterSecurityMode'",
        TABLES,
    )
    assert columns(heads, rows) == (
        "paramname           paramvalue\n"
        "=================== ==========\n"
        "ClusterSecurityMode 0"
    )


SELECTIONS = {
    "SELECT * FROM ProcessConfig": ["0", "StandAlone"],
    "select paramvalue from processconfig order by paramname": ["StandAlone", "0"],
    "select paramvalue from processconfig order by paramvalue desc;": [
        "StandAlone",
        "0",
    ],
    "select paramvalue from processconfig where paramname != 'ClusterID'": ["0"],
    "select paramvalue from processconfig where paramname like '%ID'": ["StandAlone"],
    "select paramvalue from processconfig where paramname like '%id'": [],
    "select paramvalue from processconfig where paramname like 'C%'"
    " and paramvalue <> '0'": ["StandAlone"],
    "select paramvalue from processconfig where paramname='it''s'": [],
    "select revision from audit order by revision": ["", "9", "10", "100"],
    "select count(*) from many": ["20000"],
    "select lower(p.paramvalue) from processconfig p, audit a where a.revision = 9"
    " order by 1": ["0", "standalone"],
    "select max(revision) from (select revision from audit)": ["100"],
}


@pytest.mark.parametrize("statement", SELECTIONS)
def test_selections(statement: str) -> None:
    check_select(statement, COLUMNS)
    _, rows = run_select(statement, TABLES)
    assert [row[-1] for row in rows] == SELECTIONS[statement]


REFUSALS = {
    "": "does not begin with `select`",
    "update processconfig set paramvalue=1": "does not begin with `select`",
    "pragma database_list": "does not begin with `select`",
    "attach 'x' as y": "does not begin with `select`",
    "with recursive c(x) as (select 1) select * from c": "does not begin with `select`",
    "select": "incomplete input",
    "select from from from": "syntax error",
    "select paramname from": "incomplete input",
    "select * from processconfig; drop table audit": "one statement",
    "select * from processconfig where paramname='x": "unrecognized token",
    "select * from nowhere": "no such table: nowhere",
    "select * from sqlite_master": "is not allowed here",
    "select * from sqlite_schema": "is not allowed here",
    "select * from pragma_database_list": "not authorized|is not allowed here",
    "select * from dbstat": "not authorized|is not allowed here|no such table"
    "|vtable constructor failed",
    "select password from processconfig": "no such column: password",
    "select load_extension('x')": "not authorized to use function",
    "select readfile('/etc/passwd')": "no such function",
    "select zeroblob(1000000000)": "not authorized to use function",
    "select randomblob(1000000000)": "not authorized to use function",
    "select printf('%999999999d', 1)": "not authorized to use function",
    "select group_concat(a) from many": "not authorized to use function",
    "select * from (with recursive c(x) as (select 1 union all select x+1 from c)"
    " select * from c)": "is not allowed here",
    "select " + "a," * 2000 + "a from processconfig": "at most 2000",
    "select '\0'": "does not begin",
}


@pytest.mark.parametrize("statement", REFUSALS)
def test_refusals(statement: str) -> None:
    with pytest.raises(StatementError, match=REFUSALS[statement]):
        run_select(statement, TABLES)
    with pytest.raises(StatementError):
        check_select(statement, COLUMNS)


def test_deep_brackets_are_refused_or_computed() -> None:
    """SQLite's parser has a stack of 100 entries, since 3.46 one that grows."""
    said = ""
    try:
        _, rows = run_select("select " + "(" * 900 + "1" + ")" * 900, TABLES)
    except StatementError as error:
        said = str(error)
    else:
        assert rows == [("1",)]
    assert not said or re.search("too large|stack overflow|depth", said)


def test_a_statement_that_would_take_for_ever_is_stopped() -> None:
    with pytest.raises(StatementError, match="takes too long"):
        run_select("select count(*) from many a, many b, many c", TABLES)
    with pytest.raises(StatementError, match="over 10000 rows"):
        run_select("select a.a from many a, many b", TABLES)


def test_a_pattern_of_many_parts_is_compared_without_trying_all_ways() -> None:
    rows: list[Row] = [{"a": "a" * 200}]
    pattern = "%a" * 40 + "%z"
    found = run_select(
        f"select a from t where a like '{pattern}'",  # noqa: S608
        {"t": (("a",), lambda: rows)},
    )
    assert found == (("a",), [])


@given(st.text(max_size=200))
def test_any_text_is_run_or_refused(text: str) -> None:
    with contextlib.suppress(StatementError):
        run_select(f"select {text}", TABLES)


WORDS = (
    *("select", "from", "where", "and", "order", "by", "desc", "like", "=", ",", "*"),
    *("'a''b'", "paramname", "processconfig", "'", "unread.secret", "union", "limit"),
    *("(", ")", "1", "x'00'", "--", "/*", ";", "values", "exists", "audit", "vacuum"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_any_words_are_run_or_refused(words: list[str]) -> None:
    with contextlib.suppress(StatementError, AssertionError):
        run_select(" ".join(["select", *words]), TABLES)


def test_nothing_of_a_file_is_opened(tmp_path: Path) -> None:
    """The scratch database is nobody's file, whatever is typed."""
    file = f"{tmp_path}/x.db"
    sqlite3.connect(file).close()
    with pytest.raises(StatementError):
        run_select(f"select * from '{file}'", TABLES)  # noqa: S608
