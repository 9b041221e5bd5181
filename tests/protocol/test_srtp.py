"""SRTP against the vector that libsrtp agrees with (REFERENCE-4 5.2), and attacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.srtp import (
    SrtpContext,
    SrtpError,
    SrtpKeys,
    SrtpSuite,
    derive_session_key,
)

KEYS = SrtpKeys(bytes(range(16)), bytes(range(0x20, 0x2E)))
PLAIN = bytes.fromhex("8000123400015f90deadbeef") + bytes(range(0x40, 0x54))
SHORT = SrtpSuite.AES_CM_128_HMAC_SHA1_32
SECURED = {
    SHORT: "8000123400015f90deadbeef70739fa3600db44f6ecf269420fca2cb59b0ca174f91b65e",
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: (
        "8000123400015f90deadbeef70739fa3600db44f6ecf269420fca2cb59b0ca174f91b65e"
        "a214c90e0c63"
    ),
}


def packet(sequence: int, payload: bytes = b"voice") -> bytes:
    return b"\x80\x00" + (sequence % 65536).to_bytes(2, "big") + bytes(8) + payload


def test_session_keys() -> None:
    assert derive_session_key(KEYS, 0, 16).hex() == "075ada91891565f37c37efb2c0f61882"
    assert (
        derive_session_key(KEYS, 1, 20).hex()
        == "f99c6cf3315b98d3139e09f534b8bf614239c284"
    )
    assert derive_session_key(KEYS, 2, 14).hex() == "07d03ab472ee4e4ed198fb9a87de"


@pytest.mark.parametrize("suite", SrtpSuite)
def test_the_vector(suite: SrtpSuite) -> None:
    assert SrtpContext(KEYS, suite).protect(PLAIN).hex() == SECURED[suite]
    secured = bytes.fromhex(SECURED[suite])
    assert SrtpContext(KEYS, suite).unprotect(secured) == PLAIN


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_stream_over_the_wrap_of_the_sequence(suite: SrtpSuite) -> None:
    sender, receiver = SrtpContext(KEYS, suite), SrtpContext(KEYS, suite)
    for sequence in range(65530, 65550):
        plain = packet(sequence)
        assert receiver.unprotect(sender.protect(plain)) == plain


def test_packets_out_of_order_come_once() -> None:
    sender, receiver = SrtpContext(KEYS, SHORT), SrtpContext(KEYS, SHORT)
    sent = {each: sender.protect(packet(each)) for each in range(100)}
    for each in (0, 2, 1, 5, 3, 99, 40):
        assert receiver.unprotect(sent[each]) == packet(each)
    for each in (0, 99, 40):
        with pytest.raises(SrtpError):
            receiver.unprotect(sent[each])
    with pytest.raises(SrtpError, match="too old"):
        receiver.unprotect(sent[20])


@given(st.integers(0, len(PLAIN) + 3), st.integers(1, 255))
def test_a_changed_packet_is_refused(place: int, mask: int) -> None:
    secured = bytearray.fromhex(SECURED[SHORT])
    secured[place] ^= mask
    with pytest.raises(ProtocolError):
        SrtpContext(KEYS, SHORT).unprotect(bytes(secured))


@given(st.binary(max_size=60))
def test_hostile_bytes_cause_protocol_errors_only(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        SrtpContext(KEYS, SHORT).unprotect(data)


def test_another_key_opens_nothing() -> None:
    other = SrtpContext(SrtpKeys(bytes(16), bytes(14)), SHORT)
    with pytest.raises(SrtpError, match="wrong tag"):
        other.unprotect(bytes.fromhex(SECURED[SHORT]))


def test_a_refused_packet_does_not_move_the_window() -> None:
    receiver = SrtpContext(KEYS, SHORT)
    forged = bytearray(SrtpContext(KEYS, SHORT).protect(packet(60000)))
    forged[-1] ^= 1
    with pytest.raises(SrtpError):
        receiver.unprotect(bytes(forged))
    assert receiver.unprotect(SrtpContext(KEYS, SHORT).protect(packet(1)))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 12, b"\x8f" + bytes(11), b"\x90" + bytes(11)],
    ids=["empty", "not RTP", "sources missing", "extension missing"],
)
def test_what_is_not_rtp_is_not_sent(data: bytes) -> None:
    with pytest.raises(DecodeError):
        SrtpContext(KEYS, SHORT).protect(data)


def test_headers_with_sources_and_extension_stay_clear() -> None:
    plain = b"\x92\x00\x00\x01" + bytes(8) + bytes(8) + b"\xbe\xde\0\1ext!" + b"voice"
    secured = SrtpContext(KEYS, SHORT).protect(plain)
    assert secured[:28] == plain[:28]
    assert SrtpContext(KEYS, SHORT).unprotect(secured) == plain


@pytest.mark.parametrize(("key", "salt"), [(15, 14), (16, 13)])
def test_keys_of_a_wrong_length(key: int, salt: int) -> None:
    with pytest.raises(DecodeError):
        SrtpKeys(bytes(key), bytes(salt))


def test_keys_are_in_no_description() -> None:
    assert "000102" not in repr(KEYS)
    assert "\\x01" not in repr(KEYS)


def test_the_rfcs_own_vectors() -> None:
    """RFC 3711 B.3: cipher key, salt and the bytes of the authentication key.

    Its heading says 94 octets of that key, its table has 96.
    """
    keys = SrtpKeys(
        bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139"),
        bytes.fromhex("0ec675ad498afeebb6960b3aabe6"),
    )
    cipher, salt = "c61e7a93744f39ee10734afe3ff7a087", "30cbbc08863d8c85d49db34a9ae1"
    assert derive_session_key(keys, 0, 16).hex() == cipher
    assert derive_session_key(keys, 2, 14).hex() == salt
    assert (
        derive_session_key(keys, 1, 96).hex()
        == "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c"
        "43d9327ad175578ef72270986371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2"
        "041e474035766b68642c59bbfc2f34db60dbdfb2dc68"
    )
