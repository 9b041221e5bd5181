"""A call of a SIP phone, without I/O: the dialog, in both roles (REFERENCE-4 4)."""

from contextlib import suppress
from dataclasses import replace
from enum import IntEnum, unique
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    ListenForMedia,
    ShownCall,
    StopMedia,
)
from tokenless.phone_emulator.registration.talkers.sip_identity import CallSite
from tokenless.phone_emulator.registration.talkers.sip_offers import (
    Offers,
    agreed_line,
    decoded_offer,
    level_of,
    media_effects,
)
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.addresses import decode_address, decode_target, decode_uri
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
)
from tokenless.protocol.sip.register import DEVICE_PARAMETER, SUPPORTED
from tokenless.protocol.sip.sdp import AudioStream, Crypto

_SDP: Final = ("Content-Type", "application/sdp")
_ALLOW: Final = (
    "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"
)
_RINGING, _OK, _FIRST_FAILURE = 180, 200, 300


@unique
class _Stage(IntEnum):
    NEW = 0
    OPENING = 1
    """Before the INVITE: a socket is being opened."""
    CALLING = 2
    RINGING = 3
    LIFTING = 4
    """Answered by the person: a socket is being opened."""
    ESTABLISHED = 5
    ENDED = 6


class SipCall:
    """One dialog of a phone."""

    def __init__(self, site: CallSite) -> None:
        self.call_id = f"{site.random(4).hex()}-{site.random(8).hex()}@{site.device}"
        self.shown: ShownCall | None = None
        self._site = site
        self._stage = _Stage.NEW
        self._tag = site.random(8).hex()
        self._mine = f"<sip:{site.number}@{site.server}>;tag={self._tag}"
        self._theirs = self._target = ""
        self._sequence = 100
        self._invite: SipRequest | None = None
        """The INVITE that began the call, of either side."""
        self._offers = Offers(site.suites, site.random)
        self._description = 0
        self._stream: AudioStream | None = None
        """The phone's own offer or answer."""
        self._answered_challenges = 0
        """By our INVITE."""
        self.is_cancelled = False
        """True if it has ended before our INVITE had its final answer."""

    @property
    def has_ended(self) -> bool:
        """Return whether nothing more is to come of it."""
        return self._stage is _Stage.ENDED

    # --- what the person does ------------------------------------------------------

    def dial(self, number: str) -> None:
        """Ask for a socket; the INVITE says where it is."""
        self._target = f"sip:{number}@{self._site.server};user=phone"
        self._theirs = f"<sip:{number}@{self._site.server}>"
        self._stage = _Stage.OPENING
        self._show(CallStage.DIALLING, other=number)
        self._site.emit(ListenForMedia(None))

    def lift(self) -> None:
        """Answer the call that rings, once there is a socket."""
        if self._stage is _Stage.RINGING:
            self._stage = _Stage.LIFTING
            self._site.emit(ListenForMedia(None))

    def hang_up(self) -> None:
        """End the call as its stage asks for it."""
        if self._stage is _Stage.ESTABLISHED:
            self._request("BYE")
        elif self._stage is _Stage.CALLING:
            self._request("CANCEL")
            self.is_cancelled = True
        elif self._stage in {_Stage.RINGING, _Stage.LIFTING}:
            self._respond(603, "Decline")
        self._end()

    # --- what the runner says ------------------------------------------------------

    def media_opened(self, address: IPv4Address, port: int) -> None:
        """Go on with a dialog that waited for a socket."""
        if self._stage is _Stage.OPENING:
            self._stage = _Stage.CALLING
            self._stream = self._offers.offer(address, port)
            self._send_invite(self._encoded())
        elif self._stage is _Stage.LIFTING:
            self._say_lifted(address, port)

    def media_failed(self) -> None:
        """Give up a dialog that waited for a socket."""
        if self._stage is _Stage.LIFTING:
            self._respond(500, "Server Internal Error")
        if self._stage in {_Stage.OPENING, _Stage.LIFTING}:
            self._end()

    def _send_invite(self, description: bytes) -> None:
        proof = self._site.proof.headers("INVITE", self._target)
        self._request("INVITE", *self._of_invite(), *proof, body=description)

    def _of_invite(self) -> tuple[tuple[str, str], ...]:
        site = self._site
        party = "party=calling;id-type=subscriber;privacy=off;screen=yes"
        return (
            ("Expires", "180"),
            ("Accept", "application/sdp"),
            ("Allow", _ALLOW),
            ("Remote-Party-ID", f"<sip:{site.number}@{site.server}>;{party}"),
            ("Supported", SUPPORTED),
            ("Allow-Events", "kpml,dialog"),
            _SDP,
            ("Content-Disposition", "session;handling=optional"),
        )

    def _say_lifted(self, address: IPv4Address, port: int) -> None:
        invite = self._invite
        theirs = decoded_offer(invite.body) if invite and invite.body else None
        self._stage = _Stage.ESTABLISHED
        if theirs is None:
            self._stream = self._offers.offer(address, port)
            self._respond(200, "OK", _SDP, body=self._encoded())
            return
        self._stream, mine = self._offers.answer(theirs, address, port)
        self._respond(200, "OK", _SDP, body=self._encoded())
        self._show(CallStage.CONNECTED)
        self._start(theirs, mine)

    # --- what the server sends -----------------------------------------------------

    def take_invite(self, request: SipRequest) -> None:
        """Ring, or take another offer in mid-call."""
        if self._stage is not _Stage.NEW:
            self._take_again(request)
            return
        try:
            self._target = decode_target(request.get("contact"))
            other = decode_uri(decode_address(request.get("from")).uri).user
        except ProtocolError:
            self._stage = _Stage.ENDED
            self._site.send(
                answer_to(request, 400, "Bad Request", to_tag=self._tag),
            )
            return
        self.call_id = request.get("call-id")
        self._invite = request
        self._mine = f"{request.get('to')};tag={self._tag}"
        self._theirs = request.get("from")
        self._stage = _Stage.RINGING
        self._respond(100, "Trying")
        self._respond(180, "Ringing")
        self._show(CallStage.RINGING, other=other, security=level_of(request))

    def _take_again(self, request: SipRequest) -> None:
        """Answer an offer in mid-call; an INVITE that was said again gets nothing."""
        stream = self._stream
        if self._stage is not _Stage.ESTABLISHED or stream is None:
            return
        theirs = decoded_offer(request.body)
        if theirs is None:
            refusal = (488, "Not Acceptable Here")
            self._site.send(answer_to(request, *refusal, to_tag=self._tag))
            return
        self._invite = request
        self._stream, mine = self._offers.answer(theirs, stream.address, stream.port)
        self._respond(200, "OK", _SDP, body=self._encoded())
        self._start(theirs, mine)
        self._note_level(request)

    def take_request(self, request: SipRequest) -> None:
        """Go on with ACK, BYE, CANCEL or UPDATE of this dialog."""
        if request.method == "ACK":
            self._take_ack(request)
            return
        self._site.send(answer_to(request, 200, "OK", to_tag=self._tag))
        if request.method == "UPDATE":
            self._note_level(request)
        elif request.method == "BYE":
            self._end()
        elif self._stage in {_Stage.RINGING, _Stage.LIFTING}:
            self._respond(487, "Request Terminated")
            self._end()

    def take_response(self, response: SipResponse) -> None:
        """Go on with what the server answers to the INVITE."""
        is_ours = response.get("call-id") == self.call_id
        number = str(self._sequence)
        if not is_ours or response.get("cseq").split() != [number, "INVITE"]:
            return
        if response.status >= _FIRST_FAILURE:
            self._request("ACK")
            self.is_cancelled = False
            is_calling = self._stage is _Stage.CALLING
            if is_calling and self._proves_itself(response):
                return
            if is_calling:
                self._site.emit(StopMedia())
                self._show(CallStage.FAILED)
        elif response.status >= _OK:
            self._take_answer(response)
        elif response.status == _RINGING and not self.is_cancelled:
            self._show(CallStage.RING_OUT, security=level_of(response))

    def _proves_itself(self, response: SipResponse) -> bool:
        """Send the INVITE again with a proof, if it was refused for want of one."""
        invite, proof = self._invite, self._site.proof
        answers = self._answered_challenges
        if invite is None or not proof.may_answer(response, answers):
            return False
        self._answered_challenges += 1
        self._send_invite(invite.body)
        return True

    def _take_answer(self, response: SipResponse) -> None:
        if self._stage is not _Stage.CALLING and not self.is_cancelled:
            self._request("ACK")  # a 200 that came again
            return
        self._stage = _Stage.ESTABLISHED
        self._theirs = response.get("to")
        with suppress(ProtocolError):  # requests go on to where the INVITE went
            self._target = decode_target(response.get("contact"))
        self._request("ACK")
        if self.is_cancelled:
            # The CANCEL came too late: only a BYE ends the call (RFC 3261 9.1, 15).
            self._request("BYE")
            self._stage, self.is_cancelled = _Stage.ENDED, False
            return
        self._agree(response)

    def _take_ack(self, request: SipRequest) -> None:
        """Take the answer to the offer in a 200 (a delayed offer)."""
        is_waiting = self.shown is not None and self.shown.stage is CallStage.RINGING
        if self._stage is _Stage.ESTABLISHED and is_waiting:
            self._agree(request)

    def _agree(self, message: SipMessage) -> None:
        theirs = decoded_offer(message.body)
        mine = None if theirs is None else agreed_line(self._stream, theirs)
        if theirs is None or (theirs.is_secure and mine is None):
            self._request("BYE")
            self._end()
            return
        self._show(CallStage.CONNECTED, security=level_of(message))
        self._start(theirs, mine)

    def _start(self, theirs: AudioStream, mine: Crypto | None) -> None:
        for effect in media_effects(theirs, mine):
            self._site.emit(effect)

    def _encoded(self) -> bytes:
        assert self._stream is not None  # noqa: S101  # made just before
        self._description += 1
        return self._stream.encode(origin="Cisco-SIPUA", session=self._description)

    # --- inside ----------------------------------------------------------------------

    def _note_level(self, message: SipMessage) -> None:
        known = self.shown
        if known is not None and message.get("call-info"):
            self._show(known.stage, security=level_of(message))

    def _show(
        self,
        stage: CallStage,
        *,
        other: str | None = None,
        security: SecurityStatus | None = None,
    ) -> None:
        known = self.shown or ShownCall(stage, 1)
        self.shown = replace(
            known,
            stage=stage,
            other=known.other if other is None else other,
            security=known.security if security is None else security,
        )
        self._site.emit(CallShown(self.shown))

    def _end(self) -> None:
        if self._stage is not _Stage.ENDED:
            self._stage = _Stage.ENDED
            self.shown = None
            self._site.emit(StopMedia())
            self._site.emit(CallShown(None))

    def _respond(
        self, status: int, reason: str, *headers: tuple[str, str], body: bytes = b""
    ) -> None:
        """Answer the INVITE of a call that came in."""
        if self._invite is None:
            return
        site = self._site
        device = f'{DEVICE_PARAMETER}="{site.device}"'
        added = (
            ("Contact", f"{site.contact};{device}"),
            ("Server", site.user_agent),
            ("Supported", SUPPORTED),
            *headers,
        )
        tag = "" if status < _RINGING else self._tag
        self._site.send(
            answer_to(self._invite, status, reason, added, body=body, to_tag=tag)
        )

    def _request(
        self, method: str, *headers: tuple[str, str], body: bytes = b""
    ) -> None:
        site = self._site
        first = self._invite
        branch = f"z9hG4bK{site.random(8).hex()}"
        via = f"{site.via};branch={branch}"
        if method not in {"ACK", "CANCEL"}:
            self._sequence += 1
        elif first is not None and self._stage is not _Stage.ESTABLISHED:
            via = first.get("via")  # of the INVITE's own transaction
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
                (
                    "Contact",
                    f'{site.contact};{DEVICE_PARAMETER}="{site.device}"',
                ),
                *headers,
            ),
            body,
        )
        if method == "INVITE":
            self._invite = request
        site.send(request)
