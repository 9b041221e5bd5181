"""CAPF messages: observed bytes, there and back, cut and damaged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import capf, minting
from tokenless.protocol.capf.elements import (
    CapfTag,
    SudiProof,
    pack_certificate,
    pack_text,
)
from tokenless.protocol.capf.messages import (
    MAX_BODY_LENGTH,
    CapfMessage,
    Command,
    capf_message,
)
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.stream import FROM_PHONES, FROM_SERVERS, CapfStream
from tokenless.protocol.errors import DecodeError, ProtocolError

SPKI = bytes(range(256)) + bytes(38)
DER_979, DER_939 = bytes(979), bytes(939)
NAME = b"SEP001122334455\0"

# REFERENCE-3 3.3: what a real server and a real softphone said, and the free daemon.
OBSERVED = {
    "AUTH_REQUEST, real": "5501000000040004 070001 03",
    "AUTH_REQUEST, daemon": "5501000000040008 070001 03 080001 00",
    "AUTH_RESPONSE, real": f"550200000004001b 07000102 0d0010 {NAME.hex()} 01000101",
    "AUTH_RESPONSE, ours": f"550200000004001b 01000101 07000103 0d0010 {NAME.hex()}",
    "KEYGEN_REQUEST, real": "5503000000040005 0a0002 0800",
    "KEYGEN_REQUEST, daemon": "5503000000040009 0a0002 0800 110001 00",
    "REQUEST_IN_PROGRESS": "5511000000040000",
    "KEYGEN_RESPONSE, real": f"5504000000040129 090126 {SPKI.hex()}",
    "KEYGEN_RESPONSE, ours": f"550400000004012d 01000101 090126 {SPKI.hex()}",
    "STORE_REQUEST, real": (
        f"55090000000403df 03000101 0403d8 0103d5 0001 {DER_979.hex()}"
    ),
    "STORE_REQUEST, daemon": (
        f"55090000000403b7 03000101 0403b0 0103ad 0001 {DER_939.hex()}"
    ),
    "STORE_RESPONSE": "550a000000040004 01000101",
    "END_SESSION": "550f000000040004 01000101",
    "END_SESSION, refused": "550f000000040004 01000107",
    "FETCH_REQUEST": "550b000000040000",
}


@pytest.mark.parametrize("name", OBSERVED)
def test_observed_bytes(name: str) -> None:
    data = bytes.fromhex(OBSERVED[name])
    message = CapfMessage.decode(data)
    assert message.command.name == name.partition(",")[0]
    assert message.session_id == 4
    assert message.encode() == data


def test_what_observed_bytes_say() -> None:
    def decoded(name: str) -> CapfMessage:
        return CapfMessage.decode(bytes.fromhex(OBSERVED[name]))

    assert decoded("AUTH_RESPONSE, real").device == "SEP001122334455"
    assert decoded("AUTH_RESPONSE, real").number(CapfTag.VERSION) == 2
    assert decoded("KEYGEN_REQUEST, real").number(CapfTag.KEY_SIZE) == 2048
    assert decoded("STORE_REQUEST, real").certificate == DER_979
    assert decoded("END_SESSION, refused").number(CapfTag.REASON) == 7


def test_the_daemons_conversation_byte_by_byte() -> None:
    """Our two sides say what the free daemon and its client say."""
    talk = capf.conversation()
    key = talk.public_key or b""
    der = talk.issued.der if talk.issued else b""
    inner = len(der) + 2
    assert [each.hex() for each in talk.said] == [
        bytes.fromhex(text).hex()
        for text in (
            OBSERVED["AUTH_REQUEST, daemon"],
            OBSERVED["AUTH_RESPONSE, ours"],
            OBSERVED["KEYGEN_REQUEST, daemon"],
            f"550400000004012d 01000101 090126 {key.hex()}",
            (
                f"550900000004{len(der) + 12:04x}03000101"
                f"04{len(der) + 5:04x}01{inner:04x}0001{der.hex()}"
            ),
            OBSERVED["STORE_RESPONSE"],
            OBSERVED["END_SESSION"],
        )
    ]


def test_the_password_comes_as_text() -> None:
    talk = capf.conversation(identity=CapfIdentity(capf.DEVICE, password="9999"))
    assert bytes.fromhex("0b0005 39393939 00") in talk.said[1]


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
ELEMENTS = st.fixed_dictionaries(
    {},
    optional={
        CapfTag.REASON: st.integers(0, 255),
        CapfTag.VERSION: st.integers(0, 255),
        CapfTag.AUTH_TYPE: st.integers(0, 255),
        CapfTag.KEY_SIZE: st.binary(min_size=2, max_size=2),
        CapfTag.DEVICE_NAME: TEXTS.map(pack_text),
        CapfTag.PASSWORD: TEXTS.map(pack_text),
        CapfTag.CERTIFICATE: st.binary(min_size=1, max_size=300).map(pack_certificate),
        CapfTag.SIGNED_DATA: st.binary(min_size=1, max_size=128),
        CapfTag.SUDI_DATA: st.builds(
            lambda parts: SudiProof(*parts).encode(),
            st.tuples(*3 * [st.binary(min_size=1, max_size=50)]),
        ),
    },
)
MESSAGES = st.builds(
    capf_message, st.sampled_from(Command), st.integers(0, 2**32 - 1), ELEMENTS
)


@given(MESSAGES)
def test_what_is_written_is_read_again(message: CapfMessage) -> None:
    data = message.encode()
    again = CapfMessage.decode(data)
    assert again == message
    assert again.encode() == data


@given(st.lists(MESSAGES, min_size=1, max_size=4), st.integers(0, 2**32))
def test_messages_cut_anyhow(messages: list[CapfMessage], seed: int) -> None:
    data, order = b"".join(each.encode() for each in messages), random.Random(seed)
    stream, found = CapfStream(frozenset(Command)), []
    at = 0
    while at < len(data):
        step = order.randint(1, 40)
        stream.receive(data[at : at + step])
        at += step
        while (message := stream.next_event()) is not None:
            found.append(message)
    assert found == messages
    assert stream.is_between_messages


def test_unknown_elements_are_kept() -> None:
    data = bytes.fromhex("5501 00000004 0009 c80002 abcd 070001 03")
    assert CapfMessage.decode(data).encode() == data


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5701 00000004 0004 07000103", "byte 0x57 is not CAPF"),
        ("5563 00000004 0000", "command 99 is unknown"),
        ("5501 00000004 ffff", "a body of 65535 bytes is too long"),
        ("5501 00000004 0005 07000103", "another length"),
        ("5501 0000", "cut short"),
        ("5501 00000004 0005 0700020303", "VERSION has 2 bytes"),
        ("5501 00000004 0008 07000103 07000103", "VERSION comes twice"),
        ("5502 00000004 0006 0d0003 414243", "without one NUL"),
        ("5502 00000004 0007 0d0004 41004200", "without one NUL"),
        ("5502 00000004 0005 0d0002 0a00", "not printable"),
        ("5509 00000004 0009 040006 010002 000130", "lengths do not agree"),
        ("5502 00000004 0007 140004 010001 aa", "not over SHA-512"),
        ("5502 00000004 000d 10000a 000001aa 010001bb 0000", "cut short"),
        ("5502 00000004 000f 10000c 000001aa 000001aa 010001bb", "SUDI data twice"),
        ("5502 00000004 000f 10000c 000001aa 010001bb 020001cc", "other parts"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        CapfMessage.decode(bytes.fromhex(text))


def test_a_stream_refuses_what_the_other_side_does_not_send() -> None:
    for commands, text in (
        (FROM_PHONES, OBSERVED["AUTH_REQUEST, real"]),
        (FROM_SERVERS, OBSERVED["STORE_RESPONSE"]),
    ):
        stream = CapfStream(commands)
        stream.receive(bytes.fromhex(text))
        for _ in range(2):
            with pytest.raises(ProtocolError, match="does not come from this side"):
                stream.next_event()
        assert stream.buffered_bytes == 0


def test_a_streams_buffer_is_bounded() -> None:
    stream = CapfStream(FROM_PHONES, max_buffered_bytes=100)
    stream.receive(bytes.fromhex("5502 00000004 4000") + bytes(92))
    assert stream.next_event() is None
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        stream.receive(b"\0")


def test_a_body_too_long_is_not_written() -> None:
    message = CapfMessage(Command.END_SESSION, 1, ((99, bytes(MAX_BODY_LENGTH)),))
    with pytest.raises(ValueError, match="a CAPF message"):
        message.encode()
    with pytest.raises(ValueError, match="cannot be sent"):
        pack_text("a\0b")


def whole_conversation() -> list[bytes]:
    own = capf.own(capf.phone_certificate(label="old"))
    return capf.conversation(identity=CapfIdentity(capf.DEVICE, own=own)).said


def test_every_truncation_and_bit_flip_is_taken_or_refused() -> None:
    """Whatever comes: a message that is written as it was read, or DecodeError."""
    order = random.Random(0)
    for data in whole_conversation():
        for length in range(len(data)):
            with pytest.raises(DecodeError):
                CapfMessage.decode(data[:length])
        bits = range(len(data) * 8)
        for bit in bits if len(bits) < 4000 else order.sample(bits, 4000):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            try:
                message = CapfMessage.decode(bytes(damaged))
            except DecodeError:
                continue
            assert message.encode() == damaged


def test_the_largest_key_fits() -> None:
    key = minting.rsa_key(2048, "phone")
    assert key.key_size // 8 * 2 <= 1024
