"""Fuzz the TVS streams, as servers and as phones read them.

The first byte of an input says how the rest is cut before a stream is given it: whole,
byte by byte, or in pieces of so many bytes. Whatever comes, only ProtocolError may come
out, at the same place however the input was cut, and the buffer keeps its bound. What
is decoded must mean the same when it is encoded and decoded again.
"""

from tests.fuzz.engine import Seeded
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Verify
from tokenless.protocol.tvs.stream import ClientStream, ServerStream, decode_message

BOUND = 4096
DEVICE = "CP-7975-SEP001122334455"
QUERY = Query(1001, DEVICE, "CN=a;OU=b;O=c", "CN=d;O=e", bytes(range(1, 17)))
VERIFY = Verify(1002, DEVICE, b"\x30\x82\x01\x00" + bytes(256))
TRUSTED = Answer(1001, MessageType.QUERY_ANSWER, 0, b"\x30\x00", (2, 0), 86400)
VERIFIED = Answer(1002, MessageType.VERIFY_ANSWER, 0, None, (21,), 60)
UNTRUSTED = Answer(1003, MessageType.QUERY_ANSWER, 1)

Outcome = tuple[list[object], str | None]


def outcome_of(stream: ServerStream | ClientStream, pieces: list[bytes]) -> Outcome:
    """Return the messages that came out, and the error that ended it."""
    found: list[object] = []
    try:
        for piece in pieces:
            stream.receive(piece)
            while (message := stream.next_event()) is not None:
                found.append(message)
            assert stream.buffered_bytes <= BOUND
    except ProtocolError as error:
        assert stream.buffered_bytes == 0
        return found, str(error)
    return found, None


def check(kind: type[ServerStream] | type[ClientStream], data: bytes) -> None:
    """Run an input whole and cut; raise ProtocolError where the stream does."""
    size, data = data[0] % 64 + 1 if data else 1, data[1 : BOUND + 1]
    whole = outcome_of(kind(max_buffered_bytes=BOUND), [data])
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    cut = outcome_of(kind(max_buffered_bytes=BOUND), pieces)
    assert cut == whole
    for message in whole[0]:
        assert isinstance(message, (Query, Verify, Answer))
        assert decode_message(message.encode()) == message
    if whole[1] is not None:
        raise ProtocolError(whole[1])


def server_target(data: bytes) -> None:
    """What phones send."""
    check(ServerStream, data)


def client_target(data: bytes) -> None:
    """What servers send."""
    check(ClientStream, data)


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    requests = [QUERY.encode(), VERIFY.encode()]
    answers = [each.encode() for each in (TRUSTED, VERIFIED, UNTRUSTED)]
    joined = [b"".join(requests), b"".join(answers)]
    return {
        "tvs-server": (
            server_target,
            [b"\6" + each for each in [*requests, joined[0]]],
        ),
        "tvs-client": (client_target, [b"\6" + each for each in [*answers, joined[1]]]),
    }
