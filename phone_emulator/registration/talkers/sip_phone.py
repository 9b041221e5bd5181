"""A SIP phone's side of one connection to CallManager, without I/O.

The same shape as `SccpPhone`: the runner feeds `receive`, sends `output()`, acts on
`events()`, and calls `tick` at `deadline`. A standby connection sends REGISTER with
`Expires: 0`, which ends a registration (REFERENCE-3 5.2).
"""

import re
import secrets
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    PhoneEvent,
    RegistrationState,
    ResetOrdered,
    ShownCall,
)
from tokenless.phone_emulator.registration.talkers.sccp_call import MediaCounts
from tokenless.phone_emulator.registration.talkers.sip_call import SipCall
from tokenless.phone_emulator.registration.talkers.sip_digest import DigestProof
from tokenless.phone_emulator.registration.talkers.sip_identity import (
    CallSite,
    SipIdentity,
    report_of_lists,
)
from tokenless.phone_emulator.registration.talkers.sip_registering import SipRegistering
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import directory_number
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.stream import SipStream

_ACTION: Final = re.compile(rb"(?m)^action=([a-z-]{1,32})\r?$")
_RESETS: Final = {
    b"reset": LastOut.RESET,
    b"restart": LastOut.RESTART,
    b"apply-config": LastOut.RESTART,
}
_ALLOWED: Final = (
    "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"
)


class SipPhone:
    """One connection of a phone."""

    def __init__(
        self,
        identity: SipIdentity,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.identity = identity
        self.number = directory_number(identity.device)
        """Its directory number."""
        self.counts = MediaCounts()
        """Told at the end of a call."""
        self._random = random_bytes
        self._stream = SipStream()
        # Registration and call write to these two lists and do not know the phone:
        # they would form cycles with it, which only the collector could free.
        self._output: list[bytes] = []
        self._events: list[PhoneEvent] = []
        self._proof = DigestProof(identity.login, random_bytes)
        self._registering = SipRegistering(
            identity,
            self._proof,
            send=self._output.append,
            emit=self._events.append,
            random_bytes=random_bytes,
        )
        self._call: SipCall | None = None
        self._cancelled: SipCall | None = None
        """The last call that was given up: an answer may still come."""

    @property
    def state(self) -> RegistrationState:
        """The state of its registration."""
        return self._registering.state

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do, monotonic seconds."""
        return self._registering.deadline

    @property
    def call(self) -> ShownCall | None:
        """The call that the screen shows."""
        return None if self._call is None else self._call.shown

    def output(self) -> bytes:
        """Return the bytes to send, and forget them."""
        return b"".join(self.datagrams())

    def datagrams(self) -> list[bytes]:
        """Return the messages to send, and forget them."""
        messages = self._output.copy()
        self._output.clear()
        return messages

    def events(self) -> list[PhoneEvent]:
        """Return what has happened, and forget it."""
        events = self._events.copy()
        self._events.clear()
        return events

    # --- registration ------------------------------------------------------------

    def register(self, last: LastOut, now: float) -> None:
        """Send REGISTER with the alarm over a connection that is open."""
        self._registering.register(last, now)

    def stand_by(self, now: float) -> None:
        """Keep a connection to the standby server alive, without registering."""
        self._registering.stand_by(now)

    def ask_to_come_back(self, now: float) -> None:
        """Ask whether a better server is there again: as a standby server is asked."""
        self._registering.ask_to_come_back(now)

    def unregister(self) -> None:
        """Say goodbye."""
        self._registering.unregister()

    def closed(self, why: str, last: LastOut) -> None:
        """Note that the connection is of no more use.

        Args:
            why: What the phone saw.
            last: What its next alarm says.
        """
        self._registering.closed(why, last)

    def tick(self, now: float) -> None:
        """Refresh the registration, say a request again, or give the server up."""
        self._registering.tick(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the server; bytes that are not SIP end the connection."""
        try:
            if self.identity.transport == "udp":
                messages = [decode_message(data)]
            else:
                messages = self._stream.receive(data)
        except ProtocolError as error:
            self._registering.lose(
                f"the server does not speak SIP: {error}", LastOut.ABORTED
            )
            return
        for message in messages:
            self._take(message, now)

    def _take(self, message: SipMessage, now: float) -> None:
        if isinstance(message, SipRequest):
            self._take_request(message)
        elif message.get("call-id") == self._registering.form.call_id:
            self._take_answer(message, now)
        else:
            for call in (self._call, self._cancelled):
                if call is not None:  # each looks at the Call-ID
                    call.take_response(message)

    def _take_answer(self, response: SipResponse, now: float) -> None:
        before = self.state
        self._registering.take_answer(response, now)
        if self.state is before or self.state is not RegistrationState.REGISTERED:
            return
        report = report_of_lists(
            self.identity,
            server=response.get("server"),
            user=self._registering.form.user,
            token=lambda: self._random(8).hex(),
        )
        if report is not None:
            self._send(report.encode())

    def _take_request(self, request: SipRequest) -> None:
        match request.method:
            case "INVITE":
                self._take_invite(request)
            case "ACK" | "BYE" | "CANCEL" | "UPDATE":
                self._take_in_dialog(request)
            case "NOTIFY":
                self._answer(request, 200, "OK")
                self._take_notify(request)
            case "REFER" | "OPTIONS" | "INFO":
                self._answer(request, 200, "OK")
            case _:
                self._answer(request, 405, "Method Not Allowed", ("Allow", _ALLOWED))

    def _take_notify(self, request: SipRequest) -> None:
        action = _ACTION.search(request.body)
        is_control = request.get("event").lower() == "service-control"
        if action and is_control and action[1] in _RESETS:
            self._events.append(ResetOrdered(_RESETS[action[1]]))

    # --- a call ------------------------------------------------------------------

    def dial(self, number: str) -> None:
        """Dial, as a person does: SIP phones send the number as a whole."""
        if self._call is None:
            self._call = SipCall(self._site())
            self._call.dial(number)

    dial_at_once = dial

    def answer(self) -> None:
        """Answer the call that rings."""
        if self._call is not None:
            self._call.lift()

    def hang_up(self) -> None:
        """End the call."""
        if self._call is not None:
            self._call.hang_up()
        self._forget_ended_call()

    def media_opened(self, address: IPv4Address, port: int) -> None:
        """Say where the phone listens."""
        if self._call is not None:
            self._call.media_opened(address, port)

    def media_failed(self) -> None:
        """Say that no socket could be had."""
        if self._call is not None:
            self._call.media_failed()
        self._forget_ended_call()

    def _take_invite(self, request: SipRequest) -> None:
        known = self._call
        if known is not None and known.has_ended:
            known = None
        if known is None:
            self._call = SipCall(self._site())
            self._call.take_invite(request)
        elif known.call_id == request.get("call-id"):
            known.take_invite(request)
        else:
            self._answer(request, 486, "Busy Here")
        self._forget_ended_call()

    def _take_in_dialog(self, request: SipRequest) -> None:
        call = self._call
        if call is not None and call.call_id == request.get("call-id"):
            call.take_request(request)
            self._forget_ended_call()
        elif request.method != "ACK":
            self._answer(request, 481, "Call/Transaction Does Not Exist")

    def _forget_ended_call(self) -> None:
        if self._call is not None and self._call.has_ended:
            if self._call.is_cancelled:
                self._cancelled = self._call
            self._call = None

    def _site(self) -> CallSite:
        me, output = self.identity, self._output
        return CallSite(
            number=self.number,
            device=me.device,
            server=me.server,
            user_agent=me.user_agent,
            via=f"SIP/2.0/{me.transport.upper()} {me.address}:{me.port}",
            contact=(
                f"<sip:{self._registering.form.user}@{me.address}:{me.port}"
                f";transport={me.transport}>"
            ),
            suites=me.suites,
            send=lambda message: output.append(message.encode()),
            emit=self._events.append,
            random=self._random,
            proof=self._proof,
            unix_s=me.unix_s,
        )

    # --- inside ------------------------------------------------------------------

    def _answer(
        self, request: SipRequest, status: int, reason: str, *headers: tuple[str, str]
    ) -> None:
        answer = answer_to(
            request, status, reason, headers, to_tag=self._registering.tag
        )
        self._send(answer.encode())

    def _send(self, data: bytes) -> None:
        self._output.append(data)
