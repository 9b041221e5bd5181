"""SIP over a network that loses: what was not heard is said again, and no more."""

import random
from dataclasses import dataclass, field

import pytest

from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.transactions import (
    LIFE_S,
    MAX_TRANSACTIONS,
    DatagramTransactions,
    Repeat,
    TimedOut,
)

THERE = ("127.0.0.1", 5060)


def request(method: str, number: int = 1, *, call: str = "c") -> SipRequest:
    headers = (
        ("Via", f"SIP/2.0/UDP pub;branch=z9hG4bK{method}{number}"),
        ("From", "<sip:1@pub>;tag=f"),
        ("To", "<sip:2@pub>"),
        ("Call-ID", call),
        ("CSeq", f"{number} {method}"),
    )
    return SipRequest(method, "sip:2@pub", headers)


Transactions = DatagramTransactions[tuple[str, int]]


def send(mine: Transactions, message: SipMessage, now: float = 0.0) -> bytes:
    data = message.encode()
    mine.sent(message, data, THERE, now)
    return data


def repeats(mine: Transactions, until: float) -> tuple[list[float], list[SipRequest]]:
    """Return when something is sent again, and what is given up."""
    times: list[float] = []
    ended: list[SipRequest] = []
    while (deadline := mine.deadline()) is not None and deadline <= until:
        for each in mine.tick(deadline):
            if isinstance(each, TimedOut):
                ended.append(each.request)
            else:
                times.append(deadline)
    return times, ended


def test_an_invite_is_sent_again_after_growing_pauses_and_given_up() -> None:
    mine = Transactions()
    invite = request("INVITE")
    send(mine, invite)
    assert repeats(mine, 100.0) == ([0.5, 1.5, 3.5, 7.5, 15.5, 31.5], [invite])
    assert mine.deadline() is None


def test_another_request_is_sent_again_every_four_seconds_at_most() -> None:
    mine = Transactions()
    bye = request("BYE")
    send(mine, bye)
    times, ended = repeats(mine, 100.0)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert ended == [bye]


@pytest.mark.parametrize(("status", "method"), [(100, "INVITE"), (200, "BYE")])
def test_an_answer_ends_the_repeats(status: int, method: str) -> None:
    mine, mail = Transactions(), request(method)
    send(mine, mail)
    mine.received(answer_to(mail, status, "x"), THERE, 0.1)
    assert repeats(mine, 100.0) == ([], [])


def test_a_provisional_answer_slows_other_requests_down_only() -> None:
    mine, bye = Transactions(), request("BYE")
    send(mine, bye)
    mine.received(answer_to(bye, 100, "Trying"), THERE, 0.1)
    times, _ = repeats(mine, 10.0)
    assert times == [pytest.approx(4.1), pytest.approx(8.1)]


@pytest.mark.parametrize("changed", ["place", "branch"])
def test_an_answer_to_something_else_ends_nothing(changed: str) -> None:
    mine, invite = Transactions(), request("INVITE")
    send(mine, invite)
    place = ("127.0.0.2", 5060) if changed == "place" else THERE
    other = request("INVITE", 2) if changed == "branch" else invite
    mine.received(answer_to(other, 200, "OK"), place, 0.1)
    assert mine.deadline() == 0.5


def test_a_request_that_comes_again_gets_the_answer_that_it_had() -> None:
    mine, invite = Transactions(), request("INVITE")
    assert mine.received(invite, THERE, 0.0) is Repeat.NEW
    assert mine.received(invite, THERE, 0.1) is Repeat.PENDING
    assert mine.answer_again(invite, THERE) is None
    trying = send(mine, answer_to(invite, 100, "Trying"))
    assert mine.received(invite, THERE, 0.2) is Repeat.ANSWERED
    assert mine.answer_again(invite, THERE) == trying
    # Long after it nobody remembers.
    list(mine.tick(LIFE_S + 1))
    assert mine.received(invite, THERE, LIFE_S + 1) is Repeat.NEW


def test_a_200_is_repeated_until_its_ack() -> None:
    mine, invite = Transactions(), request("INVITE")
    mine.received(invite, THERE, 0.0)
    send(mine, answer_to(invite, 200, "OK"))
    assert repeats(mine, 2.0)[0] == [0.5, 1.5]
    mine.received(request("ACK"), THERE, 2.0)
    assert repeats(mine, 100.0) == ([], [])


def test_an_answer_that_is_never_acknowledged_ends_by_itself() -> None:
    mine, invite = Transactions(), request("INVITE")
    mine.received(invite, THERE, 0.0)
    send(mine, answer_to(invite, 486, "Busy Here"))
    times, ended = repeats(mine, 100.0)
    assert (len(times), ended) == (10, [])
    assert mine.deadline() is None


def test_a_site_that_registers_costs_nothing_nor_does_a_refusal() -> None:
    mine = Transactions()
    for number in range(10):
        for method in ("REGISTER", "OPTIONS", "NOTIFY", "REFER"):
            mail = request(method, number)
            assert mine.received(mail, THERE, 0.0) is Repeat.NEW
            send(mine, answer_to(mail, 200, "OK"))
        refused = request("INVITE", number)
        mine.received(refused, THERE, 0.0)
        mine.forget(refused, THERE)
    assert not mine._in
    assert not mine._out


def test_memory_is_bounded() -> None:
    mine = Transactions()
    for number in range(MAX_TRANSACTIONS + 10):
        mine.received(request("BYE", number), THERE, 0.0)
        send(mine, request("UPDATE", number))
    assert len(mine._in) == len(mine._out) == MAX_TRANSACTIONS


def test_a_message_that_is_evicted_between_two_repeats_is_not_missed() -> None:
    """As where the end of one call sends a BYE to its other phone."""
    mine = Transactions()
    for number in range(MAX_TRANSACTIONS):
        send(mine, request("UPDATE", number))
    sends = mine.tick(LIFE_S)
    assert isinstance(next(sends), TimedOut)
    for number in range(2):
        send(mine, request("BYE", number), LIFE_S)
    assert len(list(sends)) == MAX_TRANSACTIONS - 2
    assert len(mine._out) == 2


@dataclass
class End:
    """One side of a lossy network."""

    transactions: Transactions = field(default_factory=Transactions)
    taken: list[SipMessage] = field(default_factory=list)


class LossyCall:
    """INVITE, 200 and ACK over a network that loses every third datagram."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now = 0.0
        self.caller, self.called = End(), End()
        self.flying: list[tuple[float, End, bytes]] = []

    def put(self, end: End, message: SipMessage) -> None:
        data = message.encode()
        end.transactions.sent(message, data, THERE, self.now)
        self.fly(end, data)

    def fly(self, end: End, data: bytes) -> None:
        other = self.called if end is self.caller else self.caller
        if self.dice.random() > 1 / 3:
            self.flying.append((self.now + 0.05, other, data))

    def take(self, end: End, data: bytes) -> None:
        message = decode_message(data)
        repeat = end.transactions.received(message, THERE, self.now)
        if isinstance(message, SipRequest) and repeat is not Repeat.NEW:
            again = end.transactions.answer_again(message, THERE)
            if again is not None:
                self.fly(end, again)
            return
        end.taken.append(message)
        if isinstance(message, SipResponse):
            self.put(end, request("ACK"))
        elif message.method == "INVITE":
            self.put(end, answer_to(message, 200, "OK", to_tag="t"))

    def play(self) -> None:
        self.put(self.caller, request("INVITE"))
        while self.now < LIFE_S:
            self.now += 0.01
            for end in (self.caller, self.called):
                for again in list(end.transactions.tick(self.now)):
                    assert not isinstance(again, TimedOut)
                    self.fly(end, again[0])
            due = [each for each in self.flying if each[0] <= self.now]
            for each in due:
                self.flying.remove(each)
                self.take(each[1], each[2])


@pytest.mark.parametrize("seed", range(20))
def test_a_call_comes_about_over_a_network_that_loses_a_third(seed: int) -> None:
    call = LossyCall(seed)
    call.play()
    taken = call.called.taken
    kinds = [each.method for each in taken if isinstance(each, SipRequest)]
    assert kinds.count("INVITE") == 1
    assert "ACK" in kinds
    assert call.caller.taken
