"""Numbers of things in words."""

import pytest

from tokenless.ground.counting import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 phones"), (1, "1 phone"), (2, "2 phones")]
)
def test_one_thing_is_said_in_the_singular(number: int, words: str) -> None:
    assert counted(number, "phone") == words


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert counted(2, "query", "queries") == "2 queries"
