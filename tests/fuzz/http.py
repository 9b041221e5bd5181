"""Fuzz the HTTP stream as the server reads it, with h11's client as a judge.

The first byte of an input says how the rest is cut before the stream is given it:
whole, or in pieces of so many bytes. However it was cut, the same requests come out,
then at most one refusal with the same status; nothing is raised; what is answered is
read by h11 as it was meant, and nothing follows a refusal.
"""

from http import HTTPStatus

import h11

from tests.fuzz.engine import Seeded
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.http.stream import Refused, Request, ServerStream

BOUND = 20_000
"""Longer than any head, and short enough that all of it may be sent ahead."""
CONTENT = b"list"
HOST = b"Host: 127.0.0.1:6970\r\n"
SEEDS = [
    b"GET /CTLFile.tlv HTTP/1.1\r\n" + HOST + b"\r\n",
    b"HEAD /SEP001122334455.cnf.xml.sgn HTTP/1.1\r\n"
    + HOST
    + b"Range: bytes=0-9\r\n\r\n",
    b"GET /a%20b HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"GET http://127.0.0.1:6970/f HTTP/1.0\r\n\r\n",
    b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /f HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    b"POST /f HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


def outcome_of(pieces: list[bytes]) -> list[Request | Refused]:
    """Answer everything; return what was asked."""
    stream = ServerStream()
    found: list[Request | Refused] = []
    for piece in pieces:
        stream.receive(piece)
        while (asked := stream.next_request()) is not None:
            assert not any(isinstance(each, Refused) for each in found)
            found.append(asked)
            answer(stream, asked)
    return found


def answer(stream: ServerStream, asked: Request | Refused) -> None:
    """Answer one request; h11 has to understand it."""
    judge = h11.Connection(h11.CLIENT)
    method = "GET"
    if isinstance(asked, Refused):
        sent = stream.head(asked.status, 0)
    else:
        assert asked.name.isascii()
        assert asked.name.isprintable()
        method = "HEAD" if asked.is_head else "GET"
        sent = stream.head(HTTPStatus.OK, len(CONTENT))
        if not asked.is_head:
            stream.sent(len(CONTENT))
            sent += CONTENT
    judge.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    judge.send(h11.EndOfMessage())
    judge.receive_data(sent)
    events = [judge.next_event()]
    while not isinstance(events[-1], h11.EndOfMessage):
        assert events[-1] is not h11.NEED_DATA
        events.append(judge.next_event())
    assert isinstance(events[0], h11.Response)
    stream.finish()


def _essence(asked: Request | Refused) -> Request | HTTPStatus:
    # h11 says more in its reason when more of a line has come. Of a head that is too
    # long and malformed, too, the first fault that is seen depends on the cut.
    if not isinstance(asked, Refused):
        return asked
    is_too_long = asked.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if is_too_long else asked.status


def target(data: bytes) -> None:
    """Run an input whole and cut."""
    size, data = data[0] % 64 + 1 if data else 1, data[1 : BOUND + 1]
    whole = outcome_of([data])
    cut = outcome_of([data[at : at + size] for at in range(0, len(data), size)])
    assert [_essence(each) for each in cut] == [_essence(each) for each in whole]
    if any(isinstance(each, Refused) for each in whole):
        raise ProtocolError("refused")


def seeds() -> dict[str, Seeded]:
    """Return the target with what it starts from."""
    return {"http": (target, [b"\6" + each for each in [*SEEDS, b"".join(SEEDS[:2])]])}
