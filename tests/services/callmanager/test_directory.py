"""Who is registered at other nodes, and which of two registrations counts."""

import pytest

from tests.rigs.registrations import CLEAR, DEVICES, SECURE, TLS, Phone
from tokenless.protocol.cluster_link import LinkMessage, PhoneEntry
from tokenless.protocol.phones.registration import (
    Claim,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
    directory_number,
)
from tokenless.services.callmanager import directory as module
from tokenless.services.callmanager.cluster_view import ClusterView
from tokenless.services.callmanager.directory import Directory, Elsewhere
from tokenless.services.callmanager.leg import CallFailure
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Request
from tokenless.services.callmanager.remote_calls import RemoteLeg
from tokenless.services.callmanager.switch import Switch


def entry(
    device: str = CLEAR, *, at_ms: int = 5, secure: bool = False, number: str = "1000"
) -> PhoneEntry:
    return PhoneEntry(device, number, 1, secure, False, "127.0.0.1", at_ms)


def test_the_later_registration_counts_and_a_secure_one_before_it() -> None:
    known = Directory()
    known.put("a", [entry(at_ms=9)])
    known.put("b", [entry(at_ms=10)])
    assert known.find(CLEAR) == Elsewhere("b", entry(at_ms=10))
    known.put("c", [entry(at_ms=1, secure=True)])
    found = known.find_number("1000")
    assert found is not None
    assert found.node == "c"


def test_a_node_that_is_lost_takes_its_phones_along_and_no_others() -> None:
    known = Directory()
    known.put("a", [entry(), entry(SECURE, number="2000")])
    known.put("b", [entry(at_ms=1)])
    known.forget("a")
    assert known.find(SECURE) is None
    assert known.find_number("2000") is None
    assert known.find_number("1000") == Elsewhere("b", entry(at_ms=1))
    known.remove("b", [CLEAR, "never heard of"])
    assert (len(known), known.find_number("1000")) == (0, None)


def test_another_number_is_another_number() -> None:
    known = Directory()
    known.put("a", [entry()])
    known.put("a", [entry(number="3000")])
    assert known.find_number("1000") is None
    assert known.find_number("3000") is not None


def test_a_node_announces_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PHONES", 2)
    known = Directory()
    known.put("a", [entry("X1"), entry("X2"), entry("X3"), entry("X1", at_ms=7)])
    known.put("b", [entry("X4")])
    assert [known.find(name) is not None for name in ("X1", "X2", "X3", "X4")] == [
        True,
        True,
        False,
        True,
    ]


class Office:
    def __init__(self, now: float = 1.0) -> None:
        self.registrar = Registrar(
            DEVICES.get,
            clock=lambda: 1,
            max_devices=9,
            node="m",
            host_clock=lambda: now,
        )

    def register(self, device: str, phone: Phone, peer: Peer) -> RegisterFailure | None:
        claim = Claim(device, Signalling.SCCP)
        return self.registrar.register(Request(claim, peer, "127.0.0.1"), phone)


def test_a_claim_in_clear_never_shadows_a_secure_registration_of_another_node() -> None:
    office = Office()
    office.registrar.elsewhere.put("other", [entry(CLEAR, secure=True)])
    failure = office.register(CLEAR, Phone(), Peer())
    assert failure is RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
    office.registrar.elsewhere.forget("other")
    assert office.register(CLEAR, Phone(), Peer()) is None


def test_a_secure_claim_is_taken_wherever_the_phone_was() -> None:
    office = Office()
    office.registrar.elsewhere.put("other", [entry(SECURE, secure=True)])
    assert office.register(SECURE, Phone(), TLS) is None


@pytest.mark.parametrize(
    ("other", "yields"),
    [
        (Elsewhere("a", entry(at_ms=999)), False),
        (Elsewhere("a", entry(at_ms=1000)), False),
        (Elsewhere("z", entry(at_ms=1000)), True),
        (Elsewhere("a", entry(at_ms=1001)), True),
        (Elsewhere("a", entry(at_ms=1, secure=True)), True),
        (Elsewhere("z", entry("SEP0000000000FF", at_ms=2000)), False),
    ],
)
def test_a_node_yields_to_a_registration_that_outranks_its_own(
    other: Elsewhere, yields: bool
) -> None:
    office, phone = Office(), Phone()
    assert office.register(CLEAR, phone, Peer()) is None
    assert office.registrar.yield_to(other) is yields
    assert phone.dismissed == [UnregisterReason.DUPLICATE_REGISTRATION] * yields


class OpenLinks:
    """Links to nodes that are all there."""

    def send(self, _node: str, _message: LinkMessage) -> bool:
        return True

    def is_open(self, _node: str) -> bool:
        return True

    def broadcast(self, _message: LinkMessage) -> None:
        pass


@pytest.mark.parametrize("is_secure_there", [True, False])
@pytest.mark.parametrize("here", [(CLEAR, Peer()), (SECURE, TLS), None])
def test_of_phones_with_one_number_a_secure_one_is_called_at_any_node(
    here: tuple[str, Peer] | None, is_secure_there: bool
) -> None:
    """Otherwise a phone in clear takes a secure one's calls by registering nearer."""
    office, switch = Office(), Switch(lambda _number: CallFailure.UNKNOWN_NUMBER)
    asked: list[str] = []

    def find_local(device: str) -> CallFailure:
        asked.append(device)
        return CallFailure.BUSY

    view = ClusterView(office.registrar, switch, directory_number, find_local)
    view.connect(OpenLinks())
    there = entry("SEP00000000AAAA", secure=is_secure_there)
    office.registrar.elsewhere.put("other", [there])
    if here is not None:
        assert office.register(here[0], Phone(), here[1]) is None
    found = view.leg_of("1000", () if here is None else (here[0],))
    if here is None or (is_secure_there and here[0] == CLEAR):
        assert isinstance(found, RemoteLeg)
        assert found.party.device == there.device
    else:
        assert asked == [here[0]]


def test_a_clock_that_goes_ahead_elsewhere_does_not_win_for_ever() -> None:
    office, phone = Office(now=1.0), Phone()
    ahead = entry(at_ms=90_000)
    office.registrar.elsewhere.put("z", [ahead])
    assert office.register(CLEAR, phone, Peer()) is None
    assert not office.registrar.yield_to(Elsewhere("z", ahead))
    assert phone.dismissed == []
