"""Packets: what tftpy parses and builds, what is done here, and hostile bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tftpy.TftpPacketFactory import TftpPacketFactory

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.tftp.netascii import to_netascii
from tokenless.protocol.tftp.packets import (
    MAX_REQUEST_BYTES,
    Data,
    Mode,
    OptionAck,
    ReadRequest,
    TftpError,
    TftpErrorCode,
    decode_answer,
    decode_error,
    decode_read_request,
    encode_ack,
    encode_data,
    encode_error,
    encode_option_ack,
    encode_read_request,
)

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
VALUES = st.integers(min_value=0, max_value=70000).map(str)


def test_a_plain_request() -> None:
    assert decode_read_request(b"\0\1CTLSEP001122334455.tlv\0octet\0") == ReadRequest(
        "CTLSEP001122334455.tlv", Mode.OCTET
    )


def test_a_request_with_options_in_any_case() -> None:
    data = b"\0\1f\0NetASCII\0BLKSIZE\x001428\0tSize\x000\0"
    assert decode_read_request(data) == ReadRequest(
        "f", Mode.NETASCII, {"blksize": "1428", "tsize": "0"}
    )


def test_padding_behind_a_plain_request_is_ignored() -> None:
    assert decode_read_request(b"\0\1f\0octet\0\0\0\0") == ReadRequest("f", Mode.OCTET)


@given(NAMES.filter(lambda name: len(name) < 200), st.dictionaries(NAMES, VALUES))
def test_requests_round_trip(name: str, options: dict[str, str]) -> None:
    lower = {key.lower(): value for key, value in options.items()}
    try:
        data = encode_read_request(name, lower)
    except ValueError:
        assert sum(len(k) + len(v) + 2 for k, v in lower.items()) > 250
        return
    assert decode_read_request(data) == ReadRequest(name, Mode.OCTET, lower)


@pytest.mark.parametrize("name", ["", "ä", "a\0b", "x" * 600])
def test_names_that_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be asked|too long"):
        encode_read_request(name, {})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\1f",
        b"\0\1f\0",
        b"\0\1f\0octet",
        b"\0\1\0octet\0",
        b"\0\1f\0octet\0blksize\0",
        b"\0\1f\0octet\0blksize\x00512",
        b"\0\1f\0octet\0\x00512\0",
        b"\0\1f\0oct\xffet\0",
        b"\0\1" + b"f" * 600 + b"\0octet\0",
        b"\0\1f\0octet\0" + b"a\0b\0" * 200,
        b"\0\3\0\1",
        b"\0\4\0\1",
        b"\0\6a\0b\0",
        b"\0\7f\0octet\0",
        b"\xff\xff\xff\xff",
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_read_request(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0\2f\0octet\0", TftpErrorCode.ACCESS_VIOLATION),
        (b"\0\2", TftpErrorCode.ACCESS_VIOLATION),
        (b"\0\1f\0mail\0", TftpErrorCode.ILLEGAL_OPERATION),
        (b"\0\1f\0binary\0blksize\x00512\0", TftpErrorCode.ILLEGAL_OPERATION),
        ("\0\1ä\0octet\0".encode(), TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\1\xff\xfe\0octet\0blksize\x00512\0", TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\1a\nb\0octet\0", TftpErrorCode.FILE_NOT_FOUND),
    ],
)
def test_requests_that_are_never_served(data: bytes, code: TftpErrorCode) -> None:
    with pytest.raises(TftpError) as caught:
        decode_read_request(data)
    assert caught.value.code == code


@given(st.binary(max_size=MAX_REQUEST_BYTES + 20))
def test_hostile_bytes_raise_protocol_errors_only(data: bytes) -> None:
    for head in (b"", b"\0\1", b"\0\3", b"\0\5", b"\0\6"):
        for decode in (decode_read_request, decode_answer, decode_error):
            try:
                decode(head + data)
            except ProtocolError:
                continue


@pytest.mark.parametrize(
    ("options", "understood"),
    [
        (b"multicast\0\0", {"multicast": ""}),
        (b"blksize\0\0tsize\x000\0", {"blksize": "", "tsize": "0"}),
        (b"blk\xff\x001\0tsize\x000\0", {"tsize": "0"}),
        (b"x\0\xff\0tsize\x000\0", {"tsize": "0"}),
    ],
)
def test_unknown_options_do_no_harm(options: bytes, understood: dict[str, str]) -> None:
    request = decode_read_request(b"\0\1f\0octet\0" + options)
    assert request.options == understood


def test_hostile_bytes_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DecodeError):
        decode_read_request(b"\0\1f\0octet\0x")
    decode_answer(b"\0\5\0\1gone\0")
    assert not caplog.records


def test_packets_are_what_tftpy_understands() -> None:
    parse = TftpPacketFactory().parse
    assert (parse(encode_ack(65537)).opcode, parse(encode_ack(65537)).blocknumber) == (
        4,
        1,
    )
    block = parse(encode_data(65536, b"abc"))
    assert (block.blocknumber, block.data) == (0, b"abc")
    assert parse(encode_option_ack({"tsize": "7"})).options == {"tsize": "7"}
    error = parse(encode_error(0, "no\ntoken"))
    assert (error.errorcode, error.errmsg) == (0, b"no\ntoken")


def test_answers() -> None:
    assert decode_answer(b"\0\3\0\1abc") == Data(1, b"abc")
    assert decode_answer(b"\0\3\0\1") == Data(1, b"")
    assert decode_answer(b"\0\6BlkSize\x00512\0") == OptionAck({"blksize": "512"})
    error = decode_answer(b"\0\5\0\1File not found\0")
    assert isinstance(error, TftpError)
    assert (error.code, error.message) == (1, "File not found")


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"\0\5\0\2", 2, "Access violation"),
        (b"\0\5\0\2not ended", 2, "not ende"),  # tftpy takes the last byte for the NUL
        (b"\0\5\x12\x34?\0", 0x1234, "?"),
        ("\0\5\0\0ä\0".encode(), 0, "��"),
    ],
)
def test_odd_errors_are_understood(data: bytes, code: int, message: str) -> None:
    error = decode_error(data)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("code", list(TftpErrorCode))
def test_every_code_has_a_meaning(code: TftpErrorCode) -> None:
    error = decode_answer(encode_error(code))
    assert isinstance(error, TftpError)
    assert (error.code, error.message) == (code, code.meaning)


def test_netascii_on_the_wire() -> None:
    assert to_netascii(b"a\nb\rc\r\n") == b"a\r\nb\r\0c\r\0\r\n"


@given(st.binary())
def test_netascii_round_trips(content: bytes) -> None:
    sent = to_netascii(content)
    assert sent.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r") == content


def test_an_option_acknowledgement_is_no_longer_than_a_request() -> None:
    whole = b"\0\6" + b"blksize\0" + b"1" * (MAX_REQUEST_BYTES - 11) + b"\0"
    assert len(whole) == MAX_REQUEST_BYTES
    assert isinstance(decode_answer(whole), OptionAck)
    with pytest.raises(DecodeError, match="acknowledgement is too long"):
        decode_answer(whole + b"\0")
