"""The switch: who is told what in which order, and under which keys."""

from ipaddress import IPv4Address
from itertools import product

import pytest

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite
from tokenless.services.callmanager.leg import CallFailure, Endpoint, Leg, Media, Party
from tokenless.services.callmanager.switch import Call, Stage, Switch, status_of

HERE, THERE = (Endpoint(IPv4Address("127.0.0.1"), port) for port in (16384, 16386))
KEYS_A, KEYS_B = SrtpKeys(b"a" * 16, b"a" * 14), SrtpKeys(b"b" * 16, b"b" * 14)
MODES = DeviceSecurity
CLEAR = MODES.NON_SECURE
SHORT, LONG = SrtpSuite.AES_CM_128_HMAC_SHA1_32, SrtpSuite.AES_CM_128_HMAC_SHA1_80
OTHER_KEYS = SrtpKeys(b"c" * 16, b"c" * 14)


class Phone(Leg):
    def __init__(
        self, number: str, security: DeviceSecurity = CLEAR, *, sip: bool = False
    ) -> None:
        super().__init__(Party(f"SEP{number}", number, security, "127.0.0.1"))
        self.sip = sip
        self.told: list[tuple[object, ...]] = []

    @property
    def brings_keys(self) -> bool:
        return self.sip

    def show_ringing(self, other: Party) -> None:
        self.told.append(("ringing", other.number))

    def show_alerting(self, other: Party) -> None:
        self.told.append(("alerting", other.number))

    def open_media(self, other: Party, keys: SrtpKeys | None) -> None:
        self.told.append(("open", other.number, keys))

    def connect_media(self, where: Endpoint, media: Media) -> None:
        self.told.append(("connect", where, media))

    def show_connected(self, other: Party, status: SecurityStatus) -> None:
        self.told.append(("connected", other.number, status))

    def show_ended(self, failure: CallFailure | None) -> None:
        self.told.append(("ended", failure))

    def last(self, what: str) -> tuple[object, ...]:
        return [each for each in self.told if each[0] == what][-1]


def dial(a: Phone, b: Phone, **more: object) -> CallFailure | None:
    phones = {"1000": b}
    switch = Switch(lambda number: phones.get(number, CallFailure.UNKNOWN_NUMBER))
    return switch.call(a, "1000", **more)  # type: ignore[arg-type]


def connect(a: Phone, b: Phone) -> None:
    """Dial, answer, and let both phones open their media."""
    offers = {SHORT: KEYS_A} if a.party.security is MODES.ENCRYPTED else {}
    assert dial(a, b, **({"endpoint": HERE, "offers": offers} if a.sip else {})) is None
    assert b.call is not None
    b.call.answer()
    if b.sip:
        secret = b.party.security is MODES.ENCRYPTED
        b.call.media_opened(b, THERE, {SHORT: KEYS_B} if secret else {})
    if not a.sip:
        assert a.call is not None
        a.call.media_opened(a, HERE)
    if not b.sip:
        b.call.media_opened(b, THERE)


def test_the_order_of_a_call_between_two_sccp_phones() -> None:
    a, b = Phone("1001"), Phone("1000")
    connect(a, b)
    clear = Media(None, None)
    status = SecurityStatus.NOT_AUTHENTICATED
    assert a.told == [
        ("alerting", "1000"),
        ("open", "1000", None),
        ("connected", "1000", status),
        ("connect", THERE, clear),
    ]
    assert b.told == [
        ("ringing", "1001"),
        ("open", "1001", None),
        ("connected", "1001", status),
        ("connect", HERE, clear),
    ]
    assert (a.reference, b.reference) == (16777217, 16777218)


@pytest.mark.parametrize(("one", "other"), list(product(MODES, MODES)))
def test_a_call_is_as_secure_as_its_weaker_end(
    one: DeviceSecurity, other: DeviceSecurity
) -> None:
    """The table of REFERENCE-4 3.2."""
    weaker = min(one, other)
    expected = {
        MODES.NON_SECURE: SecurityStatus.NOT_AUTHENTICATED,
        MODES.AUTHENTICATED: SecurityStatus.AUTHENTICATED,
        MODES.ENCRYPTED: SecurityStatus.ENCRYPTED,
    }[weaker]
    a, b = Phone("1001", one), Phone("1000", other)
    assert status_of(a.party, b.party) is expected
    connect(a, b)
    assert a.last("connected")[2] is b.last("connected")[2] is expected
    media = a.last("connect")[2]
    assert isinstance(media, Media)
    assert (media.sends_with is not None) is (expected is SecurityStatus.ENCRYPTED)


@pytest.mark.parametrize(("a_sip", "b_sip"), list(product([False, True], repeat=2)))
def test_each_phone_decrypts_with_what_the_other_sends_with(
    a_sip: bool, b_sip: bool
) -> None:
    a = Phone("1001", MODES.ENCRYPTED, sip=a_sip)
    b = Phone("1000", MODES.ENCRYPTED, sip=b_sip)
    connect(a, b)
    at_a, at_b = a.last("connect")[2], b.last("connect")[2]
    assert isinstance(at_a, Media)
    assert isinstance(at_b, Media)
    assert at_a.sends_with == at_b.receives_with is not None
    assert at_b.sends_with == at_a.receives_with is not None
    assert at_a.sends_with != at_b.sends_with
    if a_sip:
        assert at_a.sends_with is KEYS_A
    else:
        assert a.last("open")[2] == at_a.receives_with
    if b_sip:
        assert at_b.sends_with is KEYS_B
    else:
        assert b.last("open")[2] == at_b.receives_with


@pytest.mark.parametrize("b_sip", [False, True])
def test_a_sip_phone_without_a_usable_key_gets_a_call_in_clear(b_sip: bool) -> None:
    a = Phone("1001", MODES.ENCRYPTED)
    b = Phone("1000", MODES.ENCRYPTED, sip=True)
    if not b_sip:
        a, b = Phone("1001", MODES.ENCRYPTED, sip=True), Phone("1000", MODES.ENCRYPTED)
    assert dial(a, b, **({"endpoint": HERE} if a.sip else {})) is None
    call = b.call
    assert isinstance(call, Call)
    call.answer()
    for leg, where in ((b, THERE), (a, HERE)):
        if not leg.sip:
            # It listens only after it was told to.
            assert leg.last("open")[2] is None
        if not (leg is a and a.sip):
            call.media_opened(leg, where)
    assert call.stage is Stage.CONNECTED
    assert a.last("connected")[2] is SecurityStatus.AUTHENTICATED
    assert a.last("connect")[2] == Media(None, None)


@pytest.mark.parametrize(
    ("at_a", "at_b", "suite"),
    [
        ({LONG}, {LONG}, LONG),
        ({SHORT}, {SHORT, LONG}, SHORT),
        ({SHORT, LONG}, {SHORT, LONG}, LONG),
        ({SHORT}, {LONG}, None),
        ({LONG}, set(), None),
    ],
)
def test_two_sip_phones_get_the_best_suite_that_both_have(
    at_a: set[SrtpSuite], at_b: set[SrtpSuite], suite: SrtpSuite | None
) -> None:
    """REFERENCE-4 4.3; each suite has a key of its own."""
    a, b = (Phone(number, MODES.ENCRYPTED, sip=True) for number in ("1001", "1000"))
    first, second = (
        {SHORT: KEYS_A, LONG: OTHER_KEYS},
        {SHORT: OTHER_KEYS, LONG: KEYS_B},
    )
    offers = {each: first[each] for each in at_a}
    assert dial(a, b, endpoint=HERE, offers=offers) is None
    assert b.call is not None
    b.call.answer()
    b.call.media_opened(b, THERE, {each: second[each] for each in at_b})
    media = Media(None, None)
    if suite is not None:
        media = Media(first[suite], second[suite], suite)
    assert a.last("connect")[2] == media
    assert b.last("connect")[2] == Media(media.receives_with, media.sends_with, suite)
    level = SecurityStatus.ENCRYPTED if suite else SecurityStatus.AUTHENTICATED
    assert a.last("connected")[2] is b.last("connected")[2] is level


@pytest.mark.parametrize("a_sip", [False, True])
def test_to_an_sccp_phone_only_its_own_suite_will_do(a_sip: bool) -> None:
    a = Phone("1001", MODES.ENCRYPTED, sip=a_sip)
    b = Phone("1000", MODES.ENCRYPTED, sip=not a_sip)
    sip = {LONG: OTHER_KEYS, SHORT: KEYS_A}
    assert dial(a, b, **({"endpoint": HERE, "offers": sip} if a_sip else {})) is None
    assert b.call is not None
    b.call.answer()
    for leg, where in ((b, THERE), (a, HERE)):
        if not leg.sip or leg is b:
            b.call.media_opened(leg, where, sip if leg.sip else None)
    seen = a.last("connect")[2], b.last("connect")[2]
    assert all(isinstance(each, Media) and each.suite is SHORT for each in seen)
    media = seen[0 if a_sip else 1]
    assert isinstance(media, Media)
    assert media.sends_with is KEYS_A


def test_each_phone_sends_as_soon_as_the_other_one_listens() -> None:
    a, b = Phone("1001"), Phone("1000")
    assert dial(a, b) is None
    assert b.call is not None
    b.call.answer()
    b.call.media_opened(a, HERE)
    assert (b.told[-1], a.told[-1][0]) == (
        ("connect", HERE, Media(None, None)),
        "connected",
    )
    b.call.media_opened(b, THERE)
    assert a.told[-1] == ("connect", THERE, Media(None, None))


def test_the_numbers_of_a_node_are_its_own() -> None:
    """The node stands on top of them, as in real traces (REFERENCE-4 1.5)."""
    one, other = (Switch(lambda _: CallFailure.BUSY, node) for node in (1, 2))
    numbers = [each.new_stream() for each in (one, one, other)]
    assert numbers == [0x01000001, 0x01000002, 0x02000001]
    assert other.new_reference() == 0x02000001


def test_keys_are_fresh_for_each_call() -> None:
    seen = set()
    for _ in range(3):
        a, b = Phone("1001", MODES.ENCRYPTED), Phone("1000", MODES.ENCRYPTED)
        connect(a, b)
        media = a.last("connect")[2]
        assert isinstance(media, Media)
        assert media.sends_with is not None
        seen.add(media.sends_with.key)
    assert len(seen) == 3


def test_who_hangs_up_ends_it_for_both() -> None:
    a, b = Phone("1001"), Phone("1000")
    connect(a, b)
    call = a.call
    assert isinstance(call, Call)
    call.hang_up(b)
    assert a.told[-1] == b.told[-1] == ("ended", None)
    assert call.switch.calls == set()
    assert a.call is b.call is None
    call.hang_up(a)
    call.answer()
    assert a.told[-1] == ("ended", None)
    assert len([each for each in a.told if each[0] == "ended"]) == 1


def test_a_call_that_is_not_answered_ends() -> None:
    a, b = Phone("1001"), Phone("1000")
    assert dial(a, b) is None
    assert a.call is not None
    a.call.hang_up(a)
    assert b.told == [("ringing", "1001"), ("ended", None)]


def test_numbers_that_cannot_be_called() -> None:
    a = Phone("1001")
    switch = Switch(lambda _number: CallFailure.NOT_REGISTERED)
    assert switch.call(a, "1000") is CallFailure.NOT_REGISTERED
    assert Switch(lambda _number: a).call(a, "1001") is CallFailure.BUSY
    assert a.told == []
    assert a.call is None


def test_a_phone_that_cannot_open_its_media_ends_the_call() -> None:
    a, b = Phone("1001"), Phone("1000")
    assert dial(a, b) is None
    assert b.call is not None
    b.call.answer()
    b.call.hang_up(b, CallFailure.MEDIA)
    assert a.told[-1] == ("ended", CallFailure.MEDIA)
