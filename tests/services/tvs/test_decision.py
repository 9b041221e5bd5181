"""The look-up order, and that the prepared answers are the protocol's."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.rigs import minting
from tests.rigs.tvs_rig import PUBLISHER, query_for, verify_for
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Status, Verify
from tokenless.protocol.tvs.stream import decode_message
from tokenless.services.tvs.caches import CachedCertificate, CacheName, Index
from tokenless.services.tvs.decision import Decision, decide

EMPTY = Index()
DB = Index([PUBLISHER])
AS_IN_CTL = replace(PUBLISHER, roles=(0,))
CTL = Index([AS_IN_CTL, CachedCertificate.of(minting.capf().certificate, (4,))])


def test_the_db_cache_comes_first() -> None:
    decision = decide(query_for(PUBLISHER), DB, CTL)
    assert decision.found_in is CacheName.DB
    assert decision.entry is PUBLISHER


def test_a_miss_goes_to_the_ctl_cache() -> None:
    decision = decide(query_for(PUBLISHER), EMPTY, CTL)
    assert decision.found_in is CacheName.CTL
    assert decision.entry is AS_IN_CTL


@pytest.mark.parametrize("ask", [query_for, verify_for])
def test_two_misses_are_a_status_and_nothing_else(
    ask: Callable[..., Query | Verify],
) -> None:
    decision = decide(ask(PUBLISHER), EMPTY, EMPTY)
    assert decision.found_in is None
    assert decision.encode()[10:] == b"\x07\x00\x01\x01"


def test_the_answer_to_query_is_what_the_protocol_says() -> None:
    query = query_for(PUBLISHER, 0xFFFFFFFF)
    assert decode_message(decide(query, DB, CTL).encode()) == Answer(
        session_id=0xFFFFFFFF,
        type=MessageType.QUERY_ANSWER,
        status=Status.TRUSTED,
        certificate=PUBLISHER.der,
        roles=(2, 0),
        ttl=86400,
    )


def test_the_answer_to_verify_has_no_certificate() -> None:
    entry = replace(PUBLISHER, ttl=60)
    answer = decode_message(decide(verify_for(entry), Index([entry]), CTL).encode())
    assert answer == Answer(1001, MessageType.VERIFY_ANSWER, 0, None, (2, 0), 60)


def test_verify_compares_every_byte() -> None:
    der = bytearray(PUBLISHER.der)
    der[-1] ^= 1
    other = replace(verify_for(PUBLISHER), certificate=bytes(der))
    assert decide(other, DB, CTL).status is Status.UNTRUSTED


def test_a_db_entry_under_the_same_key_hides_the_ctl_s_other_certificate() -> None:
    other = replace(PUBLISHER, der=PUBLISHER.der + b"\0")
    ctl = Index([other])
    assert decide(verify_for(other), DB, ctl).status is Status.UNTRUSTED
    assert decide(verify_for(other), EMPTY, ctl).found_in is CacheName.CTL


def test_an_expired_certificate_is_answered_all_the_same() -> None:
    """REFERENCE 3.6: no observed look-up mentions expiry."""
    assert minting.server().certificate.not_after.year < 2021
    assert decide(query_for(PUBLISHER), DB, CTL).status is Status.TRUSTED


@pytest.mark.parametrize("ask", [query_for, verify_for])
def test_a_decision_names_the_request_the_entry_and_the_cache(
    ask: Callable[..., Query | Verify],
) -> None:
    entry = CachedCertificate.of(minting.server().certificate, (2, 0))
    request, held, nothing = ask(entry, 1002), Index([entry]), Index()
    found = decide(request, held, nothing)
    assert found == Decision(request, entry, CacheName.DB)
    later = decide(request, nothing, held)
    assert later == Decision(request, entry, CacheName.CTL)
    assert later.encode() == found.encode()
    answer = decode_message(found.encode())
    assert isinstance(answer, Answer)
    assert answer.type is found.answer_type
    assert decide(request, nothing, nothing) == Decision(request, None, None)
