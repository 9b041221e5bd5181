"""A node takes lists, and notes them later when the database does not take the note."""

import pytest
import structlog
from sqlalchemy import text
from structlog.testing import capture_logs

from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.taken_lists import TakenLists
from tokenless.services.store import nodes

_REFUSAL = (
    "CREATE TRIGGER no_record BEFORE UPDATE OF {columns} ON node_state "
    "BEGIN SELECT RAISE(ABORT, 'no record is taken'); END"
)
_BOTH = "ctl_revision, reset_itl_revision"


def run(lab: Cluster, *statements: str) -> None:
    with lab.store.write_node_state() as connection:
        for statement in statements:
            connection.execute(text(statement))


def refuse(lab: Cluster, columns: str) -> None:
    """Let the database take no note in these columns, and in the others again."""
    run(lab, "DROP TRIGGER IF EXISTS no_record", _REFUSAL.format(columns=columns))


def noted(lab: Cluster) -> tuple[bool, bool]:
    """Tell of which lists, CTL and ITL, the database has a note."""
    with lab.store.read() as connection:
        state = nodes.read_state(connection, lab.publisher.id)
    return bool(state.ctl_revision), bool(state.reset_itl_revision)


@pytest.fixture
def lists(lab: Cluster) -> TakenLists:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    security.reset_itl_localkey(lab, by="test")
    return TakenLists(lab, lab.publisher, structlog.get_logger())


def test_lists_are_taken_once(lab: Cluster, lists: TakenLists) -> None:
    assert lists.take_ctl()
    assert lab.publisher.ctl_file.exists()
    assert noted(lab) == (True, False)
    assert not lists.take_ctl()
    assert lists.take_reset_itl() == lab.publisher.itl_file.read_bytes()
    assert noted(lab) == (True, True)
    assert lists.take_reset_itl() is None
    assert lists.trouble.reason is None


def test_what_was_not_noted_is_noted_later(lab: Cluster, lists: TakenLists) -> None:
    refuse(lab, _BOTH)
    with capture_logs() as told:
        assert lists.take_ctl()
        assert lists.take_reset_itl() == lab.publisher.itl_file.read_bytes()
        lists.record_again()
        assert noted(lab) == (False, False)
        assert "no record is taken" in str(lists.trouble.reason)
        run(lab, "DROP TRIGGER no_record")
        lists.record_again()
    assert noted(lab) == (True, True)
    assert lists.trouble.reason is None
    first, last = told
    assert first["event"] == "a list that was taken cannot be recorded"
    assert first["list"] == "CTL"
    assert last["event"] == "the lists that were taken are recorded again"


def test_a_note_that_was_taken_is_not_tried_again(
    lab: Cluster, lists: TakenLists
) -> None:
    refuse(lab, _BOTH)
    assert lists.take_ctl()
    assert lists.take_reset_itl() is not None
    refuse(lab, "reset_itl_revision")
    lists.record_again()
    assert noted(lab) == (True, False)
    assert "no record is taken" in str(lists.trouble.reason)
    # Were the CTL's tried again, it would fail, and the ITL's wait for it.
    refuse(lab, "ctl_revision")
    lists.record_again()
    assert noted(lab) == (True, True)
    assert lists.trouble.reason is None


def test_which_list_is_not_noted_is_told(lab: Cluster, lists: TakenLists) -> None:
    refuse(lab, "reset_itl_revision")
    with capture_logs() as told:
        assert lists.take_ctl()
        assert lists.take_reset_itl() is not None
    assert [each["list"] for each in told] == ["ITL"]


def test_the_note_of_an_older_list_is_not_tried(
    lab: Cluster, lists: TakenLists
) -> None:
    refuse(lab, _BOTH)
    lists.take_reset_itl()
    security.reset_itl_localkey(lab, by="test")
    refuse(lab, "applied_revision")
    assert lists.take_reset_itl() is not None
    refuse(lab, _BOTH)
    lists.record_again()
    assert lists.trouble.reason is None
