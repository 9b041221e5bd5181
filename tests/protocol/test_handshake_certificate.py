"""The Certificate message of a handshake: the first one, whole, or an error."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.certificates.handshake import decode_first_certificate
from tokenless.protocol.errors import DecodeError


def message(*certificates: bytes) -> bytes:
    chain = b"".join(len(each).to_bytes(3) + each for each in certificates)
    body = len(chain).to_bytes(3) + chain
    return b"\x0b" + len(body).to_bytes(3) + body


@given(st.binary(min_size=1, max_size=300), st.lists(st.binary(max_size=20)))
def test_the_first_of_a_chain(first: bytes, others: list[bytes]) -> None:
    assert decode_first_certificate(message(first, *others)) == first


@pytest.mark.parametrize(
    "data", [b"", b"\x0b", message(), message(b""), message(b"abc")[:-1], b"\x02" * 20]
)
def test_what_is_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_first_certificate(data)


@given(st.binary(max_size=64))
def test_hostile_bytes_cause_nothing_else(data: bytes) -> None:
    with suppress(DecodeError):
        assert decode_first_certificate(data) in data
