"""The sender of a SIP message, and our dialog with it: names, numbers, requests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.messages import SipRequest
from tokenless.services.limited_log import LimitedLog

_LEVELS: Final = {
    SecurityStatus.UNKNOWN: "Unknown",
    SecurityStatus.NOT_AUTHENTICATED: "NotAuthenticated",
    SecurityStatus.AUTHENTICATED: "Authenticated",
    SecurityStatus.ENCRYPTED: "Encrypted",
}


def _nothing() -> None:
    """Keep nothing: a datagram has no connection."""


@dataclass(slots=True, eq=False)
class Source:
    """Sender of a message, and how to answer it."""

    address: str
    peer: Peer
    send: Callable[[bytes], None]
    log: LimitedLog
    transport: str = "TCP"
    """In Via: UDP, TCP or TLS."""
    released: Callable[[], None] = _nothing
    """Is called when a device is reached over it no longer."""
    devices: int = 0
    """How many registered devices are reached over it."""

    def is_same_phone(self, other: "Source") -> bool:
        """Return whether a client is this one: by certificate, in clear by address."""
        return (self.peer, self.address) == (other.peer, other.address)


@dataclass(slots=True)
class Dialog:
    """The names of a dialog, and the number of its last request of ours."""

    call_id: str
    mine: str
    """Our From or To, with its tag."""
    theirs: str
    target: str
    """The phone's contact."""
    sequence: int = 100
    invite_branch: str = ""
    """Of our INVITE: its CANCEL, and the ACK of a refusal, have the same."""
    invite_sequence: int = 0
    """Of our INVITE: its CANCEL and every ACK have the same."""

    def request(
        self,
        method: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        sent_by: str,
        branch: str,
    ) -> SipRequest:
        """Return the next request of the dialog.

        Args:
            method: ACK and CANCEL have the number of our INVITE, others the next one.
            headers: What follows those of the dialog.
            body: Its body.
            sent_by: The beginning of Via.
            branch: Of Via; it names the transaction.
        """
        of_invite = method in {"ACK", "CANCEL"}
        if not of_invite:
            self.sequence += 1
        if method == "INVITE":
            self.invite_branch, self.invite_sequence = branch, self.sequence
        number = self.invite_sequence if of_invite else self.sequence
        return SipRequest(
            method,
            self.target,
            (
                ("Via", f"{sent_by};branch={branch}"),
                ("From", self.mine),
                ("To", self.theirs),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
                ("Max-Forwards", "70"),
                *headers,
            ),
            body,
        )


def call_info(status: SecurityStatus, orientation: str, more: str = "") -> str:
    """Return the value of Call-Info (REFERENCE-4 4.4)."""
    return (
        f"<urn:x-cisco-remotecc:callinfo>; security= {_LEVELS[status]}; "
        f"orientation= {orientation}; isVoip; call-instance= 1{more}"
    )
