"""Two orders of the vendor for one change, side by side (REFERENCE-2 3.3, 3.4)."""

import json

import pytest

from tests.rigs.run_cli import run_cli

ORDERS = ("order-of-the-guide", "order-of-tac")


@pytest.mark.parametrize("variant", ["14SU3", "15"])
def test_the_guides_order_and_tacs_order(variant: str) -> None:
    names = [f"{order}@{variant}" for order in ORDERS]
    run = ("rehearse", "run", *names, "--phones", "8", "--jobs", "1", "--compare")
    status, out, err = run_cli(*run, "--real-phones", "4000", "--json")
    assert status == 0, err
    guide, tac = json.loads(out)["comparison"]
    for order in (guide, tac):
        assert order["stuck_at_worst"] == 0
        assert order["at_another_moment"] == 0
        assert order["resets"]["automatic"] >= 2 * 8
        (silence,) = order["without_dial_tone"]
        assert (silence["group"], silence["phones"]) == ("encrypted", 4)
        assert silence["to_step"] is not None
    (early,), (late,) = guide["without_dial_tone"], tac["without_dial_tone"]
    lasts = [each["to_step"] - each["from_step"] for each in (early, late)]
    assert lasts[0] < lasts[1]
    for each in (early, late):
        assert 0 <= each["measured_s"]["least"] < each["measured_s"]["most"]
    # The order of TAC resets phones by hand between, too.
    assert early["computed_s"] < late["computed_s"]
    assert "4000 phones reset 500 at a time" in guide["assumptions"]
    assert guide["resets"]["by_hand"] < tac["resets"]["by_hand"]


def test_the_table_has_a_column_for_each() -> None:
    names = [f"{order}@15" for order in ORDERS]
    run = ("rehearse", "run", *names, "--phones", "2", "--jobs", "1", "--compare")
    status, out, err = run_cli(*run)
    assert status == 0, err
    rows = "without dial tone", "automatic resets", "stuck at the end"
    for words in (*rows, "(measured)", "(computed)", "2 phones reset"):
        assert words in out
