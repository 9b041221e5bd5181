"""Offers and answers of a SIP phone: SRTP keys, and the level that the server dictates.

A line in encrypted mode offers RTP/SAVP with a crypto line a suite, each with a key of
its own, and takes an answer in RTP/AVP as well: X-cisco-srtp-fallback (REFERENCE-4
4.3). Each side's crypto line holds the key that it sends with. The level on the screen
is what the server dictates in Call-Info (4.4).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    ListenForMedia,
    SendMedia,
)
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.messages import SipMessage
from tokenless.protocol.sip.sdp import AudioStream, Crypto, decode_audio
from tokenless.protocol.srtp import (
    MASTER_KEY_BYTES,
    MASTER_SALT_BYTES,
    SrtpKeys,
    SrtpSuite,
)

_LEVEL: Final = re.compile(r";\s*security\s*=\s*([A-Za-z]{1,32})")
_LEVELS: Final = {
    "notauthenticated": SecurityStatus.NOT_AUTHENTICATED,
    "authenticated": SecurityStatus.AUTHENTICATED,
    "encrypted": SecurityStatus.ENCRYPTED,
}


@dataclass(frozen=True, slots=True)
class Offers:
    """The audio that a phone offers and answers.

    Attributes:
        suites: What it offers for SRTP; empty on a line that is not encrypted.
        random: Returns so many random bytes.
    """

    suites: tuple[SrtpSuite, ...]
    random: Callable[[int], bytes]

    def offer(self, address: IPv4Address, port: int) -> AudioStream:
        """Make an offer: a crypto line for each suite."""
        cryptos = tuple(
            Crypto(tag, suite, self._new_keys())
            for tag, suite in enumerate(self.suites, start=1)
        )
        return AudioStream(address, port, cryptos=cryptos, is_secure=bool(cryptos))

    def answer(
        self, theirs: AudioStream, address: IPv4Address, port: int
    ) -> tuple[AudioStream, Crypto | None]:
        """Make the answer to an offer; return it, and the crypto line that it holds."""
        usable = (each for each in theirs.cryptos if each.suite in self.suites)
        chosen = next(usable, None) if theirs.is_secure else None
        mine = None if chosen is None else replace(chosen, keys=self._new_keys())
        stream = AudioStream(
            address,
            port,
            cryptos=() if mine is None else (mine,),
            is_secure=mine is not None,
        )
        return stream, mine

    def _new_keys(self) -> SrtpKeys:
        material = self.random(MASTER_KEY_BYTES + MASTER_SALT_BYTES)
        return SrtpKeys(material[:MASTER_KEY_BYTES], material[MASTER_KEY_BYTES:])


def agreed_line(ours: AudioStream | None, theirs: AudioStream) -> Crypto | None:
    """Return the line of our offer that an answer takes; None: none, or in clear.

    An answer has exactly one line, with the tag and the suite of ours.
    """
    if ours is None or not theirs.is_secure or len(theirs.cryptos) != 1:
        return None
    return _same_line(ours, theirs.cryptos[0])


def media_effects(
    theirs: AudioStream, mine: Crypto | None
) -> tuple[ListenForMedia, SendMedia]:
    """Let the runner send, and decrypt with the peer's key of the same line."""
    if mine is None:
        return ListenForMedia(None), SendMedia(theirs.address, theirs.port, None)
    peer = _same_line(theirs, mine)
    assert peer is not None  # noqa: S101  # `mine` was chosen from these
    return (
        ListenForMedia(peer.keys, mine.suite),
        SendMedia(theirs.address, theirs.port, mine.keys, mine.suite),
    )


def decoded_offer(body: bytes) -> AudioStream | None:
    """Return the audio of a description; None when it cannot be used."""
    try:
        return decode_audio(body)
    except ProtocolError:
        return None


def _same_line(stream: AudioStream, line: Crypto) -> Crypto | None:
    """Return the stream's crypto line with the tag and the suite of another."""
    wanted = (line.tag, line.suite)
    return next((c for c in stream.cryptos if (c.tag, c.suite) == wanted), None)


def level_of(message: SipMessage) -> SecurityStatus:
    """Return the level that Call-Info dictates; without one: Unknown."""
    match = _LEVEL.search(message.get("call-info"))
    word = match[1].lower() if match else ""
    return _LEVELS.get(word, SecurityStatus.UNKNOWN)
