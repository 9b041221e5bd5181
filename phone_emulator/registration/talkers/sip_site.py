"""What a call of a SIP phone needs of its phone."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenless.phone_emulator.registration.talkers.events import PhoneEvent
from tokenless.phone_emulator.registration.talkers.sip_digest import DigestProof
from tokenless.protocol.sip.messages import SipMessage
from tokenless.protocol.srtp import SrtpSuite


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
