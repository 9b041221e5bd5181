"""SIP messages and streams: there and back, RFC 4475's torture, hostile bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.sip.addresses import decode_address, decode_uri
from tokenless.protocol.sip.messages import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.stream import SipStream

TOKENS = st.text(
    st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"),
    min_size=1,
    max_size=20,
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=40).map(
    lambda text: "".join(each for each in text if each.isprintable()).strip()
)
HEADERS = st.lists(
    st.tuples(
        TOKENS.filter(lambda name: name.lower() not in {"content-length", "l"}), VALUES
    ),
    max_size=6,
).map(tuple)
BODIES = st.binary(max_size=100)
REQUESTS = st.builds(
    SipRequest, TOKENS, TOKENS.map(lambda user: f"sip:{user}@10.0.0.1"), HEADERS, BODIES
)
RESPONSES = st.builds(
    SipResponse,
    st.integers(100, 699),
    VALUES.map(lambda text: text.replace("\t", " ")),
    HEADERS,
    BODIES,
)
MESSAGES = st.one_of(REQUESTS, RESPONSES)


def without_length(message: SipRequest | SipResponse) -> tuple[tuple[str, str], ...]:
    return tuple(each for each in message.headers if each[0] != "Content-Length")


@given(MESSAGES)
def test_messages_go_there_and_back(message: SipRequest | SipResponse) -> None:
    again = decode_message(message.encode())
    assert type(again) is type(message)
    assert without_length(again) == message.headers
    assert again.body == message.body


@given(st.lists(MESSAGES, max_size=3), st.data())
def test_a_stream_is_cut_into_messages(
    sent: list[SipRequest | SipResponse], data: st.DataObject
) -> None:
    wire = b"\r\n\r\n".join(each.encode() for each in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
    stream, received = SipStream(), []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        received += stream.receive(wire[start:end])
    assert [each.body for each in received] == [each.body for each in sent]
    assert stream.is_between_messages


@given(st.binary(max_size=300))
def test_hostile_bytes_cause_protocol_errors_only(data: bytes) -> None:
    for read in (decode_message, SipStream().receive):
        try:
            read(data)
        except ProtocolError:
            continue


def registered(*lines: str, body: str = "") -> bytes:
    return "\r\n".join(["REGISTER sip:a SIP/2.0", *lines, "", body]).encode()


def test_short_names_folds_and_blanks_before_the_colon() -> None:
    """RFC 4475 3.1.1.1: a short tortuous message."""
    message = decode_message(
        registered(
            "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
            "l: 4",
            "s :\r\n ",
            "NewFangledHeader:   newfangled value\r\n continued",
            body="bodyignored",
        )
    )
    assert (
        message.get("to")
        == "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n"
    )
    assert message.get("newfangledheader") == "newfangled value continued"
    assert message.get("subject", "none") == ""
    assert message.body == b"body"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (registered("Content-Length: 9999", body="short"), "shorter than it claims"),
        (registered("Content-Length: -999", body="x"), "not one number"),
        (registered("Content-Length: 1", "l: 2", body="xx"), "not one number"),
        (registered(f"Content-Length: {MAX_BODY_BYTES + 1}"), "too long"),
        (registered("no header at all"), "not a header"),
        (registered(": value"), "not a header"),
        (registered("To: a\rb"), "control characters"),
        (registered("To: a\0b"), "control characters"),
        (registered(*["X: y"] * 101), "too many headers"),
        (registered("X: " + "y" * MAX_HEAD_BYTES), "too long"),
        (b"REGISTER sip:a SIP/7.0\r\n\r\n", "no request or status"),
        (b"REGISTER  sip:a SIP/2.0\r\n\r\n", "no request or status"),
        (b"REGISTER <sip:a b> SIP/2.0\r\n\r\n", "no request or status"),
        (b"SIP/2.0 4294967301 better\r\n\r\n", "no request or status"),
        (b"SIP/2.0 99 low\r\n\r\n", "no request or status"),
        (b"REGISTER sip:a SIP/2.0\r\nTo: \xff\r\n\r\n", "not UTF-8"),
        (b"REGISTER sip:a SIP/2.0\r\nTo: a", "no end of its headers"),
    ],
)
def test_malformed_messages_are_refused(data: bytes, words: str) -> None:
    """RFC 4475 3.1.2, and what two readers could understand differently."""
    with pytest.raises(DecodeError, match=words):
        decode_message(data)


def test_over_a_stream_a_length_is_needed() -> None:
    with pytest.raises(DecodeError, match="no Content-Length"):
        SipStream().receive(registered("To: a"))


def test_an_error_is_final() -> None:
    stream = SipStream()
    with pytest.raises(ProtocolError):
        stream.receive(b"x" * (MAX_HEAD_BYTES + 1))
    with pytest.raises(ProtocolError):
        stream.receive(registered("Content-Length: 0"))


def test_answers_copy_what_they_must() -> None:
    request = decode_message(
        registered(
            "v: SIP/2.0/TCP a",
            "f: <sip:1@a>;tag=x",
            "t: <sip:1@a>",
            "i: 7",
            "CSeq: 1 REGISTER",
            "X: y",
        )
    )
    assert isinstance(request, SipRequest)
    answer = answer_to(request, 200, "OK", to_tag="z")
    assert answer.headers == (
        ("v", "SIP/2.0/TCP a"),
        ("f", "<sip:1@a>;tag=x"),
        ("t", "<sip:1@a>;tag=z"),
        ("i", "7"),
        ("CSeq", "1 REGISTER"),
    )


def test_an_address_with_quotes_and_parameters() -> None:
    address = decode_address(
        '"A \\"quoted\\" <name>" <sip:u@[::1]:5061;transport=tls>;+sip.instance='
        '"<urn:uuid:0;x>";q=0.5;lone'
    )
    assert address.display == 'A "quoted" <name>'
    assert address.parameters == {
        "+sip.instance": "<urn:uuid:0;x>",
        "q": "0.5",
        "lone": "",
    }
    uri = decode_uri(address.uri)
    assert (uri.user, uri.host, uri.port) == ("u", "[::1]", 5061)
    assert uri.parameters == {"transport": "tls"}


def test_blanks_without_an_end_are_read_once() -> None:
    """Blanks of Unicode made reading a header cost their number cubed."""
    for text in ("\u2003" * 100_000, "x" + " " * 100_000 + "y", '"' + " " * 100_000):
        with pytest.raises(DecodeError):
            decode_address(text)


@pytest.mark.parametrize(
    "text", ["", "<>", '"open <sip:a>', "<sip:a", "<sip:a>;=x", "<sip:a>;" + ";x" * 40]
)
def test_malformed_addresses(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_address(text)


@pytest.mark.parametrize(
    "text",
    ["http://a", "sip:", "sip:a b", "sip:u@h:0", "sip:u@h:65536", "sip:u@h:port"],
)
def test_malformed_uris(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_uri(text)
