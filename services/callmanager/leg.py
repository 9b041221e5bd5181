"""One phone's part of a call, and the words in which it and the call speak.

Adapters make legs of SCCP or SIP messages; a leg reports what its phone does to the
call, and is told what to show, where to listen and where to send.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from ipaddress import IPv4Address
from typing import Protocol

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite

KeyOffers = Mapping[SrtpSuite, SrtpKeys]
"""What a phone would send with, for each suite that it offers."""


@unique
class CallFailure(StrEnum):
    """Reasons why a call cannot be set up."""

    UNKNOWN_NUMBER = "unknown-number"
    NOT_REGISTERED = "not-registered"
    BUSY = "busy"
    MEDIA = "media"
    """A phone could not open its media channel."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address at which a phone listens for media."""

    address: IPv4Address
    port: int


@dataclass(frozen=True, slots=True)
class Party:
    """Party at one end of a call."""

    device: str
    number: str
    security: DeviceSecurity
    """The protection of the registration's signalling."""
    address: str
    """Of the phone."""


@dataclass(frozen=True, slots=True)
class Media:
    """The keys of a stream as one phone sees them; None in clear."""

    sends_with: SrtpKeys | None
    receives_with: SrtpKeys | None
    suite: SrtpSuite | None = None
    """Of both directions; None in clear."""


class Conversation(Protocol):
    """A call, as the leg of one phone reports to it.

    It is kept by the node of the phone that calls (`Call`); a leg at another node
    reports to something that passes its words on.
    """

    def is_caller(self, leg: "Leg") -> bool:
        """Return whether it is the leg of the phone that calls."""

    def alerting(self) -> None:
        """Note that the called phone rings."""

    def answer(self) -> None:
        """Connect the media: the called phone was lifted."""

    def media_opened(
        self, leg: "Leg", endpoint: Endpoint, offers: KeyOffers | None = None
    ) -> None:
        """Note where a phone listens, and the keys that a SIP phone offers."""

    def hang_up(self, leg: "Leg", failure: CallFailure | None = None) -> None:
        """End the call for both phones."""


class Leg(ABC):
    """One phone's part of a call; adapters make it of SCCP or SIP messages."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.call: Conversation | None = None
        self.reference = 0
        """The number of the call that this phone is told."""

    @property
    @abstractmethod
    def brings_keys(self) -> bool:
        """Return whether the phone makes the key that it sends with (SIP)."""

    @property
    def confirms_ringing(self) -> bool:
        """Tell whether `Call.alerting` is called later, when the phone rings."""
        return False

    @abstractmethod
    def show_ringing(self, other: Party) -> None:
        """Ring: a call comes from `other`."""

    @abstractmethod
    def show_alerting(self, other: Party) -> None:
        """Tell the caller that `other` rings."""

    def show_refused(self, other: Party, failure: CallFailure) -> None:  # noqa: ARG002
        """Tell the caller that the call does not come about: nothing has rung."""
        self.show_ended(failure)

    @abstractmethod
    def open_media(self, other: Party, keys: SrtpKeys | None) -> None:
        """Have the phone listen; it decrypts with `keys`. `media_opened` follows."""

    @abstractmethod
    def connect_media(self, where: Endpoint, media: Media) -> None:
        """Have the phone send to `where`; `media` has the keys of both directions."""

    @abstractmethod
    def show_connected(self, other: Party, status: SecurityStatus) -> None:
        """Show that the call is connected, and how secure it is."""

    @abstractmethod
    def show_ended(self, failure: CallFailure | None) -> None:
        """Show that the call has ended or did not come about."""
