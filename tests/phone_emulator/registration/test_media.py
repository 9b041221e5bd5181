"""RTP of a call: a tone goes there and back, in clear and as SRTP."""

import pytest

from tokenless.phone_emulator.registration.media import MediaStream, encode_mu_law
from tokenless.protocol.srtp import SrtpKeys

KEYS = SrtpKeys(bytes(range(16)), bytes(range(14)))
OTHER = SrtpKeys(bytes(16), bytes(14))


@pytest.mark.parametrize(
    ("sample", "byte"),
    [(0, 0xFF), (-1, 0x7F), (32767, 0x80), (-32768, 0x00), (1000, 0xCE), (-1000, 0x4E)],
)
def test_mu_law(sample: int, byte: int) -> None:
    """Values of ITU-T G.711's tables."""
    assert encode_mu_law(sample) == byte


@pytest.mark.parametrize("keys", [None, KEYS])
def test_what_is_sent_is_received(keys: SrtpKeys | None) -> None:
    a, b = MediaStream(ssrc=1, sequence=65530), MediaStream(ssrc=2)
    a.send_with(keys)
    b.receive_with(keys)
    for _ in range(100):
        payload = b.receive(a.next_packet())
        assert payload is not None
        assert len(payload) == 160
    assert b.counts.packets_received == a.counts.packets_sent == 100
    assert b.counts.octets_received == 16000
    assert b.refused == 0


def test_nobody_hears_under_another_key() -> None:
    a, b, clear = MediaStream(ssrc=1), MediaStream(ssrc=2), MediaStream(ssrc=3)
    a.send_with(KEYS)
    b.receive_with(OTHER)
    packet = a.next_packet()
    assert b.receive(packet) is None
    assert b.refused == 1
    assert clear.receive(packet) != b"\xff" * 160
    assert packet[12:-4] != MediaStream(ssrc=1).next_packet()[12:]


def test_a_stream_is_secret_when_both_directions_are() -> None:
    stream = MediaStream(ssrc=1)
    stream.send_with(KEYS)
    assert not stream.is_secret
    stream.receive_with(OTHER)
    assert stream.is_secret


@pytest.mark.parametrize("packet", [b"", b"\x80" * 12, b"\x00" * 172])
def test_what_is_no_rtp_is_refused(packet: bytes) -> None:
    stream = MediaStream(ssrc=1)
    assert stream.receive(packet) is None
    assert stream.refused == 1
