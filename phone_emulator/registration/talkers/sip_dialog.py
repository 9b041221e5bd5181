"""The dialog of a SIP phone's call: who it is with, and its messages (RFC 3261 12).

It says nothing of itself: `SipCall` decides when which message is due.
"""

from contextlib import suppress
from typing import Final

from tokenless.phone_emulator.registration.talkers.sip_identity import CallSite
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sip.addresses import decode_address, decode_target, decode_uri
from tokenless.protocol.sip.messages import (
    SipRequest,
    SipResponse,
    answer_to,
    date_header,
)
from tokenless.protocol.sip.register import DEVICE_PARAMETER, SUPPORTED

SDP: Final = ("Content-Type", "application/sdp")
"""The header of a message with a description of media."""
_ALLOW: Final = (
    "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"
)
_RINGING: Final = 180


class SipDialog:
    """The two sides of a call, and the numbers of its requests."""

    def __init__(self, site: CallSite) -> None:
        # Begins with the MAC address, ends with the IP address (REFERENCE-4 4.2).
        host = decode_uri(decode_address(site.contact).uri).host
        mac = site.device[-12:].lower()
        self.call_id = f"{mac[:8]}-{mac[8:]}{site.random(8).hex()}@{host}"
        self.invite: SipRequest | None = None
        """The last INVITE, of either side."""
        self._site = site
        self._tag = site.random(8).hex()
        self._contact = f'{site.contact};{DEVICE_PARAMETER}="{site.device}"'
        self._mine = f"<sip:{site.number}@{site.server}>;tag={self._tag}"
        self._theirs = self._target = ""
        self._sequence = 100

    def turn_to(self, number: str) -> None:
        """Let what follows go to a number."""
        self._target = f"sip:{number}@{self._site.server};user=phone"
        self._theirs = f"<sip:{number}@{self._site.server}>"

    def accept(self, invite: SipRequest) -> str:
        """Become the dialog of an INVITE that came in; return who calls.

        Raises:
            ProtocolError: When it does not say who, or where requests are to go.
        """
        target = decode_target(invite.get("contact"))
        other = decode_uri(decode_address(invite.get("from")).uri).user
        self._target = target
        self.call_id = invite.get("call-id")
        self.invite = invite
        self._mine = f"{invite.get('to')};tag={self._tag}"
        self._theirs = invite.get("from")
        return other

    def confirm(self, response: SipResponse) -> None:
        """Take over the address of the phone that accepted our INVITE."""
        self._theirs = response.get("to")
        with suppress(ProtocolError):  # requests go on to where the INVITE went
            self._target = decode_target(response.get("contact"))

    def acknowledge_refusal(self, response: SipResponse) -> None:
        """Send the ACK to a refusal; its To is the response's (RFC 3261 17.1.1.3)."""
        theirs, self._theirs = self._theirs, response.get("to")
        self.request("ACK")
        self._theirs = theirs

    def is_of_invite(self, response: SipResponse) -> bool:
        """Return whether a response is to our last INVITE."""
        is_ours = response.get("call-id") == self.call_id
        number = str(self._sequence)
        return is_ours and response.get("cseq").split() == [number, "INVITE"]

    def send_invite(self, description: bytes) -> None:
        """Send an INVITE with a description of media; the next number is its own."""
        site = self._site
        party = "party=calling;id-type=subscriber;privacy=off;screen=yes"
        self.request(
            "INVITE",
            *date_header(site.unix_s),
            ("Expires", "180"),
            ("Accept", "application/sdp"),
            ("Allow", _ALLOW),
            ("Remote-Party-ID", f"<sip:{site.number}@{site.server}>;{party}"),
            ("Supported", SUPPORTED),
            ("Allow-Events", "kpml,dialog"),
            ("Recv-Info", "conference"),
            ("Recv-Info", "x-cisco-conference"),
            SDP,
            ("Content-Disposition", "session;handling=optional"),
            *site.proof.headers("INVITE", self._target),
            body=description,
        )

    def answer(self, request: SipRequest, status: int, reason: str) -> None:
        """Answer any request of the other side."""
        self._site.send(answer_to(request, status, reason, to_tag=self._tag))

    def respond(
        self, status: int, reason: str, *headers: tuple[str, str], body: bytes = b""
    ) -> None:
        """Answer the INVITE of a call that came in."""
        if self.invite is None:
            return
        added = (
            ("Contact", self._contact),
            ("Server", self._site.user_agent),
            ("Supported", SUPPORTED),
            *headers,
        )
        tag = "" if status < _RINGING else self._tag
        self._site.send(
            answer_to(self.invite, status, reason, added, body=body, to_tag=tag)
        )

    def request(
        self,
        method: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        is_confirmed: bool = False,
    ) -> None:
        """Send a request.

        Args:
            method: Its method.
            headers: More headers than the dialog's own.
            body: Its body.
            is_confirmed: True if the call was taken: an ACK then has its own branch.
        """
        site = self._site
        via = f"{site.via};branch=z9hG4bK{site.random(8).hex()}"
        if method not in {"ACK", "CANCEL"}:
            self._sequence += 1
        elif self.invite is not None and not is_confirmed:
            via = self.invite.get("via")  # of the INVITE's own transaction
        request = SipRequest(
            method,
            self._target,
            (
                ("Via", via),
                ("From", self._mine),
                ("To", self._theirs),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self._sequence} {method}"),
                ("Max-Forwards", "70"),
                ("User-Agent", site.user_agent),
                ("Contact", self._contact),
                *headers,
            ),
            body,
        )
        if method == "INVITE":
            self.invite = request
        site.send(request)
