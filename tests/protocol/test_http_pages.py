"""Requests as they come: whole, cut, too long, nonsense."""

from http import HTTPStatus

import pytest

from tokenless.protocol.http.pages import (
    MAX_HEAD_BYTES,
    Page,
    answer_untrusted,
    needs_more,
)


def site(target: str) -> Page | None:
    return Page(target.encode(), "text/plain") if target.startswith("/a") else None


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        (b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.OK, b"/a?b"),
        (b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.OK, b""),
        (b"GET /b HTTP/1.0\r\n\r\n", HTTPStatus.NOT_FOUND, b"Not Found"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.BAD_REQUEST, None),
        (b"GET /a HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST, None),
        (b"POST /a HTTP/1.1\r\nHost: x\r\n\r\n", HTTPStatus.METHOD_NOT_ALLOWED, None),
        (b"GET /a HTTP/1.1\r\n", HTTPStatus.BAD_REQUEST, None),
        (b"GET /a\r\n\r\n", HTTPStatus.BAD_REQUEST, None),
        (b"", HTTPStatus.BAD_REQUEST, None),
        (b"\r\n\r\n", HTTPStatus.BAD_REQUEST, None),
        (b"GET /a" + b"a" * MAX_HEAD_BYTES, HTTPStatus.BAD_REQUEST, None),
    ],
)
def test_answers(head: bytes, status: HTTPStatus, body: bytes | None) -> None:
    answer, _, content = answer_untrusted(site, head).partition(b"\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status.value} ".encode())
    if body is not None:
        assert content == body


def test_reading_ends_with_the_head_or_at_the_bound() -> None:
    assert needs_more(b"GET / HTTP/1.1\r\n")
    assert not needs_more(b"GET / HTTP/1.1\r\n\r\n")
    assert not needs_more(b"x" * (MAX_HEAD_BYTES + 1))
