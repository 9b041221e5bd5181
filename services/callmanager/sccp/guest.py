"""SCCP as a guest of the stream server: a phone registers, and is kept registered.

One session a connection. A connection that only sends KeepAlive is a phone's standby
connection: it is answered, but registers no phone (REFERENCE-3 4.5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, unique
from math import ceil
from time import monotonic
from typing import Final

from tokenless.protocol.phones.alarms import alarm_words
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    Claim,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sccp.answers import (
    DYNAMIC_MESSAGES,
    CapabilitiesReq,
    KeepAliveAck,
    RegisterAck,
    RegisterReject,
    RegisterTokenAck,
    RegisterTokenReject,
    Reset,
    ResetType,
    UnregisterAck,
)
from tokenless.protocol.sccp.frames import (
    MAX_VERSION,
    Received,
    SccpStream,
    UnknownMessage,
    encode_frame,
)
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.requests import (
    Alarm,
    KeepAlive,
    Register,
    RegisterTokenReq,
    Unregister,
    XmlAlarm,
)
from tokenless.services.callmanager.alarms import AlarmIntake
from tokenless.services.callmanager.leg import Party
from tokenless.services.callmanager.peers import peer_of
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Request, log_refusal
from tokenless.services.callmanager.sccp.calls import SccpCalls
from tokenless.services.callmanager.sccp.questions import NumberOf, Questions
from tokenless.services.callmanager.switch import Switch
from tokenless.services.limited_log import LimitedLog, shortened
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Guest, GuestTools
from tokenless.services.stream_server.message_session import MessageSession

_GRACE: Final = 2.0
"""Keep-alive intervals that may pass in silence; chan-sccp uses 1.05 to 2.0 [C]."""

REJECT_TEXTS: Final = {
    RegisterFailure.NO_ENTRY_IN_DATABASE: "Device Unknown",
    RegisterFailure.SECURITY_MISMATCH: "Security mismatch",
    RegisterFailure.AUTHENTICATION_ERROR: "Authentication error",
    RegisterFailure.INVALID_X509_NAME: "Invalid X509 name",
    RegisterFailure.INVALID_TLS_CIPHER: "Invalid TLS cipher",
    RegisterFailure.AUTHENTICATED_DEVICE_EXISTS: "Crossover session",
    RegisterFailure.MAXIMUM_EXCEEDED: "Maximum devices exceeded",
    RegisterFailure.PROTOCOL_MISMATCH: "Protocol mismatch",
    RegisterFailure.DEVICE_TYPE_MISMATCH: "Device type mismatch",
}
"""The text that the phone shows; no text of a real CUCM was found [I]."""
_OTHER_REJECT: Final = "Registration rejected"


@unique
class SccpCount(IntEnum):
    """The cells of SCCP in a row of counters."""

    REGISTERED = 0
    REFUSED = 1
    KEEPALIVES = 2
    IGNORED = 3


@dataclass(frozen=True, slots=True)
class SccpSettings:
    """Registration settings of SCCP phones."""

    keepalive_s: int = 30
    """Sent in RegisterAck; 30 in a real one [O]."""
    secondary_keepalive_s: int = 60
    max_protocol: int = MAX_VERSION
    token_wait_s: int | None = None
    """None lets a phone come back at once; a number makes it wait so long, from its
    first token request over a connection."""


class SccpGuest(Guest):
    """The sessions of one node's SCCP ports."""

    def __init__(
        self,
        registrar: Registrar,
        settings: SccpSettings,
        tools: GuestTools,
        *,
        node: str,
        number_of: NumberOf,
        switch: Switch,
        now: Callable[[], datetime],
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self.clock_s = clock_s
        self.registrar = registrar
        self.settings = settings
        self.cells = tools.cells
        self.log: LimitedLog = tools.log
        self.number_of = number_of
        self.switch = switch
        self.questions = Questions(node, number_of, now)

    def open_session(self, connection: Connection) -> "SccpSession":
        """Return what answers one phone."""
        return SccpSession(connection, self)


class SccpSession(MessageSession[Received]):
    """One phone's connection."""

    __slots__ = (
        "_alarms",
        "_answers",
        "_device",
        "_guest",
        "_token_at",
        "_version",
        "calls",
    )

    def __init__(self, connection: Connection, guest: SccpGuest) -> None:
        super().__init__(connection, SccpStream())
        self._guest = guest
        self._device: str | None = None
        self._alarms = AlarmIntake(guest.registrar)
        self._version = 0
        self._token_at: float | None = None
        """When its phone may come back, monotonic seconds."""
        self._answers: list[bytes] = []
        """Those that leave at the end of this turn."""
        self.calls = SccpCalls(guest.switch)
        connection.set_timer(guest.settings.secondary_keepalive_s * _GRACE)

    @property
    def is_kept(self) -> bool:
        """Return whether a phone is registered over the connection: one a device."""
        return self._device is not None

    def on_timer(self) -> None:
        """End the registration of a phone that has been silent too long."""
        self._leave(UnregisterReason.KEEPALIVE_TIMEOUT)
        self.connection.close()

    def end(self) -> None:
        """End the registration with the connection."""
        self._leave(UnregisterReason.CONNECTIVITY_ERROR)

    def dismiss(self, reason: UnregisterReason) -> None:
        """Tell the phone that its registration here has ended."""
        self._device = None
        # The phone of a duplicate has registered elsewhere: a restart would end that
        # registration, too.
        if reason is not UnregisterReason.DUPLICATE_REGISTRATION:
            self.reset(ResetType.RESTART)
        self.connection.close()

    def reset(self, kind: ResetType) -> None:
        """Order the phone to reset, restart or apply its configuration."""
        self.push(Reset(kind))

    def push(self, message: Message) -> None:
        """Send a message at any moment."""
        self._send(message)
        # What was said before leaves before.
        self.connection.push(self._take_answers())

    def _send(self, message: Message) -> None:
        """Send an answer, with the others of this turn: they share one TLS record."""
        self._answers.append(encode_frame(message, self._version))

    def _take_answers(self) -> bytes:
        frames, self._answers = self._answers, []
        return b"".join(frames)

    def _taken(self) -> None:
        """Send the answers, and await the next keep-alive."""
        if self._answers:
            self.connection.send(self._take_answers())
        settings = self._guest.settings
        every_s = (
            settings.keepalive_s if self._device else settings.secondary_keepalive_s
        )
        self.connection.set_timer(every_s * _GRACE)

    def _take(self, message: Received) -> None:
        match message.message:
            case KeepAlive():
                self._guest.cells[SccpCount.KEEPALIVES] += 1
                self._send(KeepAliveAck())
            case Register() as register:
                self._register(register)
            case Unregister():
                self._leave(UnregisterReason.DEVICE_UNREGISTERED)
                self._send(UnregisterAck())
            case RegisterTokenReq():
                self._answer_token()
            case Alarm() as alarm:
                self._note_alarm(alarm)
            case XmlAlarm(document=document):
                self._alarms.take(
                    self, self._device, lambda: alarm_words(document.encode())
                )
            case UnknownMessage():
                self._guest.cells[SccpCount.IGNORED] += 1
            case question:
                self._answer_question(question)

    def _register(self, register: Register) -> None:
        claim = Claim(register.device_name, Signalling.SCCP, register.device_type)
        connection, guest = self.connection, self._guest
        if self._device not in {None, claim.device}:
            # One connection is one device; another name would shadow the first one.
            self._leave(UnregisterReason.DUPLICATE_REGISTRATION)
        request = Request(
            claim, peer_of(connection), connection.address, register.load_name
        )
        failure = guest.registrar.register(request, self)
        if failure is not None:
            self._refuse(claim.device, failure)
            return
        settings = guest.settings
        self._device = claim.device
        self._version = min(register.protocol_version, settings.max_protocol)
        guest.cells[SccpCount.REGISTERED] += 1
        self._send(
            RegisterAck(
                keepalive_s=settings.keepalive_s,
                date_template="D/M/Y",
                secondary_keepalive_s=settings.secondary_keepalive_s,
                max_protocol=self._version,
                features=register.features & ~DYNAMIC_MESSAGES,
            )
        )
        self._send(CapabilitiesReq())
        self._alarms.registered(self, claim.device)

    def _refuse(self, device: str, failure: RegisterFailure) -> None:
        guest = self._guest
        guest.cells[SccpCount.REFUSED] += 1
        log_refusal(guest.log, device, self.connection.address, failure)
        self._send(RegisterReject(REJECT_TEXTS.get(failure, _OTHER_REJECT)))
        self.connection.close()

    def _answer_token(self) -> None:
        now = self._guest.clock_s()
        if self._token_at is None:
            self._token_at = now + (self._guest.settings.token_wait_s or 0)
        wait_s = ceil(self._token_at - now)
        self._send(RegisterTokenReject(wait_s) if wait_s > 0 else RegisterTokenAck())

    def _note_alarm(self, alarm: Alarm) -> None:
        guest = self._guest
        self._alarms.take(self, self._device, lambda: alarm.text)
        if guest.log.may_write("alarms"):
            guest.log.log.info(
                "StationAlarm",
                phone=self.connection.address,
                severity=alarm.severity,
                text=shortened(alarm.text),
            )

    @property
    def party(self) -> Party:
        """This phone as a party of a call."""
        device, guest = self._device or "", self._guest
        registration = guest.registrar.find(device)
        security = (
            DeviceSecurity.NON_SECURE
            if registration is None
            else registration.profile.security_mode
        )
        return Party(device, guest.number_of(device), security, self.connection.address)

    def _answer_question(self, message: Message) -> None:
        """Answer what a phone asks once it is registered; else nothing."""
        if self._device is None:
            self._guest.cells[SccpCount.IGNORED] += 1
            return
        if self.calls.take(message, self):
            return
        answer = self._guest.questions.answer(message, self._device)
        if answer is not None:
            self._send(answer)

    def _leave(self, reason: UnregisterReason) -> None:
        device = self._device
        if device is not None:
            self.calls.hang_up()
            self._device = None
            self._guest.registrar.unregister(device, self, reason)
