"""Phones of a cluster as `run sql` prints them in a node's shell (REFERENCE-5 2.4)."""

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.phones import phones_of

TABLE = """\
name            enum  model       protocol profile
=============== ===== =========== ======== =============================
SEP0011AA220001 437   Cisco 7975  SCCP     Cisco 7975 - Standard, by hand
SEP0011AA220002 36224 Cisco 8845  SIP
SEP0011AA220003 36224 Cisco 8845  SIP      8845 encrypted
SEP0011AA220003 36224 Cisco 8845  SIP      8845 encrypted
Template        645   Universal D SIP
"""


def counted(text: str) -> dict[str, int]:
    return {kind.model: kind.count for kind in phones_of(text, "a").kinds}


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        f"admin:run sql …\n{TABLE}\nadmin:\nexit\n",
        TABLE.replace("\n", "   \n"),
        f"\n{TABLE}\n\n",
    ],
    ids=["alone", "of a terminal's log", "blanks at the end", "blank lines"],
)
def test_rows_stand_in_columns_under_the_line(text: str) -> None:
    assert counted(text) == {"7975": 1, "8845": 2}


def test_a_line_that_was_wrapped_is_refused_where_it_is() -> None:
    text = TABLE.replace("437   Cisco", "437 Cisco")
    with pytest.raises(PhoneError) as found:
        phones_of(text, "a.txt")
    assert str(found.value).startswith("a.txt, line 3: 'SEP0011AA220001 437 Cisco 7975")
    assert (
        found.value.hint == "lines were wrapped, or blanks lost; save the output anew"
    )


def test_a_second_table_is_not_left_out_in_silence() -> None:
    """As of a log in which each device pool was asked for."""
    text = f"admin:run sql 1\n{TABLE}\nadmin:run sql 2\n{TABLE}\nadmin:\n"
    with pytest.raises(PhoneError) as found:
        phones_of(text, "a.txt")
    assert str(found.value) == "a.txt, line 12: a second table"
    assert found.value.hint == "save the output of one command, with all phones"


def test_a_table_without_models_is_refused() -> None:
    with pytest.raises(PhoneError, match="no column for the model: its first line"):
        phones_of("name\n====\nSEP0011AA220001\n", "a.txt")


def test_a_line_of_equal_signs_at_the_top_is_no_ruler() -> None:
    with pytest.raises(PhoneError, match="no column for the model"):
        phones_of("====\nname,model\nSEP1,7975\n", "a.txt")
