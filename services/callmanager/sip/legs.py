"""One SIP phone's part of a call: what the switch tells it becomes SIP messages.

CUCM is a back-to-back user agent: the called phone gets an INVITE without a
description, offers in its 200, and has the answer in the ACK (REFERENCE-4 4.1). Each
phone's answer takes the line of its own offer that has the agreed suite, with its tag,
and the other phone's key (REFERENCE-4 4.3).
"""

import itertools
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum, unique
from typing import Final

from cachetools import FIFOCache

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.addresses import decode_target
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
)
from tokenless.protocol.sip.sdp import AudioStream, decode_audio
from tokenless.protocol.srtp import SrtpKeys
from tokenless.services.callmanager.leg import (
    CallFailure,
    Endpoint,
    KeyOffers,
    Leg,
    Media,
    Party,
)
from tokenless.services.callmanager.sip.dialog import (
    INVITING,
    Dialog,
    Source,
    call_info,
    refusal_of,
)

_SDP: Final = ("Content-Type", "application/sdp")
_NORMAL_END: Final = ("Reason", "Q.850;cause=16")
_FALLBACK: Final = "x-cisco-srtp-fallback"
_FIRST_FAILURE: Final = 300
_FIRST_SUCCESS: Final = 200
_MAX_CANCELLED: Final = 256
"""Remembered of all phones; one that never answers is forgotten in its turn."""


@unique
class _Stage(IntEnum):
    EARLY = 0
    ESTABLISHED = 1
    ENDED = 2


class Dialogs:
    """The dialogs of one node, and what their requests are made of."""

    def __init__(
        self,
        *,
        node: str,
        server: str,
        contact_of: Callable[[str], str],
        place_of: Callable[[str], str],
    ) -> None:
        """Begin without dialogs.

        Args:
            node: Our name in tags.
            server: Our User-Agent.
            contact_of: Takes a device's name, returns its contact's URI.
            place_of: Takes UDP, TCP or TLS, returns where phones find us: `HOST:PORT`.
        """
        self.node = node
        self.server = server
        self.contact_of = contact_of
        self.place_of = place_of
        self.legs: dict[str, SipLeg] = {}
        self.cancelled: FIFOCache[str, SipLeg] = FIFOCache(_MAX_CANCELLED)
        """Called legs that have ended before their INVITE had its final answer."""
        self.numbers = itertools.count(1)

    def new_tag(self) -> str:
        """Return a tag, as CUCM's begin: a number."""
        return f"{next(self.numbers)}~{self.node}"


class SipLeg(Leg):
    """One SIP phone's part of a call."""

    def __init__(self, party: Party, calls: Dialogs, source: Source) -> None:
        super().__init__(party)
        self.source = source
        self._calls = calls
        self._local = source.local_address(calls.place_of(source.transport))
        self._stage = _Stage.EARLY
        self._invite: SipRequest | None = None
        """The INVITE of a phone that calls."""
        self.dialog = Dialog("", "", "", "")
        self._offer: AudioStream | None = None
        self._falls_back = self._takes_updates = True
        """The identity in the phone's last message."""
        self._answer = b""
        self._is_acknowledged = False

    @property
    def brings_keys(self) -> bool:
        """SIP phones make the key that they send with."""
        return True

    # --- a phone that calls --------------------------------------------------------

    def begin(self, invite: SipRequest) -> AudioStream:
        """Take the INVITE of a phone that calls; return its offer.

        Raises:
            ProtocolError: When it offers no audio stream, or names no contact.
        """
        self._offer = decode_audio(invite.body)
        target = decode_target(invite.get("contact"))
        self._invite = invite
        self._note_abilities(invite)
        to = invite.get("to")
        self.dialog = Dialog(
            invite.get("call-id"),
            f"{to};tag={self._calls.new_tag()}",
            invite.get("from"),
            target,
        )
        return self._offer

    @property
    def offers(self) -> KeyOffers:
        """What the phone could send with; empty where it offers nothing usable."""
        return {} if self._offer is None else self._offer.keys_by_suite

    def respond(
        self, status: int, reason: str, *headers: tuple[str, str], body: bytes = b""
    ) -> None:
        """Answer the INVITE of a phone that calls."""
        if self._invite is None:
            return
        tag = self.dialog.mine.rpartition(";tag=")[2]
        response = answer_to(
            self._invite, status, reason, headers, body=body, to_tag=tag
        )
        self.source.send(response.encode())

    def show_alerting(self, other: Party) -> None:
        """Say that the other phone rings."""
        info = call_info(SecurityStatus.UNKNOWN, "to", "; ui-state= ringout")
        self.respond(180, "Ringing", ("Call-Info", info), self._local.contact(other))

    # --- a phone that is called ------------------------------------------------------

    def show_ringing(self, other: Party) -> None:
        """Send an INVITE without a description."""
        calls = self._calls
        number = next(calls.numbers)
        tag = calls.new_tag()
        self.dialog = Dialog(
            # Not to be guessed: who knows it could speak for the phone's address.
            f"{number:08x}-{secrets.token_hex(8)}@{self._local.host}",
            f"<sip:{other.number}@{self._local.host}>;tag={tag}",
            f"<sip:{self.party.number}@{self._local.host}>",
            calls.contact_of(self.party.device),
        )
        calls.legs[self.dialog.call_id] = self
        self._request(
            "INVITE",
            ("Call-Info", call_info(SecurityStatus.UNKNOWN, "from")),
            self._local.identity(other, "calling"),
            *INVITING,
            self._local.contact(other),
        )

    def take_response(self, response: SipResponse) -> None:
        """Go on with what a called phone answers to our INVITE."""
        if not response.get("cseq").endswith("INVITE") or self._stage is _Stage.ENDED:
            return
        if response.status >= _FIRST_FAILURE:
            self._acknowledge_refusal(response)
            self._end(CallFailure.BUSY)
        elif response.status >= _FIRST_SUCCESS and self._stage is _Stage.EARLY:
            self._lifted(response)
        elif response.status >= _FIRST_SUCCESS and self._is_acknowledged:
            self._acknowledge()  # a 200 that came again: its ACK was lost

    def take_late_response(self, response: SipResponse) -> bool:
        """End the dialog of an INVITE that was cancelled; return whether it has ended.

        A CANCEL does nothing once the phone has accepted: such a call is acknowledged
        and ended by a BYE (RFC 3261 9.1, 15).
        """
        is_final = response.status >= _FIRST_SUCCESS
        if not is_final or not response.get("cseq").endswith("INVITE"):
            return False
        if response.status >= _FIRST_FAILURE:
            self._acknowledge_refusal(response)
            return True
        self.dialog.theirs = response.get("to")
        with suppress(ProtocolError):  # requests go on to where the INVITE went
            self.dialog.target = decode_target(response.get("contact"))
        self._acknowledge()
        self._request("BYE", _NORMAL_END)
        return True

    def _lifted(self, response: SipResponse) -> None:
        self._stage = _Stage.ESTABLISHED
        self.dialog.theirs = response.get("to")
        self._note_abilities(response)
        call = self.call
        try:
            self._offer = decode_audio(response.body)
            self.dialog.target = decode_target(response.get("contact"))
        except ProtocolError:
            if call is not None:
                call.hang_up(self, CallFailure.MEDIA)
            return
        if call is not None:
            call.answer()
            where = Endpoint(self._offer.address, self._offer.port)
            call.media_opened(self, where, self.offers)

    def _acknowledge(self) -> None:
        self._is_acknowledged = True
        self._request("ACK", *([_SDP] if self._answer else []), body=self._answer)

    def _acknowledge_refusal(self, response: SipResponse) -> None:
        self.dialog.theirs = response.get("to")  # RFC 3261 17.1.1.3
        self._request("ACK", in_invite=True)

    def _note_abilities(self, message: SipMessage) -> None:
        """Note whether the phone takes RTP where it offered SRTP, and UPDATE."""
        self._falls_back = _FALLBACK in ",".join(message.all("supported")).lower()
        allowed = ",".join(message.all("allow")).upper()
        self._takes_updates = not allowed or "UPDATE" in allowed

    # --- both ------------------------------------------------------------------------

    def open_media(self, other: Party, keys: SrtpKeys | None) -> None:
        """Do nothing: the phone has said where it listens."""

    def connect_media(self, where: Endpoint, media: Media) -> None:
        """Make the description that answers the phone's offer, and acknowledge."""
        crypto = None if self._offer is None else self._offer.line_with(media.suite)
        stream = AudioStream(where.address, where.port)
        if crypto is not None and media.receives_with is not None:
            own = replace(crypto, keys=media.receives_with)
            stream = replace(stream, cryptos=(own,), is_secure=True)
        elif self._offer is not None and self._offer.is_secure and not self._falls_back:
            # It would hear nothing: it waits for SRTP (REFERENCE-4 4.3).
            if self.call is not None:
                self.call.hang_up(self, CallFailure.MEDIA)
            return
        self._answer = stream.encode(
            origin="CiscoSystemsCCM-SIP",
            session=next(self._calls.numbers),
            server=self._local.host,
        )
        if self._invite is None:
            self._acknowledge()

    def show_connected(self, other: Party, status: SecurityStatus) -> None:
        """Say how secure the call is: in the 200 to the caller, else in an UPDATE."""
        if self._invite is not None:
            self._stage = _Stage.ESTABLISHED
            self.respond(
                200,
                "OK",
                ("Supported", "replaces"),
                ("Server", self._calls.server),
                ("Call-Info", call_info(status, "to")),
                self._local.identity(other, "called"),
                self._local.contact(other),
                _SDP,
                body=self._answer,
            )
        elif status is not SecurityStatus.NOT_AUTHENTICATED and self._takes_updates:
            self._request(
                "UPDATE",
                ("Call-Info", call_info(status, "from")),
                self._local.contact(other),
            )

    def show_ended(self, failure: CallFailure | None) -> None:
        """End the dialog as its stage asks for it."""
        stage, self._stage = self._stage, _Stage.ENDED
        self._calls.legs.pop(self.dialog.call_id, None)
        if stage is _Stage.ENDED:
            return
        if stage is _Stage.ESTABLISHED:
            if self._invite is None and not self._is_acknowledged:
                self._acknowledge()  # there is no BYE in a dialog without it
            self._request("BYE", _NORMAL_END)
        elif self._invite is None:
            self._request("CANCEL", in_invite=True)
            # Its INVITE has no final answer yet, and may be accepted all the same.
            self._calls.cancelled[self.dialog.call_id] = self
        else:
            self.respond(*refusal_of(failure))

    def take_bye(self) -> None:
        """End the call: the phone has said goodbye."""
        self._end(None)

    def _end(self, failure: CallFailure | None) -> None:
        self._stage = _Stage.ENDED
        self._calls.legs.pop(self.dialog.call_id, None)
        if self.call is not None:
            self.call.hang_up(self, failure)

    def take_silence(self) -> None:
        """End a call whose phone does not answer our INVITE."""
        if self._stage is _Stage.EARLY:
            self._end(CallFailure.NOT_REGISTERED)

    def take_cancel(self) -> None:
        """End a call that was not answered: its caller has given up."""
        if self._stage is _Stage.EARLY and self.call is not None:
            self.call.hang_up(self)

    def _request(
        self,
        method: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        in_invite: bool = False,
    ) -> None:
        """Send a request; `in_invite`: in the transaction of our INVITE."""
        calls, dialog = self._calls, self.dialog
        new = f"z9hG4bK{next(calls.numbers):x}"
        request = dialog.request(
            method,
            (("User-Agent", calls.server), *headers),
            body,
            sent_by=self._local.via,
            branch=dialog.invite_branch if in_invite else new,
        )
        self.source.send(request.encode())
