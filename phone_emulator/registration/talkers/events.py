"""States and events of a phone that registers, the same for SCCP and SIP."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from ipaddress import IPv4Address
from typing import TypeAlias

from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite


@unique
class RegistrationState(StrEnum):
    """The state of a phone's registration at one server."""

    IDLE = "idle"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REJECTED = "rejected"
    LOST = "lost"
    """The server is silent, or has closed the connection."""
    UNREGISTERED = "unregistered"

    @property
    def can_be_lost(self) -> bool:
        """Return whether a closed connection is news: the phone still counts on it."""
        return self in {
            RegistrationState.IDLE,
            RegistrationState.REGISTERING,
            RegistrationState.REGISTERED,
        }


@unique
class LastOut(StrEnum):
    """Reasons why a phone was out of service, as its next alarm has them."""

    TCP_TIMEOUT = "TCP-timeout"
    RESET_BY_CALLMANAGER = "CM-reset-TCP"
    ABORTED = "CM-aborted-TCP"
    CLOSED = "CM-closed-TCP"
    KEEPALIVE_FAILURE = "KeepaliveTO"
    FALLBACK = "Failback"
    USER_RESET = "Phone-Keypad"
    RESET = "Reset-Reset"
    RESTART = "Reset-Restart"
    REJECTED = "Phone-Reg-Rej"
    INITIALIZED = "Initialized"

    @property
    def code(self) -> int:
        """The number of the alarm."""
        return _ALARM_CODES[self]


_ALARM_CODES = {
    LastOut.TCP_TIMEOUT: 10,
    LastOut.RESET_BY_CALLMANAGER: 12,
    LastOut.ABORTED: 13,
    LastOut.CLOSED: 14,
    LastOut.KEEPALIVE_FAILURE: 15,
    LastOut.FALLBACK: 18,
    LastOut.USER_RESET: 20,
    LastOut.RESET: 22,
    LastOut.RESTART: 23,
    LastOut.REJECTED: 24,
    LastOut.INITIALIZED: 25,
}
"""Numbers are stated, some of the words inferred (REFERENCE-3 4.5)."""


@unique
class CallStage(StrEnum):
    """The stage of a call, as the phone's screen shows it."""

    DIALLING = "dialling"
    RINGING = "ringing"
    """Somebody calls."""
    RING_OUT = "ring-out"
    CONNECTED = "connected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call as the phone shows it."""

    stage: CallStage
    reference: int
    other: str = ""
    """The other phone's number."""
    security: SecurityStatus = SecurityStatus.UNKNOWN
    """The codec and key of the server; the lock needs SRTP of its own, too."""


@dataclass(frozen=True, slots=True)
class RegistrationStateChanged:
    """The phone registered, was refused, or is out of service."""

    state: RegistrationState
    why: str = ""
    """The server's words, or what the phone saw."""
    last: LastOut | None = None
    """The text of the next alarm of a phone that is out of service."""


@dataclass(frozen=True, slots=True)
class NumberKnown:
    """The server has said the phone's directory number."""

    number: str


@dataclass(frozen=True, slots=True)
class ResetOrdered:
    """The server orders a reset, a restart, or to apply the configuration."""

    last: LastOut


@dataclass(frozen=True, slots=True)
class MayComeBack:
    """A better server lets the phone register there."""


@dataclass(frozen=True, slots=True)
class CallShown:
    """The call that the screen shows has changed; None: no call."""

    call: ShownCall | None


@dataclass(frozen=True, slots=True)
class ListenForMedia:
    """Open a socket and say where by `media_opened`; decrypt with `keys`.

    Said again, it only changes the keys: SIP has them after the port.
    """

    keys: SrtpKeys | None
    suite: SrtpSuite = SrtpSuite.AES_CM_128_HMAC_SHA1_32


@dataclass(frozen=True, slots=True)
class SendMedia:
    """Send G.711 every 20 ms, encrypted with `keys`."""

    address: IPv4Address
    port: int
    keys: SrtpKeys | None
    suite: SrtpSuite = SrtpSuite.AES_CM_128_HMAC_SHA1_32


@dataclass(frozen=True, slots=True)
class StopMedia:
    """Close the media socket."""


PhoneEvent: TypeAlias = (
    RegistrationStateChanged
    | NumberKnown
    | ResetOrdered
    | MayComeBack
    | CallShown
    | ListenForMedia
    | SendMedia
    | StopMedia
)


class Registering:
    """The registration over one connection: its state, and when it acts next."""

    def __init__(self, emit: Callable[[PhoneEvent], None]) -> None:
        """Begin without one.

        Args:
            emit: Takes what the runner acts on.
        """
        self.state = RegistrationState.IDLE
        self.deadline: float | None = None
        """When `tick` has something to do, monotonic seconds."""
        self._emit = emit

    def closed(self, why: str, last: LastOut) -> None:
        """Note that the connection is of no more use.

        Args:
            why: What the phone saw.
            last: What its next alarm says.
        """
        if self.state.can_be_lost:
            self.lose(why, last)

    def lose(self, why: str, last: LastOut) -> None:
        """Give the server up."""
        self.deadline = None
        self._become(RegistrationState.LOST, why, last)

    def _part(self) -> None:
        self.deadline = None
        self._become(RegistrationState.UNREGISTERED)

    def _become(
        self, state: RegistrationState, why: str = "", last: LastOut | None = None
    ) -> None:
        self.state = state
        self._emit(RegistrationStateChanged(state, why, last))
