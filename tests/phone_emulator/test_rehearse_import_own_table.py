"""A table of phones of one's own: all of it is accounted for, and counted."""

import json
from pathlib import Path

import pytest

from tests.phone_emulator.test_rehearse_import import MIXED, write
from tests.phone_emulator.test_rehearse_import_phones import refused
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.importing.sources.lists import SourceLineError

OWN = (
    "the columns of a table of your own are model, device pool, count and status; "
    "exports of BAT and RIS, which have more, have one for the device's name"
)
NO_NUMBER = "write it into each row, or leave the column out: one phone a row"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (
            "model;device pool;number\n8861;X;3\n",
            " has an unknown column 'number'",
            OWN,
        ),
        ("model,pol\n8861,X\n", " has an unknown column 'pol'", OWN),
        (
            "model,count,phones\n8861,1,3\n",
            " has the columns 'count' and 'phones', which mean the same",
            OWN,
        ),
        (
            "model,device pool\n8861,X,3\n",
            ", line 2: '3' stands in no column that has a name",
            OWN,
        ),
        (
            "model,,count\n8861,X,3\n",
            ", line 2: 'X' stands in no column that has a name",
            OWN,
        ),
        (
            "model,count\n8861,3\n8851\n",
            ", line 3: the row has no number of phones",
            NO_NUMBER,
        ),
    ],
)
def test_all_of_a_table_of_ones_own_is_accounted_for(
    text: str, said: str, hint: str
) -> None:
    error = refused(text)
    assert (str(error), error.hint) == (f"a.csv{said}", hint)
    if isinstance(error, SourceLineError):
        assert f", line {error.line}:" in said
    else:
        assert ", line " not in said


def test_what_is_quoted_of_a_table_has_an_end() -> None:
    unknown, stray = (
        refused(f"model,{'x' * 99}\n"),
        refused(f"model\n8861,{'y' * 99}\n"),
    )
    assert f" {'x' * 30!r}" in str(unknown)
    assert f" {'y' * 20!r} " in str(stray)


def test_a_first_line_that_is_no_csv_is_called_line_1() -> None:
    error = refused('model,"count\n8861,3\n')
    assert isinstance(error, SourceLineError)
    assert error.line == 1
    assert str(error).startswith("a.csv, line 1: ")


def test_the_import_says_how_many_phones_it_took(tmp_path: Path) -> None:
    table = tmp_path / "phones.csv"
    table.write_text("model,device pool,count\n8861,HQ,3\n7975,HQ,1\n8861,,1\n")
    ctl = write(tmp_path / "ctl.tlv", MIXED.ctl())
    words = ("rehearse", "import", "--ctl", str(ctl), "--phones", str(table), "--json")
    status, out, err = run_cli(*words)
    assert (status, json.loads(out)["phones"]) == (0, 5)
    said = "5 phones of the table: HQ: 3 8861, 1 7975; no device pool: 1 8861"
    assert said in err.splitlines()
