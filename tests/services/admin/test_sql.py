"""`run sql`: what it reads, what it refuses, how it lays out."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.services.admin.layout import columns
from tokenless.services.admin.sql import (
    Condition,
    Select,
    StatementError,
    parse_select,
    run_select,
)

CONFIG = [
    {"paramname": "ClusterSecurityMode", "paramvalue": "0"},
    {"paramname": "ClusterID", "paramvalue": "StandAlone"},
]
TABLES = {"processconfig": (("paramname", "paramvalue"), lambda: CONFIG)}


def test_the_vendors_statement_and_layout() -> None:
    heads, rows = run_select(
        parse_select(
            "select paramname,paramvalue from processconfig"
            " where paramname='ClusterSecurityMode'"
        ),
        TABLES,
    )
    assert columns(heads, rows) == (
        "paramname           paramvalue\n"
        "=================== ==========\n"
        "ClusterSecurityMode 0"
    )


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT * FROM processconfig", ["0", "StandAlone"]),
        (
            "select paramvalue from processconfig order by paramname",
            ["StandAlone", "0"],
        ),
        (
            "select paramvalue from processconfig order by paramvalue desc;",
            ["StandAlone", "0"],
        ),
        ("select paramvalue from processconfig where paramname != ClusterID", ["0"]),
        (
            "select paramvalue from processconfig where paramname like '%ID'",
            ["StandAlone"],
        ),
        (
            (
                "select paramvalue from processconfig where paramname like 'C%'"
                " and paramvalue <> '0'"
            ),
            ["StandAlone"],
        ),
        ("select paramvalue from processconfig where paramname='it''s'", []),
    ],
)
def test_selections(statement: str, values: list[str]) -> None:
    _, rows = run_select(parse_select(statement), TABLES)
    assert [row[-1] for row in rows] == values


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("StandAlone", True),
        ("%", True),
        ("%%", True),
        ("Stand%", True),
        ("%Alone", True),
        ("S%d%l%e", True),
        ("%nd%on%", True),
        ("StandAlone%", True),
        ("%StandAlone", True),
        ("Stand", False),
        ("Stand%alone", False),
        ("%Alone%Stand%", False),
        ("StandAl%lone", False),
        ("%n%n%n%", False),
        ("S.*e", False),
    ],
)
def test_like(pattern: str, *, found: bool) -> None:
    row = {"paramvalue": "StandAlone"}
    assert Condition("paramvalue", "like", pattern).holds(row) is found


def test_a_pattern_of_many_parts_is_compared_without_trying_all_ways() -> None:
    row = {"paramvalue": "a" * 200}
    assert not Condition("paramvalue", "like", "%a" * 40 + "%z").holds(row)


def test_numbers_are_ordered_as_numbers() -> None:
    values = ("10", "9", "", "100")
    rows = [{"revision": value} for value in values]
    tables = {"audit": (("revision",), lambda: rows)}
    for statement, wanted in (
        ("select * from audit order by revision", ["", "9", "10", "100"]),
        ("select * from audit order by revision desc", ["100", "10", "9", ""]),
    ):
        _, found = run_select(parse_select(statement), tables)
        assert [row[0] for row in found] == wanted


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("", "`select` is missing"),
        ("update processconfig set paramvalue=1", "`select` is missing"),
        ("select paramname", "`from` is missing"),
        ("select from from from", "no table from"),
        ("select paramname from", "ends where a table"),
        ("select * from processconfig; drop table device", "not a table|cannot read"),
        ("select * from processconfig where paramname", "ends where"),
        ("select * from processconfig where paramname > 1", "cannot read|not one of"),
        ("select * from processconfig where paramname='x", "cannot read"),
        ("select * from sqlite_master", "no table sqlite_master"),
        ("select password from processconfig", "no column password"),
        ("select * from processconfig where x=1", "no column x"),
        ("select * from processconfig order by x", "no column x"),
        ("select paramname -- from processconfig", "`from` is missing"),
        ("select " + "a," * 2000 + "a from processconfig", "at most 2000"),
    ],
)
def test_refusals(statement: str, reason: str) -> None:
    with pytest.raises(StatementError, match=reason):
        run_select(parse_select(statement), TABLES)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(StatementError):
        parse_select(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "select",
                "from",
                "where",
                "and",
                "order",
                "by",
                "desc",
                "like",
                "=",
                ",",
                "*",
                "'a''b'",
                "paramname",
                "processconfig",
                "'",
            ]
        ),
        max_size=14,
    )
)
def test_any_words_are_parsed_or_refused(words: list[str]) -> None:
    with contextlib.suppress(StatementError):
        parse_select(" ".join(words))


def test_a_parsed_statement() -> None:
    assert parse_select("select a,b from t where a='x y' order by b desc") == Select(
        ("a", "b"), "t", (Condition("a", "=", "x y"),), "b", descending=True
    )
