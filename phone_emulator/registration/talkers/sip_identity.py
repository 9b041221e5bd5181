"""What a SIP phone says of itself on one connection."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from tokenless.phone_emulator.registration.talkers.sip_digest import DigestLogin
from tokenless.protocol.phones.alarms import TrustListReport
from tokenless.protocol.srtp import SrtpSuite


@dataclass(frozen=True, slots=True)
class SipIdentity:
    """The identity that a phone sends.

    Attributes:
        device: Its name.
        model: The vendor's number of its model.
        load: The firmware that it runs.
        user_agent: E.g. `Cisco-CP8861/sip88xx.10-3-1-20`.
        server: The node's host, as the configuration names it.
        address: Its own.
        port: Of its connection.
        transport: `tcp`, `udp` or `tls`.
        suites: What it offers for SRTP; empty on a line that is not encrypted.
        lower_case_alarms: Whether alarms are written as 78xx and 88xx do.
        lists: What it reports of its trust lists.
        login: The Digest user and the password of its configuration.
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
