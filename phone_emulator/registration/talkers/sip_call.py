"""A call of a SIP phone, without I/O: the dialog, in both roles (REFERENCE-4 4)."""

from dataclasses import replace
from enum import IntEnum, unique
from ipaddress import IPv4Address

from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    ListenForMedia,
    ShownCall,
    StopMedia,
)
from tokenless.phone_emulator.registration.talkers.sip_dialog import SDP, SipDialog
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
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
)
from tokenless.protocol.sip.sdp import AudioStream, Crypto

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
    FAILED = 6
    """The server has refused our INVITE; the person hears it."""
    ENDED = 7


class SipCall:
    """One dialog of a phone."""

    def __init__(self, site: CallSite) -> None:
        self.shown: ShownCall | None = None
        self._site = site
        self._dialog = SipDialog(site)
        self._stage = _Stage.NEW
        self._offers = Offers(site.suites, site.random)
        self._description = 0
        self._stream: AudioStream | None = None
        """The phone's own offer or answer."""
        self._answered_challenges = 0
        """By our INVITE."""
        self.is_cancelled = False
        """True if it has ended before our INVITE had its final answer."""

    @property
    def call_id(self) -> str:
        """Return the Call-ID of its messages."""
        return self._dialog.call_id

    @property
    def has_ended(self) -> bool:
        """Return whether nothing more is to come of it."""
        return self._stage is _Stage.ENDED

    # --- what the person does ------------------------------------------------------

    def dial(self, number: str) -> None:
        """Ask for a socket; the INVITE says where it is."""
        self._dialog.turn_to(number)
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
            self._dialog.respond(603, "Decline")
        self._end()

    # --- what the runner says ------------------------------------------------------

    def media_opened(self, address: IPv4Address, port: int) -> None:
        """Go on with a dialog that waited for a socket."""
        if self._stage is _Stage.OPENING:
            self._stage = _Stage.CALLING
            self._stream = self._offers.offer(address, port)
            self._dialog.send_invite(self._encoded())
        elif self._stage is _Stage.LIFTING:
            self._say_lifted(address, port)

    def media_failed(self) -> None:
        """Give up a dialog that waited for a socket."""
        if self._stage is _Stage.LIFTING:
            self._dialog.respond(500, "Server Internal Error")
        if self._stage in {_Stage.OPENING, _Stage.LIFTING}:
            self._end()

    def _say_lifted(self, address: IPv4Address, port: int) -> None:
        invite = self._dialog.invite
        theirs = decoded_offer(invite.body) if invite and invite.body else None
        self._stage = _Stage.ESTABLISHED
        if theirs is None:
            self._stream = self._offers.offer(address, port)
            self._dialog.respond(200, "OK", SDP, body=self._encoded())
            return
        self._stream, mine = self._offers.answer(theirs, address, port)
        self._dialog.respond(200, "OK", SDP, body=self._encoded())
        self._show(CallStage.CONNECTED)
        self._start(theirs, mine)

    # --- what the server sends -----------------------------------------------------

    def take_invite(self, request: SipRequest) -> None:
        """Ring, or take another offer in mid-call."""
        if self._stage is not _Stage.NEW:
            self._take_again(request)
            return
        try:
            other = self._dialog.accept(request)
        except ProtocolError:
            self._stage = _Stage.ENDED
            self._dialog.answer(request, 400, "Bad Request")
            return
        self._stage = _Stage.RINGING
        self._dialog.respond(100, "Trying")
        self._dialog.respond(180, "Ringing")
        self._show(CallStage.RINGING, other=other, security=level_of(request))

    def _take_again(self, request: SipRequest) -> None:
        """Answer an offer in mid-call; an INVITE that was said again gets nothing."""
        stream = self._stream
        if self._stage is not _Stage.ESTABLISHED or stream is None:
            return
        theirs = decoded_offer(request.body)
        if theirs is None:
            self._dialog.answer(request, 488, "Not Acceptable Here")
            return
        self._dialog.invite = request
        self._stream, mine = self._offers.answer(theirs, stream.address, stream.port)
        self._dialog.respond(200, "OK", SDP, body=self._encoded())
        self._start(theirs, mine)
        self._note_level(request)

    def take_request(self, request: SipRequest) -> None:
        """Go on with ACK, BYE, CANCEL or UPDATE of this dialog."""
        if request.method == "ACK":
            self._take_ack(request)
            return
        self._dialog.answer(request, 200, "OK")
        if request.method == "UPDATE":
            self._note_level(request)
        elif request.method == "BYE":
            self._end()
        elif self._stage in {_Stage.RINGING, _Stage.LIFTING}:
            self._dialog.respond(487, "Request Terminated")
            self._end()

    def take_response(self, response: SipResponse) -> None:
        """Go on with what the server answers to the INVITE."""
        if not self._dialog.is_of_invite(response):
            return
        if response.status >= _FIRST_FAILURE:
            self._dialog.acknowledge_refusal(response)
            self.is_cancelled = False
            is_calling = self._stage is _Stage.CALLING
            if is_calling and self._proves_itself(response):
                return
            if is_calling:
                self._stage = _Stage.FAILED
                self._site.emit(StopMedia())
                self._show(CallStage.FAILED)
        elif response.status >= _OK:
            self._take_answer(response)
        elif response.status == _RINGING and not self.is_cancelled:
            self._show(CallStage.RING_OUT, security=level_of(response))

    def _proves_itself(self, response: SipResponse) -> bool:
        """Send the INVITE again with a proof, if it was refused for want of one."""
        invite, proof = self._dialog.invite, self._site.proof
        answers = self._answered_challenges
        if invite is None or not proof.may_answer(response, answers):
            return False
        self._answered_challenges += 1
        self._dialog.send_invite(invite.body)
        return True

    def _take_answer(self, response: SipResponse) -> None:
        if self._stage is not _Stage.CALLING and not self.is_cancelled:
            self._request("ACK")  # a 200 that came again
            return
        self._stage = _Stage.ESTABLISHED
        self._dialog.confirm(response)
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

    def _request(self, method: str) -> None:
        is_confirmed = self._stage is _Stage.ESTABLISHED
        self._dialog.request(method, is_confirmed=is_confirmed)
