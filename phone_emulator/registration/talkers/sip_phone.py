"""A SIP phone's side of one connection to CallManager, without I/O.

The same shape as `SccpPhone`: the runner feeds `receive`, sends `output()`, acts on
`events()`, and calls `tick` at `deadline`. A standby connection sends REGISTER with
`Expires: 0`, which ends a registration (REFERENCE-3 5.2).
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, unique
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    MayComeBack,
    PhoneEvent,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
    ShownCall,
)
from tokenless.phone_emulator.registration.talkers.sccp_call import MediaCounts
from tokenless.phone_emulator.registration.talkers.sip_call import CallSite, SipCall
from tokenless.phone_emulator.registration.talkers.sip_digest import (
    DigestLogin,
    DigestProof,
)
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.alarms import CONTENT_TYPE, TrustListReport
from tokenless.protocol.phones.registration import directory_number
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.register import (
    DEFAULT_EXPIRES_S,
    GRANTED_EXPIRES_S,
    RegisterForm,
)
from tokenless.protocol.sip.stream import SipStream
from tokenless.protocol.srtp import SrtpSuite

_ANSWER_TIMEOUT_S: Final = 10.0
_RESEND_S: Final = 0.5
"""RFC 3261's T1: over UDP a request is sent again, each time after twice as long."""
_STANDBY_S: Final = 60.0
_BEFORE_EXPIRY_S: Final = 5.0
_OK: Final = 200
_FIRST_FAILURE: Final = 300
_SECONDS: Final = re.compile(r"\d{1,6}\Z")
_WARNING: Final = re.compile(r'\d{3} \S+ "([^"]{1,200})"')
_ACTION: Final = re.compile(rb"(?m)^action=([a-z-]{1,32})\r?$")
_RESETS: Final = {
    b"reset": LastOut.RESET,
    b"restart": LastOut.RESTART,
    b"apply-config": LastOut.RESTART,
}
_RELEASE: Final = re.compile(r"Cisco-CUCM([0-9]{1,2})\.")
_TAKES_REPORTS: Final = 14
_ALLOWED: Final = (
    "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"
)


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


@unique
class _Purpose(IntEnum):
    """The purpose of a REGISTER."""

    REGISTER = 0
    STAND_BY = 1
    COME_BACK = 2
    FAREWELL = 3


class SipPhone:
    """One connection of a phone."""

    def __init__(
        self,
        identity: SipIdentity,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.identity = identity
        self.state = RegistrationState.IDLE
        self.number = directory_number(identity.device)
        """Its directory number."""
        self.counts = MediaCounts()
        """Told at the end of a call."""
        self.deadline: float | None = None
        """When `tick` has something to do, monotonic seconds."""
        self._random = random_bytes
        self._stream = SipStream()
        self._output: list[bytes] = []
        self._events: list[PhoneEvent] = []
        self._sequence = 100
        self._purpose = _Purpose.REGISTER
        self._unanswered: bytes | None = None
        """The REGISTER that waits for its answer."""
        self._alarm = ""
        """Of that REGISTER."""
        self._answered_challenges = 0
        """By that REGISTER."""
        self._proof = DigestProof(identity.login, random_bytes)
        self._give_up_at = 0.0
        self._resend_s = _RESEND_S
        self._form = RegisterForm(
            server=identity.server,
            number=self.number,
            device=identity.device,
            model=identity.model,
            user_agent=identity.user_agent,
            call_id=f"{identity.device[-12:].lower()}-{self._token(8)}"
            f"@{identity.address}",
            contact=f"{identity.address}:{identity.port}",
            transport=identity.transport,
            user=_uuid(random_bytes(16)),
        )
        self._tag = self._token(8)
        self._call: SipCall | None = None

    @property
    def call(self) -> ShownCall | None:
        """The call that the screen shows."""
        return None if self._call is None else self._call.shown

    def output(self) -> bytes:
        """Return the bytes to send, and forget them."""
        return b"".join(self.datagrams())

    def datagrams(self) -> list[bytes]:
        """Return the messages to send, and forget them."""
        messages, self._output = self._output, []
        return messages

    def events(self) -> list[PhoneEvent]:
        """Return what has happened, and forget it."""
        events, self._events = self._events, []
        return events

    # --- registration ------------------------------------------------------------

    def register(self, last: LastOut, now: float) -> None:
        """Send REGISTER with the alarm over a connection that is open."""
        me = self.identity
        word, load = last.value, "Load"
        if me.lower_case_alarms:
            word, load = word.lower(), "ActiveLoad"
        alarm = f"{last.code} Name={me.device} {load}={me.load} Last={word}"
        self._become(RegistrationState.REGISTERING)
        self._ask(_Purpose.REGISTER, now, alarm)

    def stand_by(self, now: float) -> None:
        """Keep a connection to the standby server alive, without registering."""
        self._ask(_Purpose.STAND_BY, now)

    def ask_to_come_back(self, now: float) -> None:
        """Ask whether a better server is there again: as a standby server is asked."""
        self._ask(_Purpose.COME_BACK, now)

    def unregister(self) -> None:
        """Say goodbye."""
        if self.state is RegistrationState.REGISTERED:
            self._ask(_Purpose.FAREWELL, None)

    def closed(self) -> None:
        """Note that the server has closed the connection."""
        if self.state in {
            RegistrationState.REGISTERING,
            RegistrationState.REGISTERED,
            RegistrationState.IDLE,
        }:
            self._lose("the server closed the connection", LastOut.CLOSED)

    def tick(self, now: float) -> None:
        """Refresh the registration, say a request again, or give the server up."""
        if self.deadline is None or now < self.deadline:
            return
        if self._unanswered is None:
            self._ask(self._purpose, now)
        elif now >= self._give_up_at:
            silent = self.state is RegistrationState.REGISTERING
            last = LastOut.TCP_TIMEOUT if silent else LastOut.KEEPALIVE_FAILURE
            self._lose("the server did not answer REGISTER", last)
        else:
            self._output.append(self._unanswered)
            self._resend_s *= 2
            self.deadline = min(self._give_up_at, now + self._resend_s)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the server; bytes that are not SIP end the connection."""
        try:
            if self.identity.transport == "udp":
                messages = [decode_message(data)]
            else:
                messages = self._stream.receive(data)
        except ProtocolError as error:
            self._lose(f"the server does not speak SIP: {error}", LastOut.ABORTED)
            return
        for message in messages:
            self._take(message, now)

    def _ask(self, purpose: _Purpose, now: float | None, alarm: str = "") -> None:
        self._purpose, self._alarm = purpose, alarm
        self._answered_challenges = 0
        self._send_register(now)

    def _send_register(self, now: float | None) -> None:
        self._sequence += 1
        lasts = self._purpose is _Purpose.REGISTER
        request = self._form.build(
            self._sequence,
            expires_s=DEFAULT_EXPIRES_S if lasts else 0,
            branch=self._branch(),
            tag=self._tag,
            alarm=self._alarm,
        )
        proof = self._proof.headers(request.method, request.uri)
        request = replace(request, headers=(*request.headers, *proof))
        self._unanswered = request.encode()
        self._output.append(self._unanswered)
        if now is None:  # no answer is awaited
            self.deadline = None
            return
        self._give_up_at = now + _ANSWER_TIMEOUT_S
        self._resend_s = _RESEND_S
        is_datagram = self.identity.transport == "udp"
        self.deadline = now + _RESEND_S if is_datagram else self._give_up_at

    def _take(self, message: SipMessage, now: float) -> None:
        if isinstance(message, SipRequest):
            self._take_request(message)
        elif message.get("call-id") == self._form.call_id:
            self._take_answer(message, now)
        elif self._call is not None:
            self._call.take_response(message)

    def _take_answer(self, response: SipResponse, now: float) -> None:
        is_last = response.get("cseq").split() == [str(self._sequence), "REGISTER"]
        if not is_last or response.status < _OK or self._unanswered is None:
            return
        self._unanswered = None
        if self._proof.may_answer(response, self._answered_challenges):
            self._answered_challenges += 1
            is_farewell = self._purpose is _Purpose.FAREWELL
            self._send_register(None if is_farewell else now)
            return
        if response.status >= _FIRST_FAILURE:
            self.deadline = None
            why = f"{response.status} {response.reason}"
            if warning := _WARNING.search(response.get("warning")):
                why = warning[1]
            self._become(RegistrationState.REJECTED, why, LastOut.REJECTED)
            return
        match self._purpose:
            case _Purpose.REGISTER:
                self._registered(response, now)
            case _Purpose.STAND_BY:
                self.deadline = now + _STANDBY_S
            case _Purpose.COME_BACK:
                self.deadline = None
                self._events.append(MayComeBack())
            case _Purpose.FAREWELL:
                self.deadline = None
                self._become(RegistrationState.UNREGISTERED)

    def _registered(self, response: SipResponse, now: float) -> None:
        said = response.get("expires")
        granted = int(said) if _SECONDS.match(said) else GRANTED_EXPIRES_S
        refresh_s = max(granted - _BEFORE_EXPIRY_S, granted / 2, 0.5)
        self.deadline = now + refresh_s
        if self.state is not RegistrationState.REGISTERED:
            self._become(RegistrationState.REGISTERED)
            self._report_lists(response.get("server"))

    def _report_lists(self, server: str) -> None:
        """Tell a node of release 14 or newer which trust lists the phone holds.

        Real phones do so by their firmware; that the server's release decides, and the
        form of the REFER, are inferred (REFERENCE 4.4, REFERENCE-2 4).
        """
        release, lists = _RELEASE.match(server), self.identity.lists
        if lists is None or release is None or int(release[1]) < _TAKES_REPORTS:
            return
        me = self.identity
        via = f"SIP/2.0/{me.transport.upper()} {me.address}:{me.port}"
        line = f"<sip:{self.number}@{me.server}>"
        contact = f"<sip:{self._form.user}@{me.address}:{me.port}>"
        request = SipRequest(
            "REFER",
            f"sip:{me.server}",
            (
                ("Via", f"{via};branch={self._branch()}"),
                ("From", f"{line};tag={self._token(8)}"),
                ("To", f"<sip:{me.server}>"),
                ("Call-ID", f"{self._token(8)}@{me.address}"),
                ("CSeq", "1000 REFER"),
                ("Max-Forwards", "70"),
                ("User-Agent", me.user_agent),
                ("Contact", contact),
                ("Refer-To", "cid:alarm"),
                ("Content-Type", CONTENT_TYPE),
            ),
            lists.alarm().encode(),
        )
        self._output.append(request.encode())

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
            self._call = None

    def _site(self) -> CallSite:
        me = self.identity
        return CallSite(
            number=self.number,
            device=me.device,
            server=me.server,
            user_agent=me.user_agent,
            via=f"SIP/2.0/{me.transport.upper()} {me.address}:{me.port}",
            contact=(
                f"<sip:{self._form.user}@{me.address}:{me.port}"
                f";transport={me.transport}>"
            ),
            suites=me.suites,
            send=lambda message: self._output.append(message.encode()),
            emit=self._events_of_call,
            random=self._random,
            proof=self._proof,
        )

    def _events_of_call(self, event: PhoneEvent) -> None:
        self._events.append(event)

    # --- inside ------------------------------------------------------------------

    def _answer(
        self, request: SipRequest, status: int, reason: str, *headers: tuple[str, str]
    ) -> None:
        answer = answer_to(request, status, reason, headers, to_tag=self._tag)
        self._output.append(answer.encode())

    def _branch(self) -> str:
        return f"z9hG4bK{self._token(8)}"

    def _token(self, length: int) -> str:
        return self._random(length).hex()

    def _lose(self, why: str, last: LastOut) -> None:
        self.deadline = None
        self._become(RegistrationState.LOST, why, last)

    def _become(
        self, state: RegistrationState, why: str = "", last: LastOut | None = None
    ) -> None:
        self.state = state
        self._events.append(RegistrationStateChanged(state, why, last))


def _uuid(data: bytes) -> str:
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
