"""A CAPF session as the phone sees it (REFERENCE-3 3.3): messages in, effects out.

The server speaks first. `handle` takes its messages and returns what to do: send,
make a key, store or delete the certificate. After `MakeKey` the caller calls `key_made`
or `key_failed`. A certificate is taken only when it is of the key that was just made
and of this phone.
"""

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from tokenless.protocol.capf.elements import (
    CapfReason,
    CapfTag,
    CertificateType,
    Curve,
    KeyType,
    pack_certificate,
    pack_text,
)
from tokenless.protocol.capf.messages import CapfMessage, Command, capf_message
from tokenless.protocol.capf.proof import OwnCertificate, proof_elements
from tokenless.protocol.capf.server import KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import DecodeError, ProtocolError

_CURVE_BITS: Final = {Curve.P256: 256, Curve.P384: 384, Curve.P521: 521}
RSA_SIZES: Final = frozenset({512, 1024, 2048, 3072, 4096})


@unique
class PhoneSessionState(Enum):
    """State of a session."""

    WAITING = "waiting"
    """Nothing has been said yet."""
    OPEN = "open"
    """The phone has named itself."""
    MAKING_KEY = "making-key"
    HAS_KEY = "has-key"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CapfIdentity:
    """The phone's name, and how it authenticates."""

    device: str
    version: int = 3
    password: str | None = field(default=None, repr=False)
    own: OwnCertificate | None = None
    """The certificate that authenticates it."""
    lsc: Certificate | None = None
    """The answer to FETCH_REQUEST."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message, in one write."""

    message: CapfMessage


@dataclass(frozen=True, slots=True)
class MakeKey:
    """Make a key, then call `key_made`."""

    order: KeyOrder


@dataclass(frozen=True, slots=True)
class StoreLsc:
    """Store the new certificate together with the key just made."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class DeleteLsc:
    """Delete the certificate and its key."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The server ended the session."""

    reason: int


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The server cannot serve this phone now."""

    delay_s: int
    """The time to wait; 0 when the server gives none."""


PhoneEffect = SendMessage | MakeKey | StoreLsc | DeleteLsc | SessionEnded | RetryLater


class PhoneSession:
    """One session of one phone.

    A key for a session that has not asked for one raises RuntimeError.
    """

    def __init__(self, identity: CapfIdentity) -> None:
        self._identity = identity
        self._session_id = 0
        self._public_key: bytes | None = None
        self.state = PhoneSessionState.WAITING

    def handle(self, message: CapfMessage) -> list[PhoneEffect]:
        """Take a message of the server.

        Raises:
            ProtocolError: When it is of another session, out of turn, or asks for
                something that does not exist.
        """
        if self.state is PhoneSessionState.WAITING:
            return [self._introduce(message)]
        if message.session_id != self._session_id:
            raise ProtocolError(
                f"session {message.session_id} instead of {self._session_id}"
            )
        if self.state not in _ALLOWED.get(message.command, _NEVER):
            raise ProtocolError(f"{message.command.name} out of turn")
        match message.command:
            case Command.KEYGEN_REQUEST:
                self.state = PhoneSessionState.MAKING_KEY
                return [MakeKey(_order_of(message))]
            case Command.STORE_REQUEST:
                return self._store(message)
            case Command.FETCH_REQUEST:
                return [self._fetched()]
            case Command.DELETE_REQUEST:
                done = self._answer(Command.DELETE_RESPONSE, CapfReason.OK)
                return [DeleteLsc(), done]
            case _:
                self.state = PhoneSessionState.ENDED
                return [_ending(message)]

    def key_made(self, public_key: bytes) -> SendMessage:
        """Send the public key, a DER SubjectPublicKeyInfo."""
        self._expect_key()
        self.state = PhoneSessionState.HAS_KEY
        self._public_key = public_key
        return self._send(
            Command.KEYGEN_RESPONSE,
            {CapfTag.REASON: CapfReason.OK, CapfTag.PUBLIC_KEY: public_key},
        )

    def key_failed(self) -> SendMessage:
        """Tell the server that no key can be made."""
        self._expect_key()
        self.state = PhoneSessionState.OPEN
        return self._answer(Command.KEYGEN_RESPONSE, CapfReason.DECLINED)

    def _introduce(self, message: CapfMessage) -> SendMessage:
        if message.command is not Command.AUTH_REQUEST:
            raise ProtocolError(f"{message.command.name} before AUTH_REQUEST")
        self._session_id = message.session_id
        self.state = PhoneSessionState.OPEN
        identity = self._identity
        elements: dict[CapfTag, bytes | int] = {
            CapfTag.REASON: CapfReason.OK,
            CapfTag.VERSION: identity.version,
        }
        if identity.password is not None:
            elements[CapfTag.PASSWORD] = pack_text(identity.password)
        elements[CapfTag.DEVICE_NAME] = pack_text(identity.device)
        if identity.own is not None:
            elements |= proof_elements(identity.device, identity.own)
        return self._send(Command.AUTH_RESPONSE, elements)

    def _store(self, message: CapfMessage) -> list[PhoneEffect]:
        certificate = self._certificate_of(message)
        self.state = PhoneSessionState.OPEN
        if certificate is None:
            return [self._answer(Command.STORE_RESPONSE, CapfReason.DECLINED)]
        done = self._answer(Command.STORE_RESPONSE, CapfReason.OK)
        return [StoreLsc(certificate), done]

    def _certificate_of(self, message: CapfMessage) -> Certificate | None:
        """Return the certificate that was sent; None when it is not this phone's."""
        der = message.certificate
        if der is None or message.number(CapfTag.CERTIFICATE_TYPE) not in (
            CertificateType.LSC,
            None,
        ):
            return None
        try:
            certificate = Certificate.decode(der)
        except DecodeError:
            return None
        # A certificate for another key or name would be useless in TLS, and would
        # replace a good one.
        is_ours = certificate.key_info == self._public_key and (
            certificate.subject.get("CN") == self._identity.device
        )
        return certificate if is_ours else None

    def _fetched(self) -> SendMessage:
        lsc = self._identity.lsc
        if lsc is None:
            return self._answer(Command.FETCH_RESPONSE, CapfReason.DECLINED)
        return self._send(
            Command.FETCH_RESPONSE,
            {
                CapfTag.REASON: CapfReason.OK,
                CapfTag.CERTIFICATE_TYPE: CertificateType.LSC,
                CapfTag.CERTIFICATE: pack_certificate(lsc.der),
            },
        )

    def _answer(self, command: Command, reason: CapfReason) -> SendMessage:
        return self._send(command, {CapfTag.REASON: reason})

    def _send(
        self, command: Command, elements: dict[CapfTag, bytes | int]
    ) -> SendMessage:
        return SendMessage(capf_message(command, self._session_id, elements))

    def _expect_key(self) -> None:
        if self.state is not PhoneSessionState.MAKING_KEY:
            raise RuntimeError("no key was asked for")


_ANY_OPEN: Final = frozenset(
    {
        PhoneSessionState.OPEN,
        PhoneSessionState.MAKING_KEY,
        PhoneSessionState.HAS_KEY,
    }
)
_OPEN: Final = frozenset({PhoneSessionState.OPEN})
_ALLOWED: Final = {
    Command.KEYGEN_REQUEST: _OPEN,
    Command.STORE_REQUEST: frozenset({PhoneSessionState.HAS_KEY}),
    Command.FETCH_REQUEST: _OPEN,
    Command.DELETE_REQUEST: _OPEN,
    Command.END_SESSION: _ANY_OPEN,
    Command.RETRY_LATER: _ANY_OPEN,
}
"""In which states each message of a server is in turn."""
_NEVER: Final[frozenset[PhoneSessionState]] = frozenset()


def _ending(message: CapfMessage) -> SessionEnded | RetryLater:
    if message.command is Command.RETRY_LATER:
        return RetryLater(message.number(CapfTag.RETRY_DELAY) or 0)
    reason = message.number(CapfTag.REASON)
    return SessionEnded(CapfReason.NO_ACTION if reason is None else reason)


def _order_of(message: CapfMessage) -> KeyOrder:
    size = message.number(CapfTag.KEY_SIZE)
    kind = message.number(CapfTag.KEY_TYPE) or KeyType.RSA
    curve = message.number(CapfTag.CURVE) or Curve.P256
    try:
        order = KeyOrder(KeyType(kind), size or 0, Curve(curve))
    except ValueError:
        raise ProtocolError(f"key type {kind}, curve {curve} are unknown") from None
    if order.type is KeyType.EC:
        return KeyOrder(KeyType.EC, _CURVE_BITS[order.curve], order.curve)
    if order.size not in RSA_SIZES:
        raise ProtocolError(f"RSA keys of {order.size} bits are not made")
    return order
