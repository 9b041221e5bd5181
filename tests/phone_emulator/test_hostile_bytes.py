"""Whatever a server sends, a phone goes on; no altered list is ever installed."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs.cluster import NOW, Lab
from tests.rigs.odd_certificates import list_of_year_0
from tests.rigs.phone_bench import nodes_of, phone
from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    Downloaded,
    Effect,
    Event,
    Fetch,
    Finish,
    FlashContents,
    Install,
    NotFound,
    NotOpened,
    OpenEncrypted,
    PowerOn,
    TvsAnswered,
)
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.states import State
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType

MIXED = Lab(mixed=True)
GENUINE = MIXED.ctl().sign("CTLFile.tlv")
IDENTITY = phone({}).identity


@cache
def held() -> FlashContents:
    bench = phone(nodes_of(MIXED))
    bench.boot()
    return bench.contents


def install_of(effects: list[Effect]) -> list[Install]:
    return [effect for effect in effects if isinstance(effect, Install)]


@given(st.integers(0, len(GENUINE) - 1), st.integers(1, 255), st.booleans())
def test_a_changed_byte_is_never_installed(
    where: int,
    change: int,
    empty: bool,
) -> None:
    altered = bytearray(GENUINE)
    altered[where] ^= change
    contents = FlashContents() if empty else held()
    secd = Secd(IDENTITY, contents, TvsCache())
    secd.handle(PowerOn(), NOW)
    assert install_of(secd.handle(Downloaded(bytes(altered)), NOW)) == []


@given(st.integers(0, len(GENUINE) - 1), st.binary(max_size=40))
def test_a_cut_or_lengthened_list_is_never_installed(cut: int, more: bytes) -> None:
    for altered in (GENUINE[:cut], GENUINE[:cut] + more, GENUINE + more + b"x"):
        if altered == GENUINE:
            continue
        secd = Secd(IDENTITY, FlashContents(), TvsCache())
        secd.handle(PowerOn(), NOW)
        assert install_of(secd.handle(Downloaded(altered), NOW)) == []


@pytest.mark.parametrize("empty", [True, False])
def test_a_certificate_of_year_0_is_refused_like_any_damage(empty: bool) -> None:
    contents = FlashContents() if empty else held()
    secd = Secd(IDENTITY, contents, TvsCache())
    secd.handle(PowerOn(), NOW)
    effects = secd.handle(Downloaded(list_of_year_0("CTLFile.tlv")), NOW)
    assert effects
    assert install_of(effects) == []


answers = st.builds(
    Answer,
    session_id=st.sampled_from([1001, 1002, 7]),
    type=st.sampled_from([MessageType.QUERY_ANSWER, MessageType.VERIFY_ANSWER]),
    status=st.integers(0, 3),
    certificate=st.none()
    | st.binary(max_size=60)
    | st.just(MIXED.callmanager_pub.certificate.der),
    roles=st.lists(st.integers(0, 255), max_size=3).map(tuple),
    ttl=st.none() | st.integers(0, 2**32 - 1),
)
LISTS = (
    GENUINE,
    MIXED.regenerate_callmanager().ctl().sign("CTLFile.tlv"),
    MIXED.regenerate_callmanager().itl().sign("ITLFile.tlv"),
)
bodies = st.binary(max_size=300) | st.sampled_from(LISTS)
replies = st.one_of(bodies.map(Downloaded), st.just(NotFound()))


@given(st.data())
def test_every_boot_ends(data: st.DataObject) -> None:
    """Any servers, any answers: the machine reaches its end and raises nothing."""
    new = data.draw(st.booleans())
    secd = Secd(IDENTITY, FlashContents() if new else held(), TvsCache())
    event: Event | None = PowerOn()
    for _ in range(60):
        assert event is not None
        effects = secd.handle(event, NOW)
        event = None
        for effect in effects:
            match effect:
                case Fetch():
                    event = data.draw(replies)
                case AskTvsServer():
                    event = TvsAnswered(data.draw(answers), 1.0)
                case OpenEncrypted():
                    event = NotOpened()
                case Install():
                    # A new phone believes any list that its signer has signed; one that
                    # holds lists believes none: no anchor vouches, no answer fits.
                    assert new
                    assert effect.data in LISTS
                case Finish():
                    assert secd.state is State.RUNNING
                    return
    raise AssertionError(secd.state)
