"""TVS messages: the observed bytes, hostile bytes, and there and back."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.files.header_fields import decode_text
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.elements import Tag, is_device_name
from tokenless.protocol.tvs.messages import (
    MessageType,
    Query,
    Status,
    Verify,
    pack_message,
)
from tokenless.protocol.tvs.stream import decode_message
from tokenless.protocol.wire import pack_element

# REFERENCE 3.3: the vendor's log dumps 50 of these 153 bytes; sizes give the rest.
OBSERVED_QUERY = Query(
    session_id=1001,
    device="CP-8861-SEPB000B4BA0AEE",
    subject="CN=ucm11pub.stormin.local;OU=IST;O=Stormin;L=Brisbane;ST=QLD;C=AU",
    issuer="CN=stormin-WIN2012-CA",
    serial=bytes.fromhex("24000000179479B8F124AC3F3B000000000017"),
)
OBSERVED_HEAD = (
    bytes.fromhex("5701030000 0003e9 008f 010018 01".replace(" ", ""))
    + b"CP-8861-SEPB000B4BA0AEE\x03\x00\x42CN=ucm11pu"
)

names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60
)
sessions = st.integers(0, 0xFFFFFFFF)
queries = st.builds(
    Query, sessions, names, names, names, st.binary(min_size=1, max_size=64)
)
verifies = st.builds(Verify, sessions, names, st.binary(min_size=1, max_size=2000))
positive = st.builds(
    Answer,
    sessions,
    st.sampled_from([MessageType.QUERY_ANSWER, MessageType.VERIFY_ANSWER]),
    st.just(Status.TRUSTED),
    st.binary(min_size=1, max_size=2000),
    st.lists(st.integers(0, 255), max_size=6).map(tuple),
    st.none() | st.integers(0, 0xFFFFFFFF),
)
messages = queries | verifies | positive


def test_the_observed_query_is_built_to_the_byte() -> None:
    message = OBSERVED_QUERY.encode()
    assert len(message) == 153
    assert message[:50] == OBSERVED_HEAD
    assert decode_message(message) == OBSERVED_QUERY


def test_a_query_of_the_second_trace_has_180_bytes() -> None:
    name = "x" * 58
    query = Query(1002, "CP-8861-SEPB000B4BA0AEE", name, name, bytes(16))
    assert len(query.encode()) == 180


def test_the_observed_answer_is_built_to_the_byte() -> None:
    certificate = b"\x30\x82\x05\xa7" + bytes(1447)
    answer = Answer(1001, MessageType.QUERY_ANSWER, 0, certificate, (0, 3), 86400)
    message = answer.encode()
    assert len(message) == 1480
    assert message[:3] == b"\x57\x01\x04"
    assert message[4:21] == bytes.fromhex(
        "000003e905be07000100020 5ab308205a7".replace(" ", "")
    )
    assert message[-12:] == bytes.fromhex("0800020003 0900040001 5180".replace(" ", ""))


def test_the_reserved_byte_of_a_real_answer_is_ignored() -> None:
    answer = Answer(1001, MessageType.VERIFY_ANSWER, Status.TRUSTED, None, (4,), 60)
    message = bytearray(answer.encode())
    message[3] = 0xF7
    assert decode_message(bytes(message)) == answer


def test_a_negative_answer_is_a_status_and_nothing_else() -> None:
    answer = Answer(7, MessageType.QUERY_ANSWER, Status.UNTRUSTED)
    assert answer.encode() == bytes.fromhex(
        "570104000000000700040700 0101".replace(" ", "")
    )
    assert not answer.is_trusted


def test_an_odd_status_is_not_trust() -> None:
    answer = decode_message(pack_message(MessageType.VERIFY_ANSWER, 1, b"\x07\0\1\x02"))
    assert isinstance(answer, Answer)
    assert not answer.is_trusted


@given(messages)
def test_there_and_back(message: Query | Verify | Answer) -> None:
    assert decode_message(message.encode()) == message


@given(queries, st.permutations(range(4)), st.lists(st.sampled_from([6, 10, 99, 255])))
def test_elements_come_in_any_order_among_unknown_ones(
    query: Query, order: list[int], strangers: list[int]
) -> None:
    elements = [
        pack_element(Tag.DEVICE, b"\x01" + query.device.encode()),
        pack_element(Tag.SUBJECT, query.subject.encode() + b"\0"),
        pack_element(Tag.ISSUER, query.issuer.encode() + b"\0"),
        pack_element(Tag.SERIAL, query.serial),
    ]
    body = b"".join(pack_element(tag, b"?") for tag in strangers)
    body += b"".join(elements[at] for at in order)
    decoded = decode_message(pack_message(MessageType.QUERY, query.session_id, body))
    assert decoded == query
    assert isinstance(decoded, Query)
    assert decoded.ignored_elements == len(strangers)


@given(messages, st.data())
def test_a_truncated_message_is_a_decode_error(
    message: Query | Verify | Answer, data: st.DataObject
) -> None:
    whole = message.encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode_message(whole[:cut])


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"\x57\1\3" + b))
def test_garbage_causes_nothing_but_protocol_errors(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode_message(data)


def query_of(*elements: bytes) -> bytes:
    return pack_message(MessageType.QUERY, 1, b"".join(elements))


SUBJECT = pack_element(Tag.SUBJECT, b"CN=a\0")
ISSUER = pack_element(Tag.ISSUER, b"CN=b\0")
SERIAL = pack_element(Tag.SERIAL, b"\x01")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "not a TVS message"),
        (b"\x57\x02" + bytes(8), "version 2"),
        (b"\x57\x01\x09" + bytes(7), "type 9"),
        (query_of(SUBJECT, ISSUER), "no serial"),
        (query_of(SUBJECT, SERIAL), "no issuer"),
        (query_of(SUBJECT, ISSUER, pack_element(Tag.SERIAL, b"")), "no serial"),
        (query_of(SUBJECT, SUBJECT, ISSUER, SERIAL), "twice"),
        (query_of(SUBJECT, ISSUER, b"\x05\x00\x10\x01"), "claims more bytes"),
        (query_of(SUBJECT, ISSUER, b"\x05\xff"), "head is cut short"),
        (query_of(SUBJECT, ISSUER, pack_element(Tag.SERIAL, bytes(65))), "65 bytes"),
        (query_of(pack_element(Tag.DEVICE, bytes(4097))), "device of 4097 bytes"),
        (
            query_of(SUBJECT, pack_element(Tag.ISSUER, b"a" * 5000), SERIAL),
            "issuer of 5000 bytes",
        ),
        (query_of(SUBJECT, pack_element(Tag.ISSUER, b"a\0b\0"), SERIAL), "NUL"),
        (query_of(SUBJECT, pack_element(Tag.ISSUER, b"\xff\xfe"), SERIAL), "UTF-8"),
        (
            pack_message(MessageType.VERIFY, 1, pack_element(1, b"\1a")),
            "no certificate",
        ),
        (
            pack_message(MessageType.QUERY_ANSWER, 1, b"\x07\0\1\0"),
            "without certificate",
        ),
        (pack_message(MessageType.VERIFY_ANSWER, 1, b"\x08\0\1\0"), "no status"),
        (
            pack_message(MessageType.VERIFY_ANSWER, 1, b"\x07\0\1\0\x09\0\2\0\0"),
            "TTL has 4 bytes",
        ),
    ],
)
def test_what_is_wrong_is_said(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode_message(data)


def test_the_error_counts_from_the_message_start() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_message(query_of(SUBJECT, ISSUER, b"\x05\xff\xff"))
    assert caught.value.offset == 10 + len(SUBJECT) + len(ISSUER)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("CP-8861-SEPB000B4BA0AEE", True),
        ("CP-7975-SEP001122334455", True),
        ("CP-7941G-GE-SEP001122334455", True),
        ("SEP001122334455", False),
        ("CP-7975-SEP00112233445", False),
        ("CP-7975-SEP001122334455\n", False),
        ("", False),
    ],
)
def test_device_names(name: str, is_one: bool) -> None:
    assert is_device_name(name) is is_one


@pytest.mark.parametrize("length", [20_000, 40_000])
def test_names_of_a_file_may_be_too_long_to_be_asked_about(length: int) -> None:
    """Bytes that are no UTF-8 are read as Latin-1, and are twice as many then."""
    name = decode_text(b"\xff" * length + b"\0", 0, "SIGNERNAME")
    with pytest.raises(ProtocolError, match="cannot be asked"):
        Query(1001, "CP-8861-SEPB000B4BA0AEE", name, name, b"\1").encode()


def test_a_certificate_that_is_too_long_to_be_asked_about() -> None:
    for length in (0xFFFF, 0x10000):
        with pytest.raises(ProtocolError, match="cannot be asked"):
            Verify(1001, "CP-8861-SEPB000B4BA0AEE", bytes(length)).encode()


def test_messages_are_called_as_the_vendors_log_does() -> None:
    assert MessageType.QUERY.log_name == "TVS_MSG_QUERY_CERT_REQ"
    assert len({kind.log_name for kind in MessageType}) == len(MessageType)


def test_a_serial_is_shown_as_keys_have_it() -> None:
    assert OBSERVED_QUERY.serial_hex == "24000000179479B8F124AC3F3B000000000017"
