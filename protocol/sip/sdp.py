"""Offers and answers of one audio stream, in clear or as SRTP (REFERENCE-4 4.3).

    m=audio 16500 RTP/SAVP 0 101
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:<base64 of key and salt>

Each side's crypto line holds the key that it sends with. A line with an MKI, a life
time or other session parameters is not usable: CUCM takes none.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.srtp import (
    MASTER_KEY_BYTES,
    MASTER_SALT_BYTES,
    SrtpKeys,
    SrtpSuite,
)

_MAX_BYTES: Final = 8192
_MEDIA: Final = re.compile(
    r"m=audio ([0-9]{1,5})(?:/1)? RTP/(S?AVP)((?: [0-9]{1,3})+)\Z"
)
_ADDRESS: Final = re.compile(r"c=IN IP4 ([0-9]{1,3}(?:\.[0-9]{1,3}){3})\Z")
_CRYPTO: Final = re.compile(
    r"a=crypto:([0-9]{1,9}) ([A-Z0-9_]+) inline:([A-Za-z0-9+/=]{40})\Z"
)
_SUITES: Final = {suite.name: suite for suite in SrtpSuite}
PCMU: Final = 0
_EVENTS: Final = 101


@dataclass(frozen=True, slots=True)
class Crypto:
    """One usable crypto line."""

    tag: int
    suite: SrtpSuite
    keys: SrtpKeys

    def encode(self) -> str:
        """Return the line."""
        inline = base64.b64encode(self.keys.key + self.keys.salt).decode()
        return f"a=crypto:{self.tag} {self.suite.name} inline:{inline}"


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One side's media address, its codecs, and the keys that it sends with."""

    address: IPv4Address
    port: int
    payloads: tuple[int, ...] = (PCMU, _EVENTS)
    cryptos: tuple[Crypto, ...] = ()
    is_secure: bool = False
    """True if the profile is RTP/SAVP, whatever its crypto lines are worth."""

    def line_with(self, suite: SrtpSuite | None) -> Crypto | None:
        """Return the first crypto line with a suite; None: there is none."""
        lines = self.cryptos if self.is_secure else ()
        return next((each for each in lines if each.suite is suite), None)

    @property
    def keys_by_suite(self) -> dict[SrtpSuite, SrtpKeys]:
        """The key that this side would send with, for each suite that it offers."""
        lines = map(self.line_with, SrtpSuite)
        return {line.suite: line.keys for line in lines if line is not None}

    def encode(self, *, origin: str, session: int, server: str = "") -> bytes:
        """Return the description.

        Args:
            origin: `Cisco-SIPUA` of a phone, `CiscoSystemsCCM-SIP` of CUCM.
            session: A number that grows with each description.
            server: CUCM's own address, which describes a phone's stream: the phone's
                address is then in the session part (REFERENCE-4 4.1). Empty for a
                phone.
        """
        maker = f"1 IN IP4 {server}" if server else f"0 IN IP4 {self.address}"
        where = [f"c=IN IP4 {self.address}"]
        profile = "SAVP" if self.is_secure else "AVP"
        formats = " ".join(map(str, self.payloads))
        lines = [
            "v=0",
            f"o={origin} {session} {maker}",
            "s=SIP Call",
            *(where if server else []),
            "t=0 0",
            f"m=audio {self.port} RTP/{profile} {formats}",
            *([] if server else where),
            *(crypto.encode() for crypto in self.cryptos),
            "a=rtpmap:0 PCMU/8000",
            f"a=rtpmap:{_EVENTS} telephone-event/8000",
            f"a=fmtp:{_EVENTS} 0-15",
            "a=sendrecv",
        ]
        return "\r\n".join([*lines, ""]).encode()


def decode_audio(data: bytes) -> AudioStream:
    """Read the first audio stream of a description.

    Raises:
        DecodeError: When there is none, or it has no address.
    """
    if len(data) > _MAX_BYTES:
        raise DecodeError("a session description is too long", offset=_MAX_BYTES)
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    at = next((n for n, line in enumerate(lines) if line.startswith("m=audio")), None)
    media = None if at is None else _MEDIA.match(lines[at].rstrip())
    if at is None or media is None:
        raise DecodeError("a session description has no audio stream", offset=0)
    after = lines[at + 1 :]
    end = next((n for n, line in enumerate(after) if line.startswith("m=")), len(after))
    section = after[:end]
    port = int(media[1])
    if port >= 1 << 16:
        raise DecodeError("a media port is out of range", offset=0)
    return AudioStream(
        address=_address_of(section) or _address_of(lines[:at]) or _missing(),
        port=port,
        payloads=tuple(int(each) for each in media[3].split()),
        cryptos=tuple(_cryptos(section)),
        is_secure=media[2] == "SAVP",
    )


def _address_of(lines: list[str]) -> IPv4Address | None:
    for line in lines:
        if match := _ADDRESS.match(line.rstrip()):
            try:
                return IPv4Address(match[1])
            except ValueError:
                raise DecodeError("a media address is malformed", offset=0) from None
    return None


def _missing() -> IPv4Address:
    raise DecodeError("an audio stream has no address", offset=0)


def _cryptos(lines: list[str]) -> list[Crypto]:
    """Return the usable crypto lines, in order of preference."""
    usable: list[Crypto] = []
    for line in lines:
        match = _CRYPTO.match(line.rstrip())
        suite = _SUITES.get(match[2]) if match else None
        if match is None or suite is None:
            continue
        try:
            material = base64.b64decode(match[3], validate=True)
        except binascii.Error:
            continue
        if len(material) == MASTER_KEY_BYTES + MASTER_SALT_BYTES:
            key, salt = material[:MASTER_KEY_BYTES], material[MASTER_KEY_BYTES:]
            usable.append(Crypto(int(match[1]), suite, SrtpKeys(key, salt)))
    return usable
