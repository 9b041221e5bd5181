"""A number of thousands of digits is refused like any other wrong number.

Python raises a ValueError of its own for it, which nobody who reads texts expects.
"""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.protocol.test_show_text_words import TEXT
from tests.rigs.shown_texts import parse_shown_list
from tokenless.ground.toml_files import load_toml
from tokenless.phone_emulator.rehearsal.importing.sources.models import real_model
from tokenless.phone_emulator.rehearsal.importing.sources.phones import phones_of
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.errors import TokenlessError
from tokenless.services.changes.device_import import read_devices_csv
from tokenless.services.cli.file.list_description import parse_version
from tokenless.services.cli.tvs import ServerAddressType

BIG = "9" * 5000


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("65535", 65535),
        ("00065535", 65535),
        ("0" * 5000 + "7", 7),
        ("65536", None),
        (BIG, None),
        ("", None),
        ("-1", None),
        ("1 ", None),
        ("\u0661", None),
        ("\u00b9", None),
    ],
)
def test_a_number_is_ascii_digits_up_to_the_most(text: str, number: int | None) -> None:
    assert read_decimal(text, 65535) == number


def toml(folder: Path) -> object:
    path = folder / "a.toml"
    path.write_text(f"a = {BIG}\n")
    return load_toml(path)


READERS: dict[str, Callable[[Path], object]] = {
    "TOML": toml,
    "a role of a pasted list": lambda _: parse_shown_list(
        TEXT.replace("2       CAPF\n", f"2       {BIG}\n")
    ),
    "a count of phones": lambda _: phones_of(f"model,count\n8861,{BIG}\n", "a"),
    "days of a rehearsal": lambda _: parse_action(f"time pass {BIG}"),
    "a version of a list": lambda _: parse_version(f"1.{BIG}"),
    "a key size of devices": lambda _: read_devices_csv(
        f"name,key_size\nSEP001122334455,{BIG}\n".encode(), "a.csv"
    ),
}


@pytest.mark.parametrize("what", READERS)
def test_it_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    with pytest.raises(TokenlessError) as refused:
        READERS[what](tmp_path)
    said = refused.value.explain()
    assert "9" * 20 in said or "too long" in said
    assert "sys.set_int_max_str_digits" not in said


def test_a_model_of_so_many_digits_is_unknown() -> None:
    assert real_model(BIG).like is None
    assert real_model("437").like == "7975"


def test_a_port_of_so_many_digits_is_none() -> None:
    with pytest.raises(click.BadParameter, match="no port in range"):
        ServerAddressType().convert(f"127.0.0.1:{BIG}", None, None)
