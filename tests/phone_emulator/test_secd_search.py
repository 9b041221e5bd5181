"""Where a phone looks next: servers, names, TVS members; and what it remembers."""

import pytest

from tests.rigs.cluster import DEVICE, NOW, Lab
from tests.rigs.phone_bench import phone
from tokenless.phone_emulator.secd.events import (
    Fetch,
    FlashContents,
    NotFound,
    PowerOn,
    Server,
    ServerSilent,
)
from tokenless.phone_emulator.secd.handlers import asking
from tokenless.phone_emulator.secd.handlers.context import BootMemory
from tokenless.phone_emulator.secd.handlers.search import Inquiry, ServerChoice
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Status

A, B, C = (Server(f"192.0.2.{n}", 69) for n in (1, 2, 3))


def signer(number: int) -> SignerId:
    return SignerId("CN=a", "CN=a", number.to_bytes(2))


def positive(ttl: int | None = 60) -> Answer:
    return Answer(1, MessageType.QUERY_ANSWER, Status.TRUSTED, b"x", (0,), ttl)


def test_the_server_that_answers_comes_first() -> None:
    choice = ServerChoice((A, B, C))
    choice.note_answer(C)
    assert choice.usable() == (C, A, B)


def test_silent_servers_are_not_waited_for_again() -> None:
    choice = ServerChoice((A, B, C))
    choice.note_silence(A)
    assert choice.usable() == (B, C)


def test_a_server_that_ever_answered_is_asked_again() -> None:
    choice = ServerChoice((A, B))
    choice.note_answer(A)
    choice.note_silence(A)
    assert choice.usable() == (A, B)


def test_the_next_server_is_asked_for_the_first_name() -> None:
    secd = Secd(phone({}).identity, FlashContents(), TvsCache())
    asked = []
    for event in (PowerOn(), NotFound(), ServerSilent("no answer"), NotFound()):
        (effect,) = secd.handle(event, NOW)
        assert isinstance(effect, Fetch)
        asked.append((effect.server.address[-3:], effect.name))
    assert asked == [
        ("155", f"CTL{DEVICE}.tlv"),
        ("155", "CTLFile.tlv"),
        ("156", f"CTL{DEVICE}.tlv"),
        ("156", "CTLFile.tlv"),
    ]


def test_every_tvs_member_is_asked_once() -> None:
    file = Lab(mixed=True).ctl().trust_list()
    inquiry = Inquiry(file, (A, B, C))
    asked = [inquiry.server]
    while inquiry.try_next_member():
        asked.append(inquiry.server)
    assert asked == [A, B, C]


def test_an_answer_that_nobody_awaits_is_the_callers_mistake() -> None:
    boot = BootMemory(phone({}).identity, FlashContents(), TvsCache())
    with pytest.raises(RuntimeError, match=r"^no question was asked$"):
        asking.current(boot)


@pytest.mark.parametrize(("ttl", "seconds"), [(60, 60), (None, 86_400), (0, 0)])
def test_an_answer_is_remembered_as_long_as_it_says(
    ttl: int | None, seconds: int
) -> None:
    cache = TvsCache()
    answer = positive(ttl)
    assert cache.add(signer(1), answer, NOW) == seconds
    assert cache.find(signer(1), NOW + seconds) is None
    if seconds:
        assert cache.find(signer(1), NOW + seconds - 1) is answer
    assert cache.find(signer(2), NOW) is None
    again = TvsCache(cache.entries())
    assert again.find(signer(1), NOW - 1) is answer
    assert again.find(signer(2), NOW - 1) is None


def test_the_cache_holds_64_answers_and_forgets_the_oldest() -> None:
    cache = TvsCache()
    for number in range(66):
        cache.add(signer(number), positive(), NOW)
    assert len(cache.entries()) == 64
    kept = [cache.find(signer(number), NOW) is not None for number in range(66)]
    assert kept == [False, False, *[True] * 64]
    cache.flush()
    assert cache.entries() == ()
