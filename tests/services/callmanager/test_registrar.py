"""Who is registered: one registration a device, and how it ends."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.rigs.registrations import CLEAR, DEVICES, SECURE, TLS, Phone
from tokenless.protocol.phones.registration import (
    Claim,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.services.callmanager.alarms import QUOTA, AlarmIntake
from tokenless.services.callmanager.registrar import MAX_FAILURES, Registrar
from tokenless.services.callmanager.registration import Absence, Registration, Request
from tokenless.services.store.phone_alarms import PhoneAlarmNote


class Office:
    """A registrar whose time a test moves, and all that it reported."""

    def __init__(self, max_devices: int = 10) -> None:
        self.now = 100
        self.changes: list[Registration | Absence] = []
        self.registrar = Registrar(
            DEVICES.get,
            clock=lambda: self.now,
            max_devices=max_devices,
            on_change=self.changes.append,
        )

    def register(self, device: str, phone: Phone, peer: Peer = Peer()) -> object:  # noqa: B008
        claim = Claim(device, Signalling.SCCP)
        return self.registrar.register(Request(claim, peer, "127.0.0.1"), phone)


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_device_registers_and_is_found(office: Office) -> None:
    phone = Phone()
    assert office.register(CLEAR, phone) is None
    found = office.registrar.find(CLEAR)
    assert found is not None
    assert (found.device, found.address, found.since) == (CLEAR, "127.0.0.1", 100)
    assert office.registrar.station(CLEAR) is phone
    assert [each.device for each in office.registrar.registrations()] == [CLEAR]
    assert office.changes == [found]


def test_a_refresh_keeps_its_age_and_is_no_change(office: Office) -> None:
    phone = Phone()
    office.register(CLEAR, phone)
    office.now = 500
    assert office.register(CLEAR, phone) is None
    found = office.registrar.find(CLEAR)
    assert found is not None
    assert found.since == 100
    assert len(office.changes) == 1
    assert phone.dismissed == []


def test_of_devices_with_one_number_the_secure_one_is_called(office: Office) -> None:
    """Otherwise a phone in clear takes calls by a name that ends alike."""
    office.register(CLEAR, Phone())
    assert office.registrar.preferred([CLEAR, SECURE]) == CLEAR
    office.register(SECURE, Phone(), TLS)
    assert office.registrar.preferred([CLEAR, SECURE]) == SECURE
    assert office.registrar.preferred([CLEAR, "SEP00000000FFFF"]) == CLEAR


def test_the_last_alarms_outlive_their_registration(office: Office) -> None:
    phone, other = Phone(), Phone()
    assert not office.registrar.note_alarm(CLEAR, phone, "too early")
    office.register(CLEAR, phone)
    assert not office.registrar.note_alarm(CLEAR, other, "another's")
    for number in range(5):
        assert office.registrar.note_alarm(CLEAR, phone, f"{number}" * 1000)
    texts = [str(number) * 256 for number in (2, 3, 4)]
    reason = UnregisterReason.DEVICE_UNREGISTERED
    office.registrar.unregister(CLEAR, phone, reason)
    (absence,) = office.registrar.absences()
    assert [each.text for each in absence.alarms] == texts
    office.register(CLEAR, other)
    found = office.registrar.find(CLEAR)
    assert found is not None
    assert [each.text for each in found.alarms] == texts


def test_alarms_of_an_earlier_process_are_kept(office: Office) -> None:
    old = PhoneAlarmNote(1, "10: Last=TCP-timeout")
    office.registrar.recall_alarms({CLEAR: (old,)})
    phone = Phone()
    office.register(CLEAR, phone)
    office.registrar.note_alarm(CLEAR, phone, "new")
    assert office.changes[0].alarms == (old,)
    assert [each.text for each in office.changes[1].alarms] == [old.text, "new"]


def test_alarms_of_before_a_registration_are_said_once(office: Office) -> None:
    phone, texts = Phone(), [f"{number}" for number in range(QUOTA + 1)]
    intake = AlarmIntake(office.registrar)
    for text in texts[:3]:
        intake.take(phone, None, lambda text=text: text)  # type: ignore[misc]
    for device, peer in ((CLEAR, Peer()), (SECURE, TLS)):
        office.register(device, phone, peer)
        intake.registered(phone, device)
    for text in texts[3:]:
        intake.take(phone, SECURE, lambda text=text: text)  # type: ignore[misc]
    kept = {
        each.device: [note.text for note in each.alarms]
        for each in office.registrar.registrations()
    }
    assert kept == {CLEAR: texts[:3], SECURE: texts[QUOTA - 3 : QUOTA]}


async def test_waiting_until_the_last_phone_has_left(office: Office) -> None:
    await office.registrar.until_empty()
    phones = {CLEAR: Phone(), SECURE: Phone()}
    office.register(CLEAR, phones[CLEAR])
    office.register(SECURE, phones[SECURE], TLS)
    left: list[int] = []

    async def wait() -> None:
        await office.registrar.until_empty()
        left.append(len(office.registrar))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for device, phone in phones.items():
            await wait_all_tasks_blocked()
            assert left == []
            reason = UnregisterReason.DEVICE_UNREGISTERED
            office.registrar.unregister(device, phone, reason)
    assert left == [0]


def test_another_connection_takes_a_device_over(office: Office) -> None:
    old, new = Phone(), Phone()
    office.register(CLEAR, old)
    assert office.register(CLEAR, new) is None
    assert old.dismissed == [UnregisterReason.DUPLICATE_REGISTRATION]
    assert not office.registrar.unregister(
        CLEAR, old, UnregisterReason.CONNECTIVITY_ERROR
    )
    assert office.registrar.station(CLEAR) is new


def test_a_claim_in_clear_never_ends_a_secure_registration(office: Office) -> None:
    phone = Phone()
    assert office.register(SECURE, phone, TLS) is None
    failure = office.register(SECURE, Phone())
    assert failure is RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
    assert phone.dismissed == []
    assert office.registrar.station(SECURE) is phone
    assert list(office.registrar.absences()) == []


def test_a_refused_device_is_remembered_with_the_reason(office: Office) -> None:
    assert office.register(SECURE, Phone()) is RegisterFailure.SECURITY_MISMATCH
    assert office.register("SEPFFFFFFFFFFFF", Phone()) is (
        RegisterFailure.NO_ENTRY_IN_DATABASE
    )
    failures = {each.device: each.failure for each in office.registrar.absences()}
    assert failures == {
        SECURE: RegisterFailure.SECURITY_MISMATCH,
        "SEPFFFFFFFFFFFF": RegisterFailure.NO_ENTRY_IN_DATABASE,
    }
    assert office.register(SECURE, Phone(), TLS) is None
    assert [each.device for each in office.registrar.absences()] == ["SEPFFFFFFFFFFFF"]


def test_a_full_node_takes_no_more_but_refreshes_its_own() -> None:
    office = Office(max_devices=1)
    phone = Phone()
    assert office.register(CLEAR, phone) is None
    failure = office.register(SECURE, Phone(), TLS)
    assert failure is RegisterFailure.MAXIMUM_EXCEEDED
    assert office.register(CLEAR, phone) is None


def test_a_service_that_stops_dismisses_all(office: Office) -> None:
    one, two = Phone(), Phone()
    office.register(CLEAR, one)
    office.register(SECURE, two, TLS)
    office.registrar.dismiss_all(UnregisterReason.CALLMANAGER_RESTART)
    assert one.dismissed == two.dismissed == [UnregisterReason.CALLMANAGER_RESTART]
    assert len(office.registrar) == 0
    reasons = {each.reason for each in office.registrar.absences()}
    assert reasons == {UnregisterReason.CALLMANAGER_RESTART}


def test_only_so_many_absences_are_remembered(office: Office) -> None:
    names = [f"X{number}" for number in range(MAX_FAILURES + 3)]
    for name in names:
        office.register(name, Phone())
    assert [each.device for each in office.registrar.absences()] == names[3:]
