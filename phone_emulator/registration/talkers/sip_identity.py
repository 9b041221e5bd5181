"""A SIP phone's identity on one connection: in its messages, reports and calls."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import PhoneEvent
from tokenless.phone_emulator.registration.talkers.sip_digest import (
    DigestLogin,
    DigestProof,
)
from tokenless.protocol.phones.alarms import CONTENT_TYPE, TrustListReport
from tokenless.protocol.phones.registration import directory_number
from tokenless.protocol.sip.messages import SipMessage, SipRequest
from tokenless.protocol.srtp import SrtpSuite

_RELEASE: Final = re.compile(r"Cisco-CUCM([0-9]{1,2})\.")
_TAKES_REPORTS: Final = 14


@dataclass(frozen=True, slots=True)
class SipIdentity:
    """The identity that a phone sends.

    Attributes:
        device: Its name.
        model: The vendor's number of its model.
        load: The firmware that it runs.
        user_agent: E.g. `Cisco-CP8861/10.3.1`.
        server: The node's host, as the configuration names it.
        address: Its own.
        port: Of its connection.
        transport: `tcp`, `udp` or `tls`.
        suites: What it offers for SRTP; empty on a line that is not encrypted.
        lower_case_alarms: Whether alarms are written as 78xx and 88xx do.
        lists: What it reports of its trust lists.
        login: The Digest user and the password of its configuration.
        clock: Unix seconds, for the Date of its requests; None: they have none.
    """

    device: str
    model: int
    load: str
    user_agent: str
    server: str
    address: IPv4Address
    port: int
    transport: str = "tcp"
    suites: tuple[SrtpSuite, ...] = ()
    lower_case_alarms: bool = True
    lists: TrustListReport | None = None
    login: DigestLogin | None = None
    clock: Callable[[], float] | None = None

    @property
    def unix_s(self) -> float | None:
        """The time of now, Unix seconds; None without a clock."""
        return None if self.clock is None else self.clock()


def report_of_lists(
    me: SipIdentity, *, server: str, user: str, token: Callable[[], str]
) -> SipRequest | None:
    """Return a REFER that reports the phone's trust lists; None before release 14.

    Real phones report by their firmware; that the server's release decides, and the
    form of the REFER, are inferred (REFERENCE 4.4, REFERENCE-2 4).

    Args:
        me: What the phone says of itself and of its lists.
        server: The header `Server` of the answer to its REGISTER.
        user: The user part of its contact.
        token: Returns random text.
    """
    release, lists = _RELEASE.match(server), me.lists
    if lists is None or release is None or int(release[1]) < _TAKES_REPORTS:
        return None
    via = f"SIP/2.0/{me.transport.upper()} {me.address}:{me.port}"
    line = f"<sip:{directory_number(me.device)}@{me.server}>"
    return SipRequest(
        "REFER",
        f"sip:{me.server}",
        (
            ("Via", f"{via};branch=z9hG4bK{token()}"),
            ("From", f"{line};tag={token()}"),
            ("To", f"<sip:{me.server}>"),
            ("Call-ID", f"{token()}@{me.address}"),
            ("CSeq", "1000 REFER"),
            ("Max-Forwards", "70"),
            ("User-Agent", me.user_agent),
            ("Contact", f"<sip:{user}@{me.address}:{me.port}>"),
            ("Refer-To", "cid:alarm"),
            ("Content-Type", CONTENT_TYPE),
        ),
        lists.alarm().encode(),
    )


@dataclass(frozen=True, slots=True)
class CallSite:
    """The parts of a phone that a call needs.

    Attributes:
        number: The phone's directory number.
        device: Its name.
        server: The node's host.
        user_agent: The phone's.
        via: The beginning of Via, without a branch.
        contact: The phone's contact, in angle brackets.
        suites: What it offers for SRTP; empty on a line that is not encrypted.
        send: Takes a message to the server.
        emit: Takes what the runner acts on.
        random: Returns so many random bytes.
        proof: Answers challenges.
        unix_s: The phone's clock at the beginning of the call; None: it has none.
    """

    number: str
    device: str
    server: str
    user_agent: str
    via: str
    contact: str
    suites: tuple[SrtpSuite, ...]
    send: Callable[[SipMessage], None]
    emit: Callable[[PhoneEvent], None]
    random: Callable[[int], bytes]
    proof: DigestProof
    unix_s: float | None = None
