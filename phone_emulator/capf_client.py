"""The phone's side of CAPF: one TLS connection for one session (REFERENCE-3 3).

The server's certificate must be a CAPF record (role 4) of the installed CTL or ITL, or
TVS must vouch for it. Nothing is said to a server before that: so a list that does not
know the present CAPF certificate stops enrolment.
"""

import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Protocol, assert_never

import trio
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.tvs_client import (
    TlsChannel,
    TlsRange,
    connect,
    context_for,
)
from tokenless.protocol.capf.elements import CapfReason
from tokenless.protocol.capf.phone import (
    CapfIdentity,
    DeleteLsc,
    MakeKey,
    PhoneSession,
    RetryLater,
    SendMessage,
    SessionEnded,
    StoreLsc,
)
from tokenless.protocol.capf.proof import PhoneKey
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.capf.stream import FROM_SERVERS, CapfStream
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import DecodeError, ProtocolError


@unique
class CapfResult(StrEnum):
    """The end of a session."""

    INSTALLED = "installed"
    DELETED = "deleted"
    NO_ACTION = "no-action"
    """The server had nothing to do, or only looked."""
    DECLINED = "declined"
    UNKNOWN_DEVICE = "unknown-device"
    LATER = "later"
    UNTRUSTED = "untrusted-server"
    """Neither a list nor TVS knows the server's certificate as CAPF's."""
    CONNECT_FAILED = "connect-failed"
    LOST = "connection-lost"
    TIMEOUT = "timeout"

    @property
    def is_final(self) -> bool:
        """Return whether trying again makes no sense: the server has decided."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {
        CapfResult.INSTALLED,
        CapfResult.DELETED,
        CapfResult.NO_ACTION,
        CapfResult.DECLINED,
        CapfResult.UNKNOWN_DEVICE,
    }
)
_OF_REASON: Final[dict[int, CapfResult]] = {
    CapfReason.NO_ACTION: CapfResult.NO_ACTION,
    CapfReason.DECLINED: CapfResult.DECLINED,
    CapfReason.UNKNOWN_DEVICE: CapfResult.UNKNOWN_DEVICE,
}
Vouches = Callable[[Certificate], Awaitable[bool]]
"""Asks TVS whether a certificate is CAPF's."""
MakePhoneKey = Callable[[KeyOrder], Awaitable[PhoneKey]]


class CertificateKeeper(Protocol):
    """The place in which a phone keeps its own certificate."""

    def store_lsc(self, certificate: Certificate, key: PhoneKey) -> None:
        """Keep a new one with its key, in place of the old one."""

    def delete_lsc(self) -> None:
        """Forget it and its key."""


@dataclass(frozen=True, slots=True)
class CapfRequest:
    """Everything that a session needs."""

    server: Server
    identity: CapfIdentity
    known: frozenset[bytes]
    """DER of the certificates that the installed lists have for CAPF (role 4)."""
    vouches: Vouches
    make_key: MakePhoneKey
    keeper: CertificateKeeper
    tls: TlsRange
    timeout_s: float
    untrusted: str = "no CTL or ITL record (CAPF) has its certificate, nor TVS"
    """The sentence about a server that is not trusted."""
    only_looks: bool = False
    """True if the phone leaves when it has seen the server's certificate: a session
    would use up what is scheduled."""


@dataclass(slots=True)
class CapfOutcome:
    """The result of a session."""

    result: CapfResult
    reason: str = ""
    """The error in words; empty when there is none."""
    server_certificate: Certificate | None = None


@dataclass(slots=True)
class _Talk:
    """A session under way."""

    request: CapfRequest
    outcome: CapfOutcome = field(
        default_factory=lambda: CapfOutcome(CapfResult.CONNECT_FAILED)
    )
    done: CapfResult = CapfResult.NO_ACTION
    key: PhoneKey | None = None

    async def run(self) -> None:
        request = self.request
        with await connect(request.server) as plain:
            self.outcome.result = CapfResult.LOST
            channel = TlsChannel(plain, context_for(request.tls))
            await channel.handshake()
            if not await self._is_known(channel.peer_certificate()):
                self.outcome.result = CapfResult.UNTRUSTED
                self.outcome.reason = request.untrusted
                return
            if self.request.only_looks:
                self.outcome.result = CapfResult.NO_ACTION
                return
            await self._converse(channel)

    async def _is_known(self, der: bytes | None) -> bool:
        if der is None:
            return False
        try:
            self.outcome.server_certificate = certificate = Certificate.decode(der)
        except DecodeError:
            return False
        return der in self.request.known or await self.request.vouches(certificate)

    async def _converse(self, channel: TlsChannel) -> None:
        session, stream = PhoneSession(self.request.identity), CapfStream(FROM_SERVERS)
        while True:
            while (message := stream.next_event()) is None:
                stream.receive(await channel.receive())
            for effect in session.handle(message):
                match effect:
                    case SendMessage(answer):
                        await channel.send(answer.encode())
                    case MakeKey(order):
                        made = await self._make_key(session, order)
                        await channel.send(made.message.encode())
                    case StoreLsc(certificate):
                        self._store(certificate)
                    case DeleteLsc():
                        self.request.keeper.delete_lsc()
                        self.done = CapfResult.DELETED
                    case SessionEnded(reason):
                        self._end(reason)
                        return
                    case RetryLater():
                        self.outcome.result = CapfResult.LATER
                        return
                    case _:
                        assert_never(effect)

    async def _make_key(self, session: PhoneSession, order: KeyOrder) -> SendMessage:
        try:
            self.key = await self.request.make_key(order)
        except (ValueError, UnsupportedAlgorithm):  # RSA under 1,024 bits
            self.key = None
            return session.key_failed()
        public = self.key.public_key()
        info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return session.key_made(info)

    def _store(self, certificate: Certificate) -> None:
        if self.key is None:
            raise ProtocolError("a certificate came before a key was made")
        self.request.keeper.store_lsc(certificate, self.key)
        self.done = CapfResult.INSTALLED

    def _end(self, reason: int) -> None:
        if reason == CapfReason.OK:
            self.outcome.result = self.done
            return
        self.outcome.result = _OF_REASON.get(reason, CapfResult.DECLINED)
        if self.outcome.result is not CapfResult.NO_ACTION:
            self.outcome.reason = f"the server ended with reason {reason}"


async def run_capf(request: CapfRequest) -> CapfOutcome:
    """Run one session with one server. What goes wrong is in the outcome."""
    talk = _Talk(request)
    outcome = talk.outcome
    try:
        with trio.fail_after(request.timeout_s):
            await talk.run()
    except trio.TooSlowError:
        outcome.result = CapfResult.TIMEOUT
        outcome.reason = f"no answer within {request.timeout_s:g} s"
    except ssl.SSLError as error:
        outcome.reason = f"TLS failed: {error.reason or error}"
    except UnicodeError:
        outcome.reason = "its name is none that a host can have"
    except OSError as error:
        outcome.reason = error.strerror or os.strerror(error.errno or 0)
    except ProtocolError as error:
        outcome.reason = str(error)
    return outcome
