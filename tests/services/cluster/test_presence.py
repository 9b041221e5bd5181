"""Where phones are, as the database has it: never more than the nodes still say."""

import time

import pytest

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import (
    ItlStatus,
    Presence,
    PresenceState,
    read_node_presences,
    read_presences,
)
from tokenless.services.store.nodes import write_state
from tokenless.services.store.parameters import Parameter, write_parameter
from tokenless.services.store.registrations import (
    SILENT_AFTER_S,
    ItlReport,
    RecordedState,
    RegistrationRow,
    TftpItl,
    read_registrations,
    registrations_mark,
    write_itl,
    write_registrations,
)

PHONE = "SEP00000000000A"
MINE, THEIRS = TftpItl.of(b"publisher"), TftpItl.of(b"subscriber")
REGISTERED, ENDED, REJECTED = RecordedState


def say(lab: Cluster, node: int, row: RegistrationRow, seen_s: float = 0.0) -> None:
    with lab.store.write_node_state() as connection:
        node_id = lab.nodes[node].id
        write_registrations(connection, node_id, [row])
        write_state(connection, node_id, seen_at=int(time.time() - seen_s))


def found(lab: Cluster) -> Presence:
    return read_presences(lab, PHONE)[PHONE]


def test_the_node_with_the_registration_counts_then_the_newest(lab: Cluster) -> None:
    say(lab, 0, RegistrationRow(PHONE, ENDED, 900, 16))
    say(lab, 1, RegistrationRow(PHONE, REGISTERED, 100, signalling="SCCP"))
    assert found(lab).words == f"Registered with {lab.nodes[1].name}"
    say(lab, 1, RegistrationRow(PHONE, REJECTED, 901, 28))
    assert found(lab).words == "Rejected (28 securityMismatch)"
    (of_the_publisher,) = read_node_presences(lab, lab.nodes[0])
    assert of_the_publisher.words == "Unregistered (16 duplicateRegistration)"


def test_a_node_that_is_not_seen_has_no_registered_phones(lab: Cluster) -> None:
    row = RegistrationRow(PHONE, REGISTERED, 100)
    say(lab, 0, row, seen_s=SILENT_AFTER_S + 5)
    assert found(lab).state is PresenceState.UNKNOWN
    assert found(lab).reason == f"{lab.nodes[0].name} is not seen"
    say(lab, 1, RegistrationRow(PHONE, REGISTERED, 50))
    assert found(lab).node == lab.nodes[1].name


def test_a_node_whose_clock_was_ahead_is_not_seen_for_longer(lab: Cluster) -> None:
    say(lab, 0, RegistrationRow(PHONE, REGISTERED, 100), seen_s=-3600)
    assert found(lab).state is PresenceState.UNKNOWN


def test_pages_hear_of_a_node_that_falls_silent_and_of_another_itl(
    lab: Cluster,
) -> None:
    say(lab, 0, RegistrationRow(PHONE, REGISTERED, 100))
    marks = []
    for at in (time.time(), time.time() + SILENT_AFTER_S + 5):
        with lab.store.read() as connection:
            marks.append(registrations_mark(connection, at))
    for itl in (MINE, THEIRS):
        with lab.store.write_node_state() as connection:
            write_itl(connection, lab.nodes[0].id, itl, 5)
            marks.append(registrations_mark(connection, time.time()))
    assert len(set(marks)) == 4


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (ItlReport("10.9.9.9", MINE.sha1, 5), ItlStatus.MATCH),
        (ItlReport("PUB", MINE.sha512, 5), ItlStatus.MATCH),
        (ItlReport("PUB", THEIRS.sha1, 5), ItlStatus.MISMATCH),
        (ItlReport("SUB.example.com", THEIRS.sha1, 5), ItlStatus.MATCH),
        (ItlReport("PUB", "0" * 40, 5), ItlStatus.MISMATCH),
        (ItlReport("PUB", "", 5), ItlStatus.NOT_INSTALLED),
        (ItlReport(), ItlStatus.UNKNOWN),
    ],
)
def test_an_itl_is_compared_with_that_of_its_server(
    lab: Cluster, report: ItlReport, status: ItlStatus
) -> None:
    host = report.host.replace("PUB", lab.nodes[0].address)
    report = ItlReport(
        host.replace("SUB", lab.nodes[1].name.upper()), report.digest, report.at
    )
    with lab.store.write_node_state() as connection:
        for node, itl in zip(lab.nodes, (MINE, THEIRS), strict=True):
            write_itl(connection, node.id, itl, 5)
    say(lab, 1, RegistrationRow(PHONE, REGISTERED, 9, itl=report))
    # Release 10.5 shows none.
    assert found(lab).itl is ItlStatus.UNKNOWN
    with lab.store.write_node_state() as connection:
        write_parameter(connection, Parameter.VERSION, "14")
    assert found(lab).itl is status
    say(lab, 1, RegistrationRow(PHONE, ENDED, 10, 13, itl=report))
    assert found(lab).itl is ItlStatus.UNKNOWN


def test_nothing_is_said_of_an_itl_while_no_node_serves_one(lab: Cluster) -> None:
    with lab.store.write_node_state() as connection:
        write_parameter(connection, Parameter.VERSION, "14")
    report = ItlReport("", MINE.sha1, 5)
    say(lab, 0, RegistrationRow(PHONE, REGISTERED, 9, itl=report))
    assert found(lab).itl is ItlStatus.UNKNOWN


@pytest.mark.parametrize(("state", "code"), [("nonsense", 3), ("rejected", 99999)])
def test_what_another_host_wrote_is_shown_as_far_as_it_means_something(
    lab: Cluster, state: str, code: int
) -> None:
    say(lab, 0, RegistrationRow(PHONE, REGISTERED, 9))
    with lab.store.write_node_state() as connection:
        connection.exec_driver_sql(
            f"UPDATE registration SET state = '{state}', code = {code}"  # noqa: S608
        )
        assert read_registrations(connection)[0].rows[0].state is not REGISTERED
    assert found(lab).reason == "unknown"
