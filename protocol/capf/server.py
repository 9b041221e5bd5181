"""A CAPF session as the server sees it (REFERENCE-3 3.3): messages in, events out.

    S AUTH_REQUEST    C AUTH_RESPONSE     -> Identified: the caller decides what to do
    S KEYGEN_REQUEST  C KEYGEN_RESPONSE   -> KeyMade: the caller issues a certificate
    S STORE_REQUEST   C STORE_RESPONSE    -> Stored
    S FETCH_REQUEST   C FETCH_RESPONSE    -> Fetched
    S DELETE_REQUEST  C DELETE_RESPONSE   -> Deleted
    S END_SESSION

Who may have what is not decided here. REQUEST_IN_PROGRESS is taken wherever an answer
is awaited.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from tokenless.protocol.capf.elements import (
    AuthType,
    CapfReason,
    CapfTag,
    CertificateType,
    Curve,
    KeyType,
    pack_certificate,
)
from tokenless.protocol.capf.messages import CapfMessage, Command, capf_message
from tokenless.protocol.capf.proof import Proof
from tokenless.protocol.errors import ProtocolError

ANNOUNCED_VERSION: Final = 3
EC_VERSION: Final = 3
"""From here on a phone knows key types and curves (elements 17 and 18)."""
VERSIONS: Final = frozenset({2, 3})


@unique
class ServerState(Enum):
    """The message that the server waits for."""

    NEW = "new"
    AUTHENTICATION = "authentication"
    DECISION = "decision"
    KEY = "key"
    ISSUE = "issue"
    STORING = "storing"
    FETCHING = "fetching"
    DELETING = "deleting"
    DONE = "done"
    """A step is over; only END_SESSION follows."""
    ENDED = "ended"


ANSWERS: Final = {
    ServerState.AUTHENTICATION: Command.AUTH_RESPONSE,
    ServerState.KEY: Command.KEYGEN_RESPONSE,
    ServerState.STORING: Command.STORE_RESPONSE,
    ServerState.FETCHING: Command.FETCH_RESPONSE,
    ServerState.DELETING: Command.DELETE_RESPONSE,
}
"""The message that each state waits for; in all others a phone may send nothing."""


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """The key that a phone shall make."""

    type: KeyType = KeyType.RSA
    size: int = 2048
    """Bits: of the RSA modulus, or of the curve."""
    curve: Curve = Curve.P256


@dataclass(frozen=True, slots=True)
class Identified:
    """A phone has named itself. Nothing of it is proved."""

    device: str
    version: int
    password: str | None
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A phone's new public key as DER; None when it could make none."""

    public_key: bytes | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A phone says whether it stored its new certificate."""

    reason: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A phone sent a certificate that it has, or none."""

    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A phone says whether it deleted its certificate."""

    reason: int


ServerEvent = Identified | KeyMade | Stored | Fetched | Deleted


class ServerSession:
    """One session. Calling a method in the wrong state raises RuntimeError."""

    __slots__ = ("_version", "session_id", "state")

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.state = ServerState.NEW
        self._version = ANNOUNCED_VERSION

    def begin(self) -> CapfMessage:
        """Return the first message: the server speaks first."""
        self._move({ServerState.NEW}, ServerState.AUTHENTICATION)
        return self._message(
            Command.AUTH_REQUEST,
            {CapfTag.VERSION: ANNOUNCED_VERSION, CapfTag.AUTH_TYPE: AuthType.NONE},
        )

    def handle(self, message: CapfMessage) -> ServerEvent | None:
        """Take a message of the phone; None when it only asks for patience.

        Raises:
            ProtocolError: When it is of another session, out of turn, or lacks what it
                must have.
        """
        if message.session_id != self.session_id:
            raise ProtocolError(
                f"session {message.session_id} instead of {self.session_id}"
            )
        awaited = ANSWERS.get(self.state)
        # An old phone needs minutes to make a key, and sends this meanwhile so that the
        # connection is not closed as idle.
        if awaited is not None and message.command is Command.REQUEST_IN_PROGRESS:
            return None
        if message.command is not awaited:
            raise ProtocolError(f"{message.command.name} out of turn")
        return self._event_of(message)

    def order_key(self, order: KeyOrder) -> CapfMessage:
        """Ask for a new key."""
        self._move({ServerState.DECISION}, ServerState.KEY)
        elements: dict[CapfTag, bytes | int] = {
            CapfTag.KEY_SIZE: order.size.to_bytes(2)
        }
        # Older phones do not know these elements.
        if self._version >= EC_VERSION:
            elements[CapfTag.KEY_TYPE] = order.type
            if order.type is KeyType.EC:
                elements[CapfTag.CURVE] = order.curve
        return self._message(Command.KEYGEN_REQUEST, elements)

    def store(self, der: bytes) -> CapfMessage:
        """Give the phone its new certificate."""
        self._move({ServerState.ISSUE}, ServerState.STORING)
        return self._message(
            Command.STORE_REQUEST,
            {
                CapfTag.CERTIFICATE_TYPE: CertificateType.LSC,
                CapfTag.CERTIFICATE: pack_certificate(der),
            },
        )

    def fetch(self) -> CapfMessage:
        """Ask for the certificate that the phone has."""
        self._move({ServerState.DECISION}, ServerState.FETCHING)
        return self._message(Command.FETCH_REQUEST, {})

    def delete(self) -> CapfMessage:
        """Let the phone delete its certificate."""
        self._move({ServerState.DECISION}, ServerState.DELETING)
        return self._message(Command.DELETE_REQUEST, {})

    def end(self, reason: CapfReason) -> CapfMessage:
        """End the session."""
        open_states = {ServerState.DECISION, ServerState.ISSUE, ServerState.DONE}
        self._move(open_states, ServerState.ENDED)
        return self._message(Command.END_SESSION, {CapfTag.REASON: reason})

    def retry_later(self, delay_s: int) -> CapfMessage:
        """End the session: the phone may come again (element 12, inferred: seconds)."""
        self._move({ServerState.DECISION}, ServerState.ENDED)
        return self._message(
            Command.RETRY_LATER, {CapfTag.RETRY_DELAY: delay_s.to_bytes(4)}
        )

    def _event_of(self, message: CapfMessage) -> ServerEvent:
        match message.command:
            case Command.AUTH_RESPONSE:
                self.state = ServerState.DECISION
                return self._identified(message)
            case Command.KEYGEN_RESPONSE:
                self.state = ServerState.ISSUE
                return KeyMade(message.value(CapfTag.PUBLIC_KEY))
            case Command.STORE_RESPONSE:
                self.state = ServerState.DONE
                return Stored(_reason_of(message))
            case Command.FETCH_RESPONSE:
                self.state = ServerState.DONE
                return Fetched(message.certificate)
            case _:
                self.state = ServerState.DONE
                return Deleted(_reason_of(message))

    def _identified(self, message: CapfMessage) -> Identified:
        device, version = message.device, message.number(CapfTag.VERSION)
        if not device or version is None:
            raise ProtocolError("AUTH_RESPONSE without device name or version")
        # The server offers its newest version first; the phone's answer decides which
        # elements the further messages may have.
        self._version = version
        return Identified(device, version, message.password, Proof.of_message(message))

    def _message(
        self, command: Command, elements: dict[CapfTag, bytes | int]
    ) -> CapfMessage:
        return capf_message(command, self.session_id, elements)

    def _move(self, allowed: set[ServerState], after: ServerState) -> None:
        if self.state not in allowed:
            raise RuntimeError(f"a CAPF session in state {self.state.value}")
        self.state = after


def _reason_of(message: CapfMessage) -> int:
    reason = message.number(CapfTag.REASON)
    if reason is None:
        raise ProtocolError(f"{message.command.name} without a reason")
    return reason
