"""Messages between nodes: whole, byte by byte, and hostile."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol import cluster_link as words
from tokenless.protocol.cluster_link import MAX_BODY_BYTES, LinkStream, encode_message
from tokenless.protocol.errors import ProtocolError

PHONE = words.PhoneEntry("SEP00000000000A", "1000", 3, True, False, "127.0.0.1", 5)
KEYS = words.Keys(b"k" * 16, b"s" * 14)
ALL: tuple[words.LinkMessage, ...] = (
    words.Hello("pub"),
    words.Alive(),
    words.Registered((PHONE,)),
    words.Unregistered((PHONE.device,)),
    words.Ring(1, PHONE.device, words.Caller("SEP00000000000B", "1001", 1, "10.0.0.1")),
    words.OpenMedia(1, KEYS),
    words.ConnectMedia(1, "127.0.0.1", 16384, KEYS, None),
    words.Connected(1, 3),
    words.CallEnded(1, "busy"),
    words.Alerting(1),
    words.Answered(1),
    words.ConnectMedia(1, "127.0.0.1", 16384, KEYS, KEYS, "AES_CM_128_HMAC_SHA1_80"),
    words.MediaOpened(1, "127.0.0.1", 16386, None),
    words.MediaOpened(1, "127.0.0.1", 16386, KEYS, (words.OfferedKeys("x", KEYS),)),
    words.HungUp(1, None),
)


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_messages_come_out_however_they_are_cut(step: int) -> None:
    data = b"".join(encode_message(each) for each in ALL)
    stream = LinkStream()
    found: list[words.LinkMessage] = []
    for at in range(0, len(data), step):
        found += stream.receive(data[at : at + step])
    assert tuple(found) == ALL
    assert stream.is_between_messages


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff",
        b'{"do":"unheard-of"}',
        b'{"do":"hello"}',
        b'{"do":"hello","node":""}',
        b'{"do":"hello","node":"' + b"x" * 129 + b'"}',
        b'{"do":"connected","call":1,"status":4}',
        b'{"do":"connected","call":-1,"status":1}',
        b'{"do":"media-opened","call":1,"address":"x","port":0,"keys":null}',
        b'{"do":"open-media","call":1,"keys":{"key":"QQ==","salt":"QQ=="}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_ends_the_connection(body: bytes) -> None:
    stream = LinkStream()
    with pytest.raises(ProtocolError):
        stream.receive(framed(body))
    with pytest.raises(ProtocolError):
        stream.receive(encode_message(words.Alive()))


def test_a_long_message_is_refused_by_its_length() -> None:
    with pytest.raises(ProtocolError):
        LinkStream().receive((MAX_BODY_BYTES + 1).to_bytes(4, "big"))


def test_a_full_announcement_fits() -> None:
    widest = words.PhoneEntry(
        "X" * 128, "9" * 50, 3, True, True, "1" * 45, (1 << 53) - 1
    )
    data = encode_message(words.Registered((widest,) * words.MAX_PHONES))
    assert len(LinkStream().receive(data)) == 1


def test_errors_and_texts_keep_keys_to_themselves() -> None:
    body = encode_message(words.OpenMedia(1, KEYS))[4:].replace(
        b'"call":1', b'"call":"a"'
    )
    with pytest.raises(ProtocolError) as error:
        LinkStream().receive(framed(body))
    assert "a2tra2tr" in body.decode()
    assert "a2tra2tr" not in str(error.value)
    assert error.value.__cause__ is None
    assert "kkkk" not in repr(words.OpenMedia(1, KEYS))


def test_a_node_of_an_older_release_says_one_key_and_no_suite() -> None:
    keys = b'{"key":"a2tra2tra2tra2tra2traw==","salt":"c3Nzc3Nzc3Nzc3Nzc3M="}'
    told = (
        b'{"do":"media-opened","call":1,"address":"x","port":1,"keys":%s}' % keys,
        b'{"do":"connect-media","call":1,"address":"x","port":1,"sends_with":%s,'
        b'"receives_with":%s}' % (keys, keys),
    )
    opened, connect = LinkStream().receive(b"".join(map(framed, told)))
    assert isinstance(opened, words.MediaOpened)
    assert (opened.keys, opened.offers) == (KEYS, ())
    assert isinstance(connect, words.ConnectMedia)
    assert connect.suite == "AES_CM_128_HMAC_SHA1_32"


@given(st.binary(max_size=300), st.integers(1, 20))
def test_random_bytes_cause_protocol_errors_only(data: bytes, step: int) -> None:
    stream = LinkStream()
    with contextlib.suppress(ProtocolError):
        for at in range(0, len(data), step):
            stream.receive(data[at : at + step])
