"""A bar and the text beside it in one terminal."""

import re

from tests.rigs.run_in_terminal import run_in_terminal


def test_no_text_is_glued_to_the_bar() -> None:
    status, shown = run_in_terminal("rehearse", "run", "four-flows", "--phones", "3")
    assert status == 0
    assert "━" in shown
    heads = re.findall(r"(.)\d\. [A-Z][^\r\n]*  SAFE, as expected", shown, re.DOTALL)
    assert len(heads) >= 4
    assert set(heads) <= {"\r", "\n"}
