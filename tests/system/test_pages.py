"""The tutorial and the four flows show what comes back, typed line by line."""

from pathlib import Path

import pytest

from tests.system.transcript import (
    Comparable,
    exchanges,
    serving_a_page,
    shell_beside,
)

DOCS = Path(__file__).parents[2] / "docs"
FLOWS = sorted((DOCS / "flows").glob("[0-9]*.md"))


def test_there_is_a_page_for_each_flow() -> None:
    assert [page.name[:2] for page in FLOWS] == ["1-", "2-", "3-", "4-"]


@pytest.mark.parametrize(
    "page", [DOCS / "tutorial.md", *FLOWS], ids=lambda page: page.stem
)
def test_a_page_shows_what_comes_back(page: Path, tmp_path: Path) -> None:
    shown = list(exchanges(page.read_text()))
    assert shown
    expected, found = Comparable(), Comparable()
    with serving_a_page(tmp_path) as served, shell_beside(served) as shell:
        for exchange in shown:
            printed = shell.run(exchange.command)
            assert found.of(printed) == expected.of(exchange.output), exchange.command
