"""Rules of registration at their borders: words, names, refreshes, reports, nonces."""

from dataclasses import replace

import pytest

from tests.rigs.registrations import CLEAR, DEVICES, SECURE, TLS, Phone
from tokenless.protocol.cluster_link import PhoneEntry
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    Claim,
    DeviceProfile,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sip.digest import Credentials, DigestAccount, ha1_of
from tokenless.protocol.sip.messages import SipRequest
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Absence, Registration, Request
from tokenless.services.callmanager.sip.digest import NONCE_LIFE_S, DigestCheck, Proof
from tokenless.services.changes import security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, set_devices
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.parameters import Parameter
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import ItlReport

ADDRESS = "192.0.2.20"


class Office:
    """A registrar with its devices and clocks in a test's hands."""

    def __init__(self) -> None:
        self.now, self.host = 100, 5.0
        self.devices = dict(DEVICES)
        self.changes: list[Registration | Absence] = []
        self.registrar = Registrar(
            self.devices.get,
            clock=lambda: self.now,
            max_devices=2,
            node="m",
            on_change=self.changes.append,
            host_clock=lambda: self.host,
        )

    def register(
        self,
        device: str,
        phone: Phone,
        peer: Peer = Peer(),  # noqa: B008 - it is frozen
        *,
        load: str = "",
        is_refresh: bool = False,
    ) -> RegisterFailure | None:
        request = Request(
            Claim(device, Signalling.SCCP), peer, ADDRESS, load, is_refresh
        )
        return self.registrar.register(request, phone)

    def found(self, device: str) -> Registration:
        registration = self.registrar.find(device)
        assert registration is not None
        return registration


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_registration_has_all_that_was_said(office: Office) -> None:
    assert office.register(SECURE, Phone(), TLS, load="SCCP75") is None
    assert office.found(SECURE) == Registration(
        DEVICES[SECURE], TLS, ADDRESS, "SCCP75", 100, Signalling.SCCP, 5000
    )
    assert office.registrar.now == 100
    assert office.registrar.is_secure_here(SECURE)
    assert not office.registrar.is_secure_here(CLEAR)
    assert office.registrar.station(CLEAR) is None
    assert office.registrar.find(CLEAR) is None


def test_a_refresh_counts_by_the_profile_that_was_registered(office: Office) -> None:
    phone = Phone()
    office.register(CLEAR, phone)
    changed = replace(DEVICES[CLEAR], security_mode=DeviceSecurity.ENCRYPTED)
    office.devices[CLEAR] = changed
    assert office.register(CLEAR, phone, is_refresh=True) is None
    assert office.registrar.profile_of(CLEAR) == changed
    old = office.registrar.profile_of(CLEAR, of_registration=True)
    assert old == DEVICES[CLEAR]
    mismatch = RegisterFailure.SECURITY_MISMATCH
    assert office.register(CLEAR, phone) is mismatch
    assert office.register(CLEAR, Phone(), is_refresh=True) is mismatch
    del office.devices[CLEAR]
    gone = RegisterFailure.NO_ENTRY_IN_DATABASE
    assert office.register(CLEAR, phone, is_refresh=True) is gone
    assert office.registrar.profile_of(CLEAR, of_registration=True) is None
    assert office.registrar.profile_of(SECURE, of_registration=True) == DEVICES[SECURE]


def test_a_refresh_keeps_what_is_known_and_tells_what_is_new(office: Office) -> None:
    phone = Phone()
    office.register(CLEAR, phone, load="old")
    report = ItlReport("192.0.2.11", "ab" * 20, 100)
    assert office.registrar.report_itl(CLEAR, phone, report)
    office.now, office.host = 200, 9.0
    office.register(CLEAR, phone, load="new")
    found = office.found(CLEAR)
    assert (found.load, found.since, found.at_ms, found.itl) == (
        "new",
        100,
        5000,
        report,
    )
    assert office.changes[-1] == found
    assert len(office.changes) == 3


def test_a_report_is_taken_of_the_phone_itself_and_told_once(office: Office) -> None:
    phone, report = Phone(), ItlReport("192.0.2.11", "ab" * 20, 100)
    assert not office.registrar.report_itl(CLEAR, phone, report)
    office.register(CLEAR, phone)
    assert not office.registrar.report_itl(CLEAR, Phone(), report)
    assert office.found(CLEAR).itl == ItlReport()
    for _ in range(2):
        assert office.registrar.report_itl(CLEAR, phone, report)
    assert office.changes == [
        replace(office.found(CLEAR), itl=ItlReport()),
        office.found(CLEAR),
    ]
    assert office.registrar.station(CLEAR) is phone


def test_an_alarm_is_noted_with_its_time(office: Office) -> None:
    phone = Phone()
    office.register(CLEAR, phone)
    assert not office.registrar.note_alarm(CLEAR, phone, "")
    office.now = 130
    assert office.registrar.note_alarm(CLEAR, phone, "Last=Initialized")
    noted = (PhoneAlarmNote(130, "Last=Initialized"),)
    assert office.found(CLEAR).alarms == noted
    assert office.changes[-1] == office.found(CLEAR)
    office.registrar.dismiss(CLEAR, UnregisterReason.CALLMANAGER_RESET)
    (absence,) = office.registrar.absences()
    assert absence == Absence(
        CLEAR, ADDRESS, 130, reason=UnregisterReason.CALLMANAGER_RESET, alarms=noted
    )


def test_an_end_is_told_to_the_phone_and_noted_once(office: Office) -> None:
    phone, reason = Phone(), UnregisterReason.APPLY_CONFIG
    assert not office.registrar.dismiss(CLEAR, reason)
    office.register(CLEAR, phone)
    assert not office.registrar.unregister(CLEAR, Phone(), reason)
    assert not office.registrar.unregister(SECURE, phone, reason)
    assert office.registrar.unregister(CLEAR, phone, reason)
    office.register(CLEAR, phone)
    office.changes[1:] = []
    assert office.registrar.dismiss(CLEAR, reason)
    assert phone.dismissed == [reason]
    assert office.registrar.find(CLEAR) is None
    assert office.changes[1:] == [Absence(CLEAR, ADDRESS, 100, reason=reason)]
    office.register(CLEAR, phone)
    assert list(office.registrar.absences()) == []


def test_a_phone_that_is_taken_over_leaves_no_absence(office: Office) -> None:
    old, new = Phone(), Phone()
    office.register(CLEAR, old)
    office.register(CLEAR, new)
    assert [type(each) for each in office.changes] == [Registration] * 2
    assert list(office.registrar.absences()) == []


def test_a_refusal_before_the_claim_says_whether_the_device_is_known(
    office: Office,
) -> None:
    failure = RegisterFailure.AUTHENTICATION_ERROR
    office.registrar.note_failure(CLEAR, ADDRESS, failure)
    office.registrar.note_failure("SEPFFFFFFFFFFFF", ADDRESS, failure)
    assert office.changes == [
        Absence(CLEAR, ADDRESS, 100, failure),
        Absence("SEPFFFFFFFFFFFF", ADDRESS, 100, failure, is_known=False),
    ]
    office.changes.clear()
    office.register("SEPFFFFFFFFFFFF", Phone())
    office.register(CLEAR, Phone(), TLS)
    assert office.changes == [
        Absence(
            "SEPFFFFFFFFFFFF",
            ADDRESS,
            100,
            RegisterFailure.NO_ENTRY_IN_DATABASE,
            is_known=False,
        ),
        Absence(CLEAR, ADDRESS, 100, RegisterFailure.SECURITY_MISMATCH),
    ]


def test_a_registration_is_later_than_what_another_node_says(office: Office) -> None:
    there = PhoneEntry(CLEAR, "1000", 1, False, False, ADDRESS, 9000)
    office.registrar.elsewhere.put("z", [there])
    office.register(CLEAR, Phone())
    assert office.found(CLEAR).at_ms == 9001


def test_a_claim_in_clear_is_refused_where_a_secure_one_is_elsewhere(
    office: Office,
) -> None:
    there = PhoneEntry(CLEAR, "1000", 1, True, False, ADDRESS, 1)
    office.registrar.elsewhere.put("z", [there])
    taken = RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
    assert office.register(CLEAR, Phone()) is taken
    assert office.register(SECURE, Phone(), TLS) is None


def test_all_registrations_end_with_the_service(office: Office) -> None:
    phones = {CLEAR: Phone(), SECURE: Phone()}
    office.register(CLEAR, phones[CLEAR])
    office.register(SECURE, phones[SECURE], TLS)
    office.registrar.dismiss_all(UnregisterReason.CALLMANAGER_RESTART)
    assert [each.reason for each in office.registrar.absences()] == [
        UnregisterReason.CALLMANAGER_RESTART
    ] * 2


ACCOUNT = DigestAccount("alice", ha1_of("alice", "secret"))
PROFILE = DeviceProfile(CLEAR, Signalling.SIP, digest=ACCOUNT)


class Gate:
    """A check of proofs whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.check = DigestCheck(lambda: self.now)

    def proof(
        self,
        nonce: str,
        count: int = 1,
        profile: DeviceProfile = PROFILE,
        **changes: str,
    ) -> Proof:
        request = SipRequest("REGISTER", "sip:pub", ())
        said = Credentials.answer(
            replace(self.check.challenge(ADDRESS), nonce=nonce),
            ACCOUNT,
            "REGISTER",
            request.uri,
            client_nonce="c",
            count=count,
        )
        header = ("Authorization", replace(said, **changes).encode())
        return self.check.check(profile, replace(request, headers=(header,)), ADDRESS)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_a_proof_is_missing_without_an_account_or_a_header(gate: Gate) -> None:
    request = SipRequest("REGISTER", "sip:pub", ())
    assert gate.check.check(PROFILE, request, ADDRESS) is Proof.MISSING
    nonce = gate.check.challenge(ADDRESS).nonce
    assert gate.proof(nonce, realm="other") is Proof.MISSING
    given = replace(request, headers=(("Authorization", "Digest x"),))
    assert gate.check.check(PROFILE, given, ADDRESS) is Proof.WRONG
    without = replace(PROFILE, digest=None)
    assert gate.check.check(without, given, ADDRESS) is Proof.MISSING


def test_a_nonce_is_good_for_its_life_and_each_count_once(gate: Gate) -> None:
    nonce = gate.check.challenge(ADDRESS).nonce
    gate.now += NONCE_LIFE_S
    assert gate.proof(nonce, 1) is Proof.GOOD
    assert gate.proof(nonce, 1) is Proof.STALE
    assert gate.proof(nonce, 3) is Proof.GOOD
    assert gate.proof(nonce, 2) is Proof.STALE
    assert gate.proof(nonce, 10) is Proof.GOOD
    assert gate.proof(nonce, 9) is Proof.STALE
    gate.now += 0.5
    assert gate.proof(nonce, 11) is Proof.STALE


def test_each_device_counts_for_itself(gate: Gate) -> None:
    nonce = gate.check.challenge(ADDRESS).nonce
    other = replace(PROFILE, device=SECURE)
    assert gate.proof(nonce, 5) is Proof.GOOD
    assert gate.proof(nonce, 1, other) is Proof.GOOD
    assert gate.proof(nonce, 1, other) is Proof.STALE


def test_an_older_nonce_is_no_use_after_a_newer_one(gate: Gate) -> None:
    old = gate.check.challenge(ADDRESS).nonce
    same = gate.check.challenge(ADDRESS).nonce
    gate.now += 1
    new = gate.check.challenge(ADDRESS).nonce
    assert gate.proof(old, 1) is Proof.GOOD
    assert gate.proof(same, 1) is Proof.STALE
    assert gate.proof(new, 1) is Proof.GOOD
    assert gate.proof(old, 2) is Proof.STALE


def test_a_nonce_counts_at_the_address_that_it_was_given_to(gate: Gate) -> None:
    theirs = gate.check.challenge("192.0.2.99").nonce
    assert gate.proof(theirs) is Proof.STALE
    assert Gate().proof(theirs) is Proof.STALE
    own = gate.check.challenge(ADDRESS).nonce
    assert gate.proof(own, response="0" * 32) is Proof.WRONG
    assert gate.proof(own, uri="sip:sub") is Proof.WRONG
    assert gate.proof(own) is Proof.GOOD
    assert not gate.check.challenge(ADDRESS).is_stale
    assert gate.check.challenge(ADDRESS, is_stale=True).is_stale


def book(lab: Cluster) -> DeviceBook:
    with lab.store.read() as connection:
        return DeviceBook.read(connection)


def test_a_device_registers_by_its_profile_in_mixed_mode_only(lab: Cluster) -> None:
    name = "SEP001122334455"
    wanted = DeviceChange(
        model="7975",
        security_mode=DeviceSecurity.ENCRYPTED,
        encrypts_config=True,
    )
    set_devices(lab, Selection((name,)), wanted, by="test")
    profile = book(lab).find(name)
    assert profile == DeviceProfile(
        name,
        Signalling.SCCP,
        DeviceSecurity.NON_SECURE,
        "Cisco 7975 - Standard SCCP Non-Secure Profile with Encrypted Config",
    )
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    assert book(lab).find(name) == DeviceProfile(
        name,
        Signalling.SCCP,
        DeviceSecurity.ENCRYPTED,
        "Cisco 7975 - Standard SCCP Encrypted Profile with Encrypted Config",
    )


def test_a_profile_has_the_account_that_a_phone_must_prove(lab: Cluster) -> None:
    wanted = DeviceChange(model="8845", digest=ACCOUNT)
    set_devices(lab, Selection((SECURE,)), wanted, by="test")
    profile = book(lab).find(SECURE)
    assert profile is not None
    assert (profile.signalling, profile.digest) == (Signalling.SIP, ACCOUNT)


def test_other_phones_register_by_themselves_if_they_may(lab: Cluster) -> None:
    name = "SEP00AABBCCDDEE"
    expected = DeviceProfile(name, None, DeviceSecurity.NON_SECURE)
    assert book(lab).find(name) == expected
    for other in ("SEP00AABBCCDDE", "sep00aabbccddee", f"{name}0", "phone", ""):
        assert book(lab).find(other) is None
    security.set_parameter(lab, Parameter.AUTO_REGISTRATION, "False", by="test")
    assert book(lab).find(name) is None
