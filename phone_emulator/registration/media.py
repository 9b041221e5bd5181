"""The media of a call: G.711 in RTP every 20 ms, in clear or as SRTP (RFC 3550, 3711).

`MediaStream` is one phone's side without I/O. It sends a tone and counts what it
receives; under SRTP only packets that verify count.
"""

import math
import struct
from typing import Final

from tokenless.phone_emulator.registration.talkers.sccp_call import MediaCounts
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.srtp import SCCP_SUITE, SrtpContext, SrtpKeys, SrtpSuite

PACKET_S: Final = 0.02
SAMPLES_A_PACKET: Final = 160
_HEADER: Final = struct.Struct(">BBHII")
_VERSION: Final = 0x80
_PCMU: Final = 0
_RATE_HZ: Final = 8000
_TONE_HZ: Final = 440
_AMPLITUDE: Final = 8000
_BIAS: Final = 0x84
_CLIP: Final = 32635


def encode_mu_law(sample: int) -> int:
    """Return the mu-law byte of a 16-bit sample (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


_WHOLE_PERIODS: Final = _RATE_HZ // math.gcd(_RATE_HZ, _TONE_HZ)
_TONE: Final = (_RATE_HZ // _WHOLE_PERIODS) * bytes(
    encode_mu_law(int(_AMPLITUDE * math.sin(2 * math.pi * _TONE_HZ * n / _RATE_HZ)))
    for n in range(_WHOLE_PERIODS)
)
"""One second of the tone, which can be repeated."""


class MediaStream:
    """The packets that one phone sends and receives in a call."""

    def __init__(self, *, ssrc: int, sequence: int = 0) -> None:
        """Begin with nothing sent.

        Args:
            ssrc: The identifier of what this phone sends, 32 bits.
            sequence: The number of its first packet.
        """
        self._ssrc = ssrc
        self._sequence = sequence
        self._sending: SrtpContext | None = None
        self._receiving: SrtpContext | None = None
        self._sent = self._received = self._received_octets = self._refused = 0

    def send_with(self, keys: SrtpKeys | None, suite: SrtpSuite = SCCP_SUITE) -> None:
        """Encrypt packets from now on; None: send in clear."""
        self._sending = None if keys is None else SrtpContext(keys, suite)

    def receive_with(
        self, keys: SrtpKeys | None, suite: SrtpSuite = SCCP_SUITE
    ) -> None:
        """Decrypt received packets from now on; None: they are in clear."""
        self._receiving = None if keys is None else SrtpContext(keys, suite)

    @property
    def is_secret(self) -> bool:
        """Return whether both directions are encrypted: the lock needs that, too."""
        return self._sending is not None and self._receiving is not None

    @property
    def refused(self) -> int:
        """Packets that were changed, replayed, under another key, or no RTP."""
        return self._refused

    @property
    def counts(self) -> MediaCounts:
        """Return the numbers that the phone reports when the server asks."""
        return MediaCounts(
            self._sent,
            self._sent * SAMPLES_A_PACKET,
            self._received,
            self._received_octets,
        )

    def next_packet(self) -> bytes:
        """Return the packet of the next 20 ms."""
        start = self._sent * SAMPLES_A_PACKET % _RATE_HZ
        header = _HEADER.pack(
            _VERSION,
            _PCMU,
            (self._sequence + self._sent) & 0xFFFF,
            self._sent * SAMPLES_A_PACKET & 0xFFFFFFFF,
            self._ssrc,
        )
        self._sent += 1
        packet = header + _TONE[start : start + SAMPLES_A_PACKET]
        return packet if self._sending is None else self._sending.protect(packet)

    def receive(self, packet: bytes) -> bytes | None:
        """Return the payload of a packet, None when it is refused; counts either."""
        receiving = self._receiving
        try:
            plain = packet if receiving is None else receiving.unprotect(packet)
        except ProtocolError:
            self._refused += 1
            return None
        if len(plain) <= _HEADER.size or plain[0] & 0xC0 != _VERSION:
            self._refused += 1
            return None
        payload = plain[_HEADER.size :]
        self._received += 1
        self._received_octets += len(payload)
        return payload
