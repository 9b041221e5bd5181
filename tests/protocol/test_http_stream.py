"""HTTP requests for files: what is understood, what is refused, what follows."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.http.stream import (
    MAX_HEAD_BYTES,
    ByteRange,
    Refused,
    Request,
    ServerStream,
)

HOST = b"Host: 127.0.0.1:6970\r\n"


def asked(*lines: bytes, line: bytes = b"GET /f HTTP/1.1") -> bytes:
    return b"\r\n".join((line, HOST.strip(), *lines, b"", b""))


def first(data: bytes) -> Request | Refused | None:
    stream = ServerStream()
    stream.receive(data)
    return stream.next_request()


def answer(stream: ServerStream, length: int = 4) -> bytes:
    head = stream.head(HTTPStatus.OK, length)
    stream.sent(length)
    stream.finish()
    return head


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/CTLFile.tlv", "CTLFile.tlv"),
        (b"//CTLFile.tlv", "CTLFile.tlv"),
        (b"/a%20b/c.xml?x=1", "a b/c.xml"),
        (b"/", ""),
        (b"/../../etc/passwd", "../../etc/passwd"),  # for the source to refuse
        (b"/%2e%2e/x", "../x"),
        (b"http://127.0.0.1:6970/f", "f"),
    ],
)
def test_names(target: bytes, name: str) -> None:
    assert first(asked(line=b"GET " + target + b" HTTP/1.1")) == Request(name)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (b"bytes=0-3", ByteRange(0, 3)),
        (b"bytes=5-", ByteRange(5, None)),
        (b"bytes=-4", ByteRange(None, 4)),
        (b"bytes=-", None),
        (b"bytes=3-1", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (b"bytes=0-" + b"9" * 30, None),
    ],
)
def test_ranges(header: bytes, part: ByteRange | None) -> None:
    assert first(asked(b"Range: " + header)) == Request("f", range=part)


@pytest.mark.parametrize(
    ("part", "within"),
    [
        (ByteRange(0, 3), (0, 4)),
        (ByteRange(0, 99), (0, 10)),
        (ByteRange(9, None), (9, 1)),
        (ByteRange(10, None), None),
        (ByteRange(None, 4), (6, 4)),
        (ByteRange(None, 40), (0, 10)),
        (ByteRange(None, 0), None),
    ],
)
def test_a_range_within_ten_bytes(
    part: ByteRange, within: tuple[int, int] | None
) -> None:
    assert part.within(10) == within


def test_a_range_with_a_condition_is_the_whole_file() -> None:
    data = asked(b"Range: bytes=0-3", b'If-Range: "tag"')
    assert first(data) == Request("f")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (asked(line=b"POST /f HTTP/1.1"), 405),
        (asked(line=b"PUT /f HTTP/1.1"), 405),
        (asked(line=b"DELETE /f HTTP/1.1"), 405),
        (asked(line=b"CONNECT a:1 HTTP/1.1"), 405),
        (asked(b"Content-Length: 3"), 400),
        (asked(b"Transfer-Encoding: chunked"), 400),
        (asked(b"Content-Length: 3", b"Transfer-Encoding: chunked"), 400),
        (asked(b"Content-Length: 3", b"Content-Length: 4"), 400),
        (asked(b"Transfer-Encoding: gzip"), 501),
        (asked(b"X : y"), 400),
        (asked(b"X\x00: y"), 400),
        (asked(line=b"GET * HTTP/1.1"), 400),
        (asked(line=b"GET f HTTP/1.1"), 400),
        (asked(line=b"GET /\xc3\xa4 HTTP/1.1"), 400),
        (asked(line=b"GET /%00 HTTP/1.1"), 400),
        (asked(line=b"GET /%0d%0aX HTTP/1.1"), 400),
        (asked(line=b"GET ftp://x/f HTTP/1.1"), 400),
        (asked(line=b"GET http://[/f HTTP/1.1"), 400),
        (b"GET /f HTTP/1.1\r\n\r\n", 400),
        (b"GET /f\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET /f HTTP/1.1\r\nX: " + b"y" * MAX_HEAD_BYTES, 431),
        (b"GET /" + b"y" * MAX_HEAD_BYTES, 431),
    ],
)
def test_what_is_refused_ends_the_connection(data: bytes, status: int) -> None:
    stream = ServerStream()
    stream.receive(data)
    refused = stream.next_request()
    assert isinstance(refused, Refused)
    assert refused.status == status
    head = stream.head(refused.status, 0)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\n" in head
    stream.finish()
    assert stream.must_close
    stream.receive(asked())
    assert stream.next_request() is None


@pytest.mark.parametrize("size", [1, 1000, 100_000])
@pytest.mark.parametrize("length", [10_000, 20_000])
def test_a_long_head_is_refused_however_it_was_cut(length: int, size: int) -> None:
    """10,000 bytes in one segment were once served, and in two refused."""
    data = b"GET /" + b"y" * length + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    stream, found = ServerStream(), None
    for at in range(0, len(data), size):
        stream.receive(data[at : at + size])
        if (found := stream.next_request()) is not None:
            break
    assert isinstance(found, Refused)
    assert found.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_a_head_of_the_longest_length_is_taken() -> None:
    data = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
    name = b"y" * (MAX_HEAD_BYTES - len(data % b""))
    stream = ServerStream()
    stream.receive(data % name + b"GET /g HTTP/1.1\r\n")
    assert stream.next_request() == Request(name.decode())


def test_requests_follow_each_other_on_one_connection() -> None:
    stream = ServerStream()
    assert ServerStream().is_between_requests
    stream.receive(asked() + asked(line=b"HEAD /g HTTP/1.1"))
    assert stream.next_request() == Request("f")
    assert stream.next_request() is None  # the first is being answered
    assert answer(stream) == (
        b"HTTP/1.1 200 OK\r\nContent-length: 4\r\nCache-Control: no-store\r\n"
        b"Content-type: */*\r\n\r\n"
    )
    is_idle = stream.is_between_requests
    assert not is_idle
    assert stream.next_request() == Request("g", is_head=True)
    stream.head(HTTPStatus.OK, 4)
    stream.finish()
    assert stream.is_between_requests
    assert not stream.must_close


@pytest.mark.parametrize(
    "data", [asked(b"Connection: close"), b"GET /f HTTP/1.0\r\n\r\n"]
)
def test_a_client_may_want_one_answer_only(data: bytes) -> None:
    stream = ServerStream()
    stream.receive(data)
    assert stream.next_request() == Request("f")
    assert b"Connection: close\r\n" in answer(stream)
    assert stream.must_close


def test_a_request_may_come_byte_by_byte() -> None:
    stream = ServerStream()
    data = asked(b"Range: bytes=0-3")
    for index in range(len(data) - 1):
        stream.receive(data[index : index + 1])
        assert stream.next_request() is None
        assert not stream.is_between_requests
    stream.receive(data[-1:])
    assert stream.next_request() == Request("f", range=ByteRange(0, 3))


def test_what_is_sent_ahead_is_bounded() -> None:
    stream = ServerStream()
    stream.receive(asked())
    assert stream.next_request() == Request("f")
    stream.receive(bytes(4 * MAX_HEAD_BYTES))
    with pytest.raises(ProtocolError, match="ahead"):
        stream.receive(b"x")


@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [asked(), HOST, b"\r\n", b"GET ", b"Content-Length: 1\r\n"]
            ),
        ),
        max_size=12,
    )
)
def test_any_bytes_end_in_requests_or_one_refusal(pieces: list[bytes]) -> None:
    stream = ServerStream()
    for piece in pieces:
        stream.receive(piece)
        while (found := stream.next_request()) is not None:
            if isinstance(found, Refused):
                stream.head(found.status, 0)
                stream.finish()
                assert stream.must_close
            else:
                stream.head(HTTPStatus.NOT_FOUND, 0)
                stream.finish()
