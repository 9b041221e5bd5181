"""Sender of a SIP message, and the way back to it."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenless.protocol.phones.registration import Peer
from tokenless.services.limited_log import LimitedLog


@dataclass(frozen=True, slots=True)
class Source:
    """Sender of a message, and how to answer it."""

    address: str
    peer: Peer
    send: Callable[[bytes], None]
    log: LimitedLog
    transport: str = "TCP"
    """In Via: UDP, TCP or TLS."""

    def is_same_phone(self, other: "Source") -> bool:
        """Return whether a client is this one: by certificate, in clear by address."""
        return (self.peer, self.address) == (other.peer, other.address)
