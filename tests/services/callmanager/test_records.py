"""What a node writes of its phones: in batches, bounded, and truthful after a fall."""

import time
from collections.abc import Callable

import pytest
import structlog
import trio

from tests.rigs.registrations import CLEAR, DEVICES, Phone
from tests.rigs.waiting import until
from tokenless.protocol.phones.registration import (
    Claim,
    Peer,
    Signalling,
    UnregisterReason,
)
from tokenless.services.callmanager import records as module
from tokenless.services.callmanager.records import RegistrationRecords
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Absence, Request
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.presence import read_presences
from tokenless.services.errors import ServiceError
from tokenless.services.store.access import one_writer
from tokenless.services.store.nodes import write_state
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import (
    NodeRegistrations,
    RecordedState,
    RegistrationRow,
    database_time,
    read_alarms,
    read_registrations,
    registrations_mark,
    write_registrations,
)


@pytest.fixture
def records(lab: Cluster) -> RegistrationRecords:
    return RegistrationRecords(
        lab.store, lab.publisher.id, clock=lambda: 100.0, log=structlog.get_logger()
    )


def written(lab: Cluster) -> dict[str, RegistrationRow]:
    with lab.store.read() as connection:
        found = read_registrations(connection)
    return {row.device: row for each in found for row in each.rows}


def absent(device: str, *, is_known: bool = True) -> Absence:
    reason = UnregisterReason.KEEPALIVE_TIMEOUT
    return Absence(device, "127.0.0.1", 7, reason=reason, is_known=is_known)


def registrar_for(note: Callable[..., None]) -> Registrar:
    return Registrar(DEVICES.get, clock=lambda: 5, max_devices=9, on_change=note)


async def test_the_newest_of_many_changes_is_written(
    lab: Cluster, records: RegistrationRecords
) -> None:
    registrar, phone = registrar_for(records.note), Phone()
    request = Request(Claim(CLEAR, Signalling.SCCP), Peer(), "127.0.0.1", "L" * 99)
    for _ in range(3):
        registrar.register(request, phone)
        registrar.unregister(CLEAR, phone, UnregisterReason.DEVICE_UNREGISTERED)
    registrar.register(request, phone)
    await records.finish()
    row = written(lab)[CLEAR]
    assert (row.state, row.at, row.load) == (
        RecordedState.REGISTERED,
        5,
        "L" * 64,
    )


def test_pages_hear_of_an_alarm_and_a_node_recalls_its_own(lab: Cluster) -> None:
    def said(*texts: str) -> RegistrationRow:
        alarms = tuple(PhoneAlarmNote(7, text) for text in texts)
        return RegistrationRow(CLEAR, RecordedState.REGISTERED, 3, alarms=alarms)

    here, there = (node.id for node in lab.nodes)
    marks = []
    for rows in ([said()], [said("one")], [said("one", "two")]):
        with lab.store.write_node_state() as connection:
            write_registrations(connection, here, rows)
            marks.append(registrations_mark(connection, 0.0))
    assert len(set(marks)) == 3
    with lab.store.read() as connection:
        assert read_alarms(connection, here) == {CLEAR: rows[0].alarms}
        assert read_alarms(connection, there) == {}


async def test_a_node_that_was_killed_ends_its_old_registrations_first(
    lab: Cluster, records: RegistrationRecords
) -> None:
    mine = RegistrationRow(CLEAR, RecordedState.REGISTERED, 3)
    with lab.store.write_node_state() as connection:
        for node in lab.nodes:
            write_registrations(connection, node.id, [mine])
    await records.finish()
    with lab.store.read() as connection:
        here, there = read_registrations(connection, CLEAR)
    assert (here.rows[0].state, here.rows[0].code, here.rows[0].at) == (
        RecordedState.UNREGISTERED,
        UnregisterReason.CALLMANAGER_FORCED_RESTART,
        100,
    )
    assert there.rows == (mine,)
    assert there.is_silent(time.time())
    assert not here.is_silent(time.time())


async def test_names_that_the_cluster_does_not_know_are_not_written(
    lab: Cluster, records: RegistrationRecords
) -> None:
    records.note(absent("SEPFFFFFFFFFFFF", is_known=False))
    records.note(absent("X" * 129))
    records.note(absent(CLEAR))
    await records.finish()
    assert list(written(lab)) == [CLEAR]


async def test_only_so_many_absent_phones_are_kept(
    lab: Cluster, records: RegistrationRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FAILURES", 5)
    for number in range(9):
        records.note(absent(f"X{number}"))
    await records.finish()
    assert list(written(lab)) == [f"X{number}" for number in range(4, 9)]


async def test_changes_wait_while_the_database_is_away(
    lab: Cluster, records: RegistrationRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise ServiceError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(lab.store, "write_node_state", away)
        records.note(absent("X1"))
        await records.finish()
        records.note(absent("X2"))
        await records.finish()
    assert written(lab) == {}
    await records.finish()
    assert set(written(lab)) == {"X1", "X2"}


async def test_a_database_that_takes_no_change_holds_up_no_end(
    shared: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As while the standby is away for which it waits with each commit."""
    monkeypatch.setattr(one_writer, "ANSWER_S", 0.2)
    monkeypatch.setattr(module, "SEEN_EVERY_S", 0.01)
    records = RegistrationRecords(
        shared.store, shared.publisher.id, clock=time.time, log=structlog.get_logger()
    )
    said = ""

    def has_said() -> bool:
        nonlocal said
        said += "".join(capsys.readouterr())
        return "registrations cannot be written" in said

    with shared.store.change("change", "held", by="test") as change:
        write_state(change.connection, shared.publisher.id, seen_at=1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(records.run)
            await until(has_said)
            records.note(absent("X1"))
            nursery.cancel_scope.cancel()
        await records.finish()
    assert "takes no change" in said
    # Once it does, what was to be written is.
    while set(written(shared)) != {"X1"}:
        await records.finish()


@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_another_clock_of_a_host_changes_nothing(
    shared: Cluster, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    records = RegistrationRecords(
        shared.store, shared.publisher.id, clock=lambda: 7.0, log=structlog.get_logger()
    )
    request = Request(Claim(CLEAR, Signalling.SCCP), Peer(), "127.0.0.1", "L")
    registrar_for(records.note).register(request, Phone())
    right = time.time
    with monkeypatch.context() as there:
        there.setattr(time, "time", lambda: right() + ahead_s)
        await records.finish()
    assert read_presences(shared)[CLEAR].is_registered
    # It was killed a minute ago: its last word does not count for an hour.
    with shared.store.write_node_state() as connection:
        a_minute_ago = int(database_time(connection) - 60)
        write_state(connection, shared.publisher.id, seen_at=a_minute_ago)
    assert not read_presences(shared)[CLEAR].is_registered


async def test_a_node_that_serves_is_seen_again_and_again(
    lab: Cluster, records: RegistrationRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEEN_EVERY_S", 0.01)

    def seen() -> NodeRegistrations:
        with lab.store.read() as connection:
            return read_registrations(connection)[0]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(records.run)
        await until(lambda: not seen().is_silent(time.time()))
        nursery.cancel_scope.cancel()
    assert seen().is_silent(time.time() + 60)
