"""Emulated phones that prove their password: REGISTER, refresh, farewell, INVITE."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import structlog

from tests.rigs.sip_calls import A, B, Node
from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    LastOut,
    ListenForMedia,
    PhoneEvent,
    RegistrationState,
)
from tokenless.phone_emulator.registration.talkers.sip_digest import DigestLogin
from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.digest import DigestAccount, ha1_of
from tokenless.protocol.sip.messages import SipRequest, SipResponse, decode_message
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.digest import NONCE_LIFE_S, DigestCheck
from tokenless.services.callmanager.sip.guest import answer
from tokenless.services.limited_log import LimitedLog

HERE = IPv4Address("127.0.0.1")
ACCOUNT = DigestAccount("alice", ha1_of("alice", "secret"))
LOGIN = DigestLogin("alice", "secret")


@dataclass
class Desk:
    """A node that asks a phone for a proof, and the wire between both."""

    login: DigestLogin | None = LOGIN
    now: float = 1000.0
    asked: list[SipRequest] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    events: list[PhoneEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        modes = DeviceSecurity.NON_SECURE
        self.node = Node({A: modes, B: modes})
        self.node.devices[A] = replace(self.node.devices[A], digest=ACCOUNT)
        self.restart()
        self.phone = SipPhone(
            SipIdentity(
                device=A,
                model=685,
                load="sip88xx.12-7-1",
                user_agent="Cisco-CP8861/10.3.1",
                server="pub",
                address=HERE,
                port=5070,
                login=self.login,
            )
        )

    def restart(self) -> None:
        """Give the node another secret, as its next start does."""
        self.node.office.digest = DigestCheck(lambda: self.now)

    def register(self) -> None:
        self.phone.register(LastOut.INITIALIZED, self.now)
        self.run()

    def run(self) -> None:
        """Carry messages until both sides are silent."""
        while datagrams := self.phone.datagrams():
            for datagram in datagrams:
                self.carry(datagram)
        self.events += self.phone.events()

    def carry(self, datagram: bytes) -> None:
        message = decode_message(datagram)
        if isinstance(message, SipRequest):
            self.asked.append(message)
        if (response := self.say(message)) is not None:
            self.answered.append(response.status)
            self.phone.receive(response.encode(), self.now)

    def say(self, message: SipRequest | SipResponse) -> SipResponse | None:
        log = LimitedLog(structlog.get_logger(), 0, summary="more")
        source = Source("127.0.0.1", Peer(), self.hear, log)
        return answer(self.node.office, message, source, self.now)

    def hear(self, data: bytes) -> None:
        self.phone.receive(data, self.now)

    def hastening_clock(self) -> float:
        """Return a time at which each nonce is too old."""
        self.now += NONCE_LIFE_S + 1
        return self.now

    @property
    def is_registered(self) -> bool:
        return self.node.office.registrar.find(A) is not None


def test_one_challenge_serves_registration_refreshes_and_farewell() -> None:
    desk = Desk()
    desk.register()
    assert desk.answered == [401, 200]
    for _ in range(2):
        assert desk.phone.deadline is not None
        desk.phone.tick(desk.phone.deadline)
        desk.run()
    desk.phone.unregister()
    desk.run()
    assert desk.answered == [401, 200, 200, 200, 200]
    assert not desk.is_registered
    # The alarm of the refused REGISTER is said again.
    assert desk.asked[0].get("reason") == desk.asked[1].get("reason") != ""


def test_a_wrong_password_is_tried_once() -> None:
    desk = Desk(login=DigestLogin("alice", "guess"))
    desk.register()
    assert desk.answered == [401, 401]
    assert desk.phone.state is RegistrationState.REJECTED
    assert not desk.is_registered


def test_a_phone_without_a_password_proves_nothing() -> None:
    desk = Desk(login=None)
    desk.register()
    assert desk.answered == [401]
    assert "authorization" not in {name.lower() for name, _ in desk.asked[0].headers}
    assert desk.phone.state is RegistrationState.REJECTED


def test_a_stale_nonce_and_a_restarted_node_are_answered() -> None:
    desk = Desk()
    desk.register()
    desk.now += NONCE_LIFE_S + 1
    desk.phone.tick(desk.now)
    desk.run()
    desk.restart()
    desk.now += 60
    assert desk.phone.deadline is not None
    desk.phone.tick(desk.phone.deadline)
    desk.run()
    assert desk.answered == [401, 200, 401, 200, 401, 200]
    assert desk.phone.state is RegistrationState.REGISTERED


def test_a_node_that_always_calls_the_nonce_stale_is_given_up() -> None:
    desk = Desk()
    desk.node.office.digest = DigestCheck(desk.hastening_clock)
    desk.register()
    assert set(desk.answered) == {401}
    assert len(desk.answered) <= 5
    assert desk.phone.state is RegistrationState.REJECTED


def test_a_password_that_changes_counts_from_the_next_registration_on() -> None:
    desk = Desk()
    desk.register()
    changed = DigestAccount("alice", ha1_of("alice", "another"))
    desk.node.devices[A] = replace(desk.node.devices[A], digest=changed)
    assert desk.phone.deadline is not None
    desk.phone.tick(desk.phone.deadline)
    desk.run()
    assert desk.answered == [401, 200, 200]
    desk.phone = SipPhone(desk.phone.identity)
    desk.register()
    assert desk.answered[3:] == [401, 401]
    assert desk.phone.state is RegistrationState.REJECTED


def test_a_captured_proof_is_of_no_use() -> None:
    desk = Desk()
    desk.register()
    captured = desk.asked[-1]
    assert captured.get("authorization")
    response = desk.say(captured)
    assert response is not None
    assert response.status == 401
    # Nor after the phone has used a newer nonce.
    desk.now += 1
    other = SipPhone(desk.phone.identity)
    desk.phone = other
    desk.register()
    assert desk.answered[-1] == 200
    for each in (captured, desk.asked[-1]):
        again = desk.say(each)
        assert again is not None
        assert again.status == 401


def test_a_call_is_challenged_and_proved() -> None:
    desk = Desk()
    desk.register()
    # The next call comes with an old nonce: the INVITE itself is challenged.
    desk.now += NONCE_LIFE_S + 1
    desk.phone.dial("1000")
    desk.run()
    assert ListenForMedia(None) in desk.events
    desk.phone.media_opened(HERE, 16384)
    desk.run()
    invites = [each for each in desk.asked if each.method == "INVITE"]
    assert len(invites) == 2
    assert [each.get("cseq") for each in invites] == ["101 INVITE", "102 INVITE"]
    assert invites[0].body == invites[1].body
    # The proof was good: the call fails only because nobody has the number.
    assert CallShown(None) not in desk.events
    assert desk.events[-1].call.stage is CallStage.FAILED  # type: ignore[union-attr]


def test_a_call_without_a_proof_is_refused() -> None:
    desk = Desk()
    desk.register()
    thief = SipPhone(replace(desk.phone.identity, login=None))
    desk.phone = thief
    desk.phone.dial("1000")
    desk.phone.media_opened(HERE, 16384)
    desk.run()
    assert desk.answered[-1] == 401
    assert thief.call is not None
    assert thief.call.stage is CallStage.FAILED
    assert not desk.node.office.calls.legs
