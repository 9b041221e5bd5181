"""The sender of a SIP message, and our dialog with it: names, numbers, requests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.messages import SipRequest
from tokenless.services.callmanager.leg import CallFailure, Party
from tokenless.services.limited_log import LimitedLog

_ALLOW: Final = (
    "INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY"
)
INVITING: Final = (
    ("Alert-Info", "<file://Bellcore-dr1/>"),
    ("Supported", "timer,resource-priority,replaces"),
    ("Allow", _ALLOW),
    ("Expires", "180"),
)
"""Headers of our INVITE that are always the same."""
_LEVELS: Final = {
    SecurityStatus.UNKNOWN: "Unknown",
    SecurityStatus.NOT_AUTHENTICATED: "NotAuthenticated",
    SecurityStatus.AUTHENTICATED: "Authenticated",
    SecurityStatus.ENCRYPTED: "Encrypted",
}
_REFUSALS: Final = {
    CallFailure.UNKNOWN_NUMBER: (404, "Not Found"),
    CallFailure.NOT_REGISTERED: (503, "Service Unavailable"),
    CallFailure.BUSY: (486, "Busy Here"),
    CallFailure.MEDIA: (488, "Not Acceptable Media"),
    None: (487, "Request Terminated"),
}


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """Where phones reach us, whatever a node's name is (REFERENCE-4 4.2)."""

    place: str
    """`HOST:PORT`."""
    transport: str

    @property
    def host(self) -> str:
        """Return the host alone."""
        return self.place.rpartition(":")[0]

    @property
    def via(self) -> str:
        """Return the beginning of Via."""
        return f"SIP/2.0/{self.transport} {self.place}"

    def contact(self, other: Party) -> tuple[str, str]:
        """Return our Contact in a call with a phone, in the name of the other one."""
        uri = f"sip:{other.number}@{self.place};transport={self.transport.lower()}"
        device = f'+u.sip!devicename.ccm.cisco.com="{other.device}"'
        return "Contact", f"<{uri}>;{device}"

    def identity(self, other: Party, role: str) -> tuple[str, str]:
        """Return who the other phone is."""
        party = f"party={role};screen=yes;privacy=off"
        return "Remote-Party-ID", f"<sip:{other.number}@{self.host}>;{party}"


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

    def local_address(self, place: str) -> LocalAddress:
        """Return where this sender reaches us, which is at `place`."""
        return LocalAddress(place, self.transport)


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


def refusal_of(failure: CallFailure | None) -> tuple[int, str]:
    """Return the status and reason that a caller hears; None: it was not answered."""
    return _REFUSALS[failure]


def call_info(status: SecurityStatus, orientation: str, more: str = "") -> str:
    """Return the value of Call-Info (REFERENCE-4 4.4)."""
    return (
        f"<urn:x-cisco-remotecc:callinfo>; security= {_LEVELS[status]}; "
        f"orientation= {orientation}; isVoip; call-instance= 1{more}"
    )
