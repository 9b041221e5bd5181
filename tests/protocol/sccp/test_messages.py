"""SCCP messages: sizes by version, there and back, hostile bytes (REFERENCE-3 4)."""

import dataclasses
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sccp.answers import LineStat, RegisterAck
from tokenless.protocol.sccp.call import EnblocCall
from tokenless.protocol.sccp.call_display import CallInfo, CallInfoV2, DialedNumber
from tokenless.protocol.sccp.frames import (
    MAX_FRAME_BYTES,
    MESSAGES,
    SccpStream,
    UnknownMessage,
    encode_frame,
)
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import (
    ConnectionStatisticsRes,
    KeyBlock,
    OpenReceiveChannel,
    OpenReceiveChannelAck,
    StartMediaTransmission,
    StartMediaTransmissionAck,
)
from tokenless.protocol.sccp.requests import Alarm, KeepAlive, Register

VERSIONS = (0, 11, 15, 16, 17, 18, 20, 22)


@pytest.mark.parametrize(
    ("version", "opened", "started"),
    [
        (11, 108, 112),
        (14, 108, 112),
        (15, 108, 116),
        (16, 112, 116),
        (17, 128, 132),
        (20, 128, 132),
        (21, 168, 168),
        (22, 168, 168),
    ],
)
def test_media_messages_grow_with_the_version(
    version: int, opened: int, started: int
) -> None:
    """The table of REFERENCE-4 1.5."""
    assert len(OpenReceiveChannel().encode_body(version)) == opened
    assert len(StartMediaTransmission().encode_body(version)) == started


@pytest.mark.parametrize(
    ("message", "version", "length"),
    [
        (Register(), 20, 124),
        (Alarm(), 20, 92),
        (RegisterAck(), 20, 20),
        (CallInfo(), 20, 384),
        (OpenReceiveChannelAck(), 16, 20),
        (OpenReceiveChannelAck(), 17, 36),
        (StartMediaTransmissionAck(), 16, 24),
        (StartMediaTransmissionAck(), 17, 40),
        (DialedNumber(), 17, 32),
        (DialedNumber(), 18, 36),
        (LineStat(), 11, 112),
    ],
    ids=lambda each: str(getattr(each, "ID", each)),
)
def test_bodies_have_the_lengths_of_the_reference(
    message: Message, version: int, length: int
) -> None:
    assert len(message.encode_body(version)) == length


def values_of(field: "dataclasses.Field[object]") -> st.SearchStrategy[object]:
    default = field.default
    size = field.metadata["sccp"].size(0)
    if isinstance(default, bool | int):
        return st.integers(0, 256**size - 1)
    if isinstance(default, str):
        printable = st.characters(min_codepoint=1, max_codepoint=255)
        return st.text(printable, max_size=(size or 60) - 1)
    if isinstance(default, bytes):
        return st.binary(min_size=size, max_size=size) if size else st.just(b"")
    if isinstance(default, IPv4Address | IPv6Address):
        return st.ip_addresses(v=4)
    if isinstance(default, tuple):
        return st.tuples(*[st.integers(0, 2**32 - 1)] * len(default))
    return st.just(default)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    kind = MESSAGES[draw(st.sampled_from(sorted(MESSAGES)))]
    fields = [each for each in dataclasses.fields(kind) if "sccp" in each.metadata]
    return kind(**{each.name: draw(values_of(each)) for each in fields})


@given(messages(), st.sampled_from(VERSIONS))
def test_every_message_goes_there_and_back(message: Message, version: int) -> None:
    """What a version does not carry comes back as its default."""
    # Its two forms can be told apart for lines that a phone may have.
    assume(not isinstance(message, EnblocCall) or message.line < 1 << 24)
    body = message.encode_body(version)
    again = type(message).decode_body(body, version)
    assert again.encode_body(version) == body
    assert len(body) % 4 == 0


@given(st.lists(messages(), max_size=4), st.sampled_from(VERSIONS), st.data())
def test_frames_may_be_joined_and_split(
    sent: list[Message], version: int, data: st.DataObject
) -> None:
    wire = b"".join(encode_frame(each, version) for each in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    stream, received = SccpStream(), []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        received += stream.receive(wire[start:end])
    assert [type(each.message) for each in received] == [type(each) for each in sent]
    assert stream.is_between_messages


@given(messages(), st.sampled_from(VERSIONS), st.data())
def test_shorter_and_longer_bodies_are_understood(
    message: Message, version: int, data: st.DataObject
) -> None:
    body = message.encode_body(version)
    cut = data.draw(st.integers(0, len(body)))
    type(message).decode_body(body[:cut], version)
    type(message).decode_body(body + b"\xff" * 9, version)


@given(st.binary(max_size=400))
def test_hostile_bytes_cause_protocol_errors_only(data: bytes) -> None:
    stream = SccpStream()
    try:
        stream.receive(data)
    except ProtocolError:
        with pytest.raises(ProtocolError):
            stream.receive(b"")


@pytest.mark.parametrize("length", [0, 3, MAX_FRAME_BYTES, 2**32 - 1])
def test_a_frame_of_an_impossible_length_ends_the_stream(length: int) -> None:
    with pytest.raises(ProtocolError, match="a frame cannot have"):
        SccpStream().receive(length.to_bytes(4, "little") + bytes(8))


def test_an_unknown_message_is_kept() -> None:
    frame = b"\x08\0\0\0" + b"\x11\0\0\0" + b"\xff\x07\0\0" + b"body"
    (received,) = SccpStream().receive(frame)
    assert received.message == UnknownMessage(0x7FF, b"body")
    assert received.version == 17


def test_a_keep_alive_has_twelve_bytes() -> None:
    assert encode_frame(KeepAlive(), 20).hex() == "040000001400000000000000"


def test_garbage_behind_a_nul_is_ignored() -> None:
    body = b"SEP001122334455\0"[:8] + b"\0garbage" + bytes(108)
    assert Register.decode_body(body, 17).device_name == "SEP00112"


def test_a_real_7941_s_register() -> None:
    """The fields and values of REFERENCE-3 4.3."""
    body = (
        b"SEP001122334455\0"
        + bytes(8)
        + bytes([10, 0, 0, 7])
        + (115).to_bytes(4, "little")
        + (5).to_bytes(4, "little")
        + bytes(4)
        + bytes([0x11, 0, 0x72, 0x85])
        + (1).to_bytes(4, "little")
        + bytes(4)
        + bytes.fromhex("001122334455")
        + bytes(6)
        + (3).to_bytes(4, "little")
        + (2).to_bytes(4, "little")
        + bytes(20)
        + b"SCCP41.8-5-3S".ljust(32, b"\0")
    )
    register = Register.decode_body(body, 0)
    assert register.device_name == "SEP001122334455"
    assert register.address == ip_address("10.0.0.7")
    assert (register.device_type, register.protocol_version) == (115, 17)
    assert register.load_name == "SCCP41.8-5-3S"
    assert register.encode_body(17) == body


@pytest.mark.parametrize("packed", [True, False])
def test_both_forms_of_a_dialled_number_are_read(packed: bool) -> None:
    line = (2).to_bytes(4, "little")
    number = b"1000".ljust(25, b"\0")
    body = number + line + bytes(3) if packed else number + bytes(3) + line
    assert EnblocCall.decode_body(body, 22) == EnblocCall(number="1000", line=2)


@pytest.mark.parametrize("form", ["v17", "v20 phone", "v22"])
def test_every_form_of_the_statistics_is_read(form: str) -> None:
    values = (514, 82240, 9, 8, 7, 6, 5)
    counters = b"".join(each.to_bytes(4, "little") for each in values)
    text = b"MLQK=4.5\0"
    rest = counters + len(text).to_bytes(4, "little") + text
    call = (7).to_bytes(4, "little")
    body, version = {
        "v17": (b"1001".ljust(24, b"\0") + call + b"\1\0\0\0" + rest, 17),
        "v20 phone": (b"1001".ljust(28, b"\0") + call + b"\1\0\0\0" + rest, 20),
        "v22": (b"1001".ljust(28, b"\0") + call + b"\1" + rest, 22),
    }[form]
    read = ConnectionStatisticsRes.decode_body(body, version)
    assert (read.number, read.call, read.mode) == ("1001", 7, 1)
    assert (read.packets_sent, read.octets_sent, read.latency) == (514, 82240, 5)
    assert read.text == "MLQK=4.5"


def test_an_address_of_an_unknown_kind_is_refused() -> None:
    body = bytes(4) + (9).to_bytes(4, "little") + bytes(28)
    with pytest.raises(ProtocolError, match="9 is not a kind of address at byte 4"):
        OpenReceiveChannelAck.decode_body(body, 17)


@pytest.mark.parametrize(("version", "count"), [(16, 13), (17, 15)])
def test_call_info_has_thirteen_texts_or_fifteen(version: int, count: int) -> None:
    strings = CallInfoV2.join(
        calling="1001",
        called="1000",
        calling_name="A",
        called_name="B",
        version=version,
    )
    assert strings.count(b"\0") == count
    texts = strings.split(b"\0")
    assert (texts[0], texts[2], texts[9]) == (b"1001", b"1000", b"A")


def test_keys_are_in_no_description() -> None:
    keys = KeyBlock.of(b"k" * 16, b"s" * 14)
    assert "kkkk" not in repr(StartMediaTransmission(keys=keys))
    assert (
        StartMediaTransmission.decode_body(
            StartMediaTransmission(keys=keys).encode_body(20), 20
        ).keys
        == keys
    )
