"""SRTP: encrypt and decrypt the RTP packets of one direction (RFC 3711, REFERENCE-4 5).

One context per direction and SSRC. Keys are derived once (derivation rate 0), there is
no MKI. `protect` and `unprotect` take and give whole packets; a packet that was
changed, replayed or made under another key is refused before it is decrypted.
"""

import hmac
import struct
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tokenless.protocol.errors import DecodeError, ProtocolError

MASTER_KEY_BYTES: Final = 16
MASTER_SALT_BYTES: Final = 14
_RTP_CIPHER, _RTP_AUTHENTICATION, _RTP_SALT = 0, 1, 2
_AUTHENTICATION_KEY_BYTES: Final = 20
_FIXED_HEADER_BYTES: Final = 12
_SEQUENCES: Final = 1 << 16
_HALF: Final = _SEQUENCES // 2
_WINDOW: Final = 64
_MAX_PACKET_BYTES: Final = 2048


class SrtpError(ProtocolError):
    """A packet that was changed, replayed, or made under another key."""


@unique
class SrtpSuite(Enum):
    """The suites that phones speak; the value is the length of the tag in bytes."""

    AES_CM_128_HMAC_SHA1_32 = 4
    AES_CM_128_HMAC_SHA1_80 = 10


SCCP_SUITE: Final = SrtpSuite.AES_CM_128_HMAC_SHA1_32
"""The only suite of SCCP phones (REFERENCE-4 3.3)."""
BEST_FIRST: Final = (
    SrtpSuite.AES_CM_128_HMAC_SHA1_80,
    SrtpSuite.AES_CM_128_HMAC_SHA1_32,
)
"""The suites by the strength of their tags."""


@dataclass(frozen=True, slots=True, repr=False)
class SrtpKeys:
    """The master key and salt of one direction."""

    key: bytes
    salt: bytes

    def __post_init__(self) -> None:
        """Check the lengths.

        Raises:
            DecodeError: When the key has not 16 bytes or the salt not 14.
        """
        if len(self.key) != MASTER_KEY_BYTES or len(self.salt) != MASTER_SALT_BYTES:
            raise DecodeError("an SRTP key has 16 bytes and a salt 14", offset=0)


def _keystream(key: bytes, counter: bytes, length: int) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return cipher.update(bytes(length)) + cipher.finalize()


def derive_session_key(keys: SrtpKeys, label: int, length: int) -> bytes:
    """Return a session key (RFC 3711 4.3.1, derivation rate 0)."""
    salt = bytearray(keys.salt)
    salt[7] ^= label
    return _keystream(keys.key, bytes(salt) + bytes(2), length)


class SrtpContext:
    """The state of one direction: session keys, and the packets that were seen."""

    __slots__ = ("_authentication", "_cipher", "_highest", "_salt", "_seen", "_suite")

    def __init__(self, keys: SrtpKeys, suite: SrtpSuite) -> None:
        self._suite = suite
        self._cipher = derive_session_key(keys, _RTP_CIPHER, MASTER_KEY_BYTES)
        self._authentication = derive_session_key(
            keys, _RTP_AUTHENTICATION, _AUTHENTICATION_KEY_BYTES
        )
        salt = derive_session_key(keys, _RTP_SALT, MASTER_SALT_BYTES)
        self._salt = int.from_bytes(salt, "big") << 16
        self._highest = -1
        # Bit n stands for the packet n before the highest one.
        self._seen = 0

    def protect(self, packet: bytes) -> bytes:
        """Return the encrypted packet with its tag.

        Raises:
            DecodeError: When the packet is not RTP.
        """
        header = _header_length(packet)
        index = self._index_of(packet)
        if index > self._highest:
            self._note(index)
        body = self._crypt(packet, header, index)
        return body + self._tag(body, index)

    def unprotect(self, packet: bytes) -> bytes:
        """Return the packet in clear.

        Raises:
            DecodeError: When the packet is not SRTP.
            SrtpError: When it was seen before, is too old, or its tag is wrong.
        """
        length = self._suite.value
        if len(packet) > _MAX_PACKET_BYTES:
            raise DecodeError("an SRTP packet is too long", offset=_MAX_PACKET_BYTES)
        body, tag = packet[:-length], packet[-length:]
        header = _header_length(body)
        index = self._index_of(body)
        self._check_replay(index)
        if not hmac.compare_digest(tag, self._tag(body, index)):
            raise SrtpError("an SRTP packet has a wrong tag")
        self._note(index)
        return self._crypt(body, header, index)

    def _index_of(self, packet: bytes) -> int:
        """Return the 48-bit index: the roll-over that fits best (RFC 3711 3.3.1)."""
        sequence = int.from_bytes(packet[2:4], "big")
        if self._highest < 0:
            return sequence
        rolled, last = divmod(self._highest, _SEQUENCES)
        if sequence - last > _HALF and rolled:
            rolled -= 1
        elif last - sequence > _HALF:
            rolled += 1
        return rolled * _SEQUENCES + sequence

    def _check_replay(self, index: int) -> None:
        age = self._highest - index
        if age >= _WINDOW:
            raise SrtpError("an SRTP packet is too old")
        if age >= 0 and self._seen >> age & 1:
            raise SrtpError("an SRTP packet came twice")

    def _note(self, index: int) -> None:
        ahead = index - self._highest
        if ahead > 0:
            self._seen = (self._seen << ahead | 1) & ((1 << _WINDOW) - 1)
            self._highest = index
        else:
            self._seen |= 1 << -ahead

    def _crypt(self, packet: bytes, header: int, index: int) -> bytes:
        ssrc = int.from_bytes(packet[8:12], "big")
        counter = self._salt ^ ssrc << 64 ^ index << 16
        stream = _keystream(
            self._cipher, counter.to_bytes(16, "big"), len(packet) - header
        )
        payload = packet[header:]
        mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
        return packet[:header] + mixed.to_bytes(len(payload), "big")

    def _tag(self, body: bytes, index: int) -> bytes:
        rolled = struct.pack(">I", index // _SEQUENCES)
        whole = hmac.digest(self._authentication, body + rolled, "sha1")
        return whole[: self._suite.value]


def _header_length(packet: bytes) -> int:
    """Return where the payload of an RTP packet begins (RFC 3550 5.1)."""
    if len(packet) < _FIXED_HEADER_BYTES or packet[0] >> 6 != 2:  # noqa: PLR2004
        raise DecodeError("a packet is not RTP", offset=0)
    length = _FIXED_HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        words = int.from_bytes(packet[length + 2 : length + 4], "big")
        length += 4 + 4 * words
    if length > len(packet):
        raise DecodeError("an RTP header is cut short", offset=len(packet))
    return length
