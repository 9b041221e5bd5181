"""A plan on its page: what comes of the change, said without a terminal's options."""

from datetime import UTC, datetime

from tokenless.phone_emulator.studio.guided import guided_study
from tokenless.phone_emulator.studio.worker import plan_result


def test_a_plan_speaks_of_pages_and_not_of_options() -> None:
    cluster = guided_study(datetime.now(UTC)).cluster
    assert cluster is not None
    goal = "regenerate CallManager, TVS"
    made = plan_result(cluster.script, goal, phones=4, timeout_s=20.0)
    assert made.runbook is not None
    book = made.runbook
    rows = [cell for row in book.rows for cell in row]
    said = " ".join([*rows, *book.remarks, *book.before, *book.after, *book.rescue])
    assert "--" not in said
    assert "tokenless " not in said
    assert "page Your cluster" in said
    (verdict,) = made.at_once_in_short
    assert "locks out office, branch" in verdict
