"""TVS streams: requests cut and joined anyhow, bounded, and broken for good."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Verify, pack_message
from tokenless.protocol.tvs.stream import ClientStream, Request, ServerStream

QUERY = Query(1001, "CP-7975-SEP001122334455", "CN=a;O=b", "CN=c", b"\x01\x02")
VERIFY = Verify(1002, "CP-7975-SEP001122334455", b"\x30\x82" + bytes(700))
ANSWER = Answer(1001, MessageType.QUERY_ANSWER, 0, b"\x30\x00", (2, 0), 86400)
CONVERSATION: list[Query | Verify] = [QUERY, VERIFY, QUERY]


def drain(stream: ServerStream) -> list[Request]:
    found = []
    while (request := stream.next_event()) is not None:
        found.append(request)
    return found


def feed(pieces: list[bytes]) -> list[Request]:
    stream, found = ServerStream(), []
    for piece in pieces:
        stream.receive(piece)
        found += drain(stream)
    assert stream.is_between_messages
    return found


def test_requests_joined() -> None:
    assert feed([b"".join(each.encode() for each in CONVERSATION)]) == CONVERSATION


def test_requests_byte_by_byte() -> None:
    data = b"".join(each.encode() for each in CONVERSATION)
    assert feed([data[at : at + 1] for at in range(len(data))]) == CONVERSATION


@given(st.integers(0, 2**32))
def test_requests_cut_anyhow(seed: int) -> None:
    data, order = b"".join(each.encode() for each in CONVERSATION), random.Random(seed)
    cuts = sorted(order.sample(range(1, len(data)), 12))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert feed(pieces) == CONVERSATION


def test_the_beginning_of_a_next_request_is_kept() -> None:
    stream = ServerStream()
    stream.receive(QUERY.encode() + VERIFY.encode()[:15])
    assert drain(stream) == [QUERY]
    assert not stream.is_between_messages
    assert stream.buffered_bytes == 15
    stream.receive(VERIFY.encode()[15:])
    assert drain(stream) == [VERIFY]


def test_the_last_message_is_remembered_as_a_trace_dumps_it() -> None:
    stream = ServerStream()
    stream.receive(VERIFY.encode())
    drain(stream)
    assert stream.last_head == VERIFY.encode()[:50]
    assert stream.last_length == len(VERIFY.encode())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", "not a TVS message"),
        (ANSWER.encode(), "a phone does not send QUERY_ANSWER"),
        (pack_message(MessageType.QUERY, 1, b""), "without body"),
        (pack_message(MessageType.QUERY, 1, b"\x03\x00\x09ab"), "claims more"),
    ],
)
def test_an_error_is_final(data: bytes, why: str) -> None:
    stream = ServerStream()
    stream.receive(data)
    with pytest.raises(ProtocolError, match=why):
        stream.next_event()
    stream.receive(QUERY.encode())
    with pytest.raises(ProtocolError, match=why):
        stream.next_event()


def test_garbage_is_refused_with_its_header_not_awaited() -> None:
    stream = ServerStream()
    stream.receive(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03")
    with pytest.raises(ProtocolError):
        stream.next_event()


def test_the_buffer_is_bounded() -> None:
    stream = ServerStream(max_buffered_bytes=100)
    stream.receive(bytes(100))
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        stream.receive(b"x")
    assert stream.buffered_bytes == 0


def test_a_request_of_the_greatest_length_fits() -> None:
    largest = Verify(1, "d", bytes(65535 - 3 - 3 - 2))
    assert feed([largest.encode()]) == [largest]


def test_the_client_side_takes_answers_only() -> None:
    stream = ClientStream()
    assert stream.send(QUERY) == QUERY.encode()
    data = ANSWER.encode()
    stream.receive(data[:9])
    assert stream.next_event() is None
    stream.receive(data[9:])
    assert stream.next_event() == ANSWER
    stream.receive(QUERY.encode())
    with pytest.raises(ProtocolError, match="a server does not send QUERY"):
        stream.next_event()


def test_the_server_side_sends_answers() -> None:
    assert ServerStream().send(ANSWER) == ANSWER.encode()


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_garbage_causes_nothing_but_protocol_errors(pieces: list[bytes]) -> None:
    stream = ServerStream(max_buffered_bytes=256)
    try:
        for piece in pieces:
            stream.receive(piece)
            drain(stream)
    except ProtocolError:
        return
