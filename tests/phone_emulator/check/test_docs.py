"""The catalogue has every finding, and docs/check.md has the catalogue."""

import re
from pathlib import Path

from tokenless.phone_emulator.check.findings.catalogue import CATALOGUE
from tokenless.phone_emulator.check.findings.codes import Code
from tokenless.protocol.trust import lint
from tools.check_page import PAGE, renew

CODE = re.compile(r'"([a-z]+(?:-[a-z]+)+|expired)"')


def test_the_table_is_up_to_date() -> None:
    text = PAGE.read_text()
    assert renew(text) == text, "run: python -m tools.check_page"


def test_the_catalogue_is_whole() -> None:
    assert set(CATALOGUE) == set(Code)
    for code, entry in CATALOGUE.items():
        assert entry.meaning, code
        assert (entry.milder is None) == (not entry.milder_when), code


def test_what_a_list_is_blamed_for_is_in_the_catalogue() -> None:
    found = set(CODE.findall(Path(lint.__file__).read_text()))
    assert len(found) > 15
    assert found <= {code.value for code in Code}
