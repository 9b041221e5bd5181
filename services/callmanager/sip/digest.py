"""Digest authentication of phones whose profile asks for it.

A nonce is made of the time, the address that asked and a secret of this process: there
is nothing to remember of those who never prove anything. What a phone has proved counts
once, by its nonce count, and a nonce no more once a newer one was used: a captured
proof is of no use later, nor elsewhere.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import DeviceProfile
from tokenless.protocol.sip.digest import REALM, Challenge, Credentials
from tokenless.protocol.sip.messages import SipRequest

NONCE_LIFE_S: Final = 300
_SECRET_BYTES: Final = 32


@unique
class Proof(Enum):
    """The result of checking that a request is from its device."""

    GOOD = "good"
    MISSING = "missing"
    STALE = "stale"
    """The right password, with a nonce that is too old or not ours."""
    WRONG = "wrong"


@dataclass(slots=True)
class DigestCheck:
    """The nonces of one node."""

    clock: Callable[[], float]
    """Seconds that only grow."""
    _secret: bytes = field(
        default_factory=lambda: secrets.token_bytes(_SECRET_BYTES), repr=False
    )
    _counts: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The last nonce and nonce count of each device that has proved itself."""

    def check(self, profile: DeviceProfile, request: SipRequest, address: str) -> Proof:
        """Judge a request for a device that has an account."""
        account = profile.digest
        value = request.get("authorization")
        if account is None or not value:
            return Proof.MISSING
        try:
            said = Credentials.decode(value)
        except ProtocolError:
            return Proof.WRONG
        if said.realm != REALM:
            # The answer to another server's challenge says nothing of our password
            # (RFC 3261 22.1).
            return Proof.MISSING
        is_whole = bool(said.count) and said.uri == request.uri
        if not is_whole or not said.proves(account, request.method):
            return Proof.WRONG
        if not self._is_nonce(said.nonce, address):
            # Of an earlier process, another node or another address: the phone may
            # answer our next challenge (RFC 7616 3.3).
            return Proof.STALE
        return self._first_time(profile.device, said)

    def _first_time(self, device: str, said: Credentials) -> Proof:
        """Judge the nonce of a right proof: it has to be young, and counted on."""
        known, count = self._counts.get(device), int(said.count, 16)
        if known is None:
            is_seen = False
        elif known[0] == said.nonce:
            is_seen = count <= known[1]
        else:
            # Otherwise a captured proof would be good again after the next challenge.
            is_seen = _time_of(said.nonce) <= _time_of(known[0])
        if is_seen or self.clock() - _time_of(said.nonce) > NONCE_LIFE_S:
            return Proof.STALE
        self._counts[device] = said.nonce, count
        return Proof.GOOD

    def challenge(self, address: str, *, is_stale: bool = False) -> Challenge:
        """Return a challenge for a client at an address."""
        stamp = f"{int(self.clock() * 1000):x}.{secrets.token_hex(4)}"
        return Challenge(f"{stamp}.{self._seal(stamp, address)}", is_stale=is_stale)

    def _is_nonce(self, nonce: str, address: str) -> bool:
        stamp, _, seal = nonce.rpartition(".")
        return nonce.isascii() and hmac.compare_digest(seal, self._seal(stamp, address))

    def _seal(self, stamp: str, address: str) -> str:
        text = f"{stamp} {address}".encode()
        return hmac.new(self._secret, text, "sha256").hexdigest()[:32]


def _time_of(nonce: str) -> float:
    """Return when a nonce of ours was made."""
    return int(nonce.partition(".")[0], 16) / 1000
