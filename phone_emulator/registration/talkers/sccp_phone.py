"""An SCCP phone's side of one connection to CallManager, without I/O.

It registers, answers questions, keeps itself alive and takes part in one call. The
runner feeds `receive`, sends `output()`, acts on `events()`, and calls `tick` at
`deadline`. A connection that was begun with `stand_by` only keeps itself alive.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    MayComeBack,
    NumberKnown,
    PhoneEvent,
    Registering,
    RegistrationState,
    ResetOrdered,
    ShownCall,
)
from tokenless.phone_emulator.registration.talkers.sccp_call import (
    MediaCounts,
    SccpCall,
)
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.sccp.answers import (
    CapabilitiesReq,
    KeepAliveAck,
    LineStat,
    RegisterAck,
    RegisterReject,
    RegisterTokenAck,
    RegisterTokenReject,
    Reset,
    ResetType,
    UnregisterAck,
)
from tokenless.protocol.sccp.frames import SccpStream, UnknownMessage, encode_frame
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.requests import (
    Alarm,
    ButtonTemplateReq,
    CapabilitiesRes,
    ConfigStatReq,
    ForwardStatReq,
    IpPort,
    KeepAlive,
    LineStatReq,
    Register,
    RegisterAvailableLines,
    RegisterTokenReq,
    SoftKeySetReq,
    SoftKeyTemplateReq,
    TimeDateReq,
    Unregister,
)

_REGISTER_TIMEOUT_S: Final = 10.0
_MISSED_KEEPALIVES: Final = 3
"""Unanswered keep-alives after which the server counts as lost (inferred)."""
_SECONDARY_KEEPALIVE_S: Final = 60.0
_LINE: Final = 1
_CODECS: Final = b"".join(
    codec.to_bytes(4, "little") + (40).to_bytes(4, "little") + bytes(8)
    for codec in (4, 2)
)
_QUESTIONS: Final = (
    ButtonTemplateReq(),
    SoftKeyTemplateReq(),
    SoftKeySetReq(),
    ConfigStatReq(),
    LineStatReq(_LINE),
    ForwardStatReq(_LINE),
    RegisterAvailableLines(2),
    TimeDateReq(),
)
"""The requests of a phone once it is registered, in the order of REFERENCE-3 4.4."""


@dataclass(frozen=True, slots=True)
class SccpIdentity:
    """The identity that a phone sends.

    Attributes:
        device: Its name.
        device_type: The vendor's number of its model; 437 is a 7975.
        load: The firmware that it runs.
        address: Its own.
        protocol: The newest version that it speaks: 20 for 79x5 with 9.x.
    """

    device: str
    device_type: int
    load: str
    address: IPv4Address
    protocol: int = 20


class _Outbox:
    """Messages that wait to be sent.

    The call writes here, too. It does not know the phone: the two would be a reference
    cycle, and every connection that ends would stay in memory until the collector runs.
    """

    def __init__(self) -> None:
        self.version = 0
        """The one that the server has agreed to."""
        self._frames: list[bytes] = []

    def put(self, message: Message) -> None:
        """Add a message."""
        self._frames.append(encode_frame(message, self.version))

    def take(self) -> bytes:
        """Return the bytes to send, and forget them."""
        data, self._frames = b"".join(self._frames), []
        return data


class SccpPhone(Registering):
    """One connection of a phone."""

    def __init__(self, identity: SccpIdentity) -> None:
        self._events: list[PhoneEvent] = []
        super().__init__(self._events.append)
        self.identity = identity
        self.number = ""
        """Its directory number, once the server has said it."""
        self._stream = SccpStream()
        self._outbox = _Outbox()
        self._keepalive_s = _SECONDARY_KEEPALIVE_S
        self._unanswered = 0
        self._has_asked = False
        """Whether it waits for the answer to a token request."""
        self._ask_again_at: float | None = None
        """When it may ask for a token again, monotonic seconds."""
        self._call = SccpCall(self._outbox.put, self._events.append)

    def output(self) -> bytes:
        """Return the bytes to send, and forget them."""
        return self._outbox.take()

    def events(self) -> list[PhoneEvent]:
        """Return what has happened, and forget it."""
        events = self._events.copy()
        self._events.clear()
        return events

    # --- registration ------------------------------------------------------------

    def register(self, last: LastOut, now: float) -> None:
        """Send Alarm, Register and IpPort over a connection that is open."""
        me = self.identity
        text = f"{last.code}: Name={me.device} Load={me.load} Last={last.value}"
        self._send(Alarm(text=text, parameter2=me.address))
        mac = me.device[-12:]
        self._send(
            Register(
                device_name=me.device,
                address=me.address,
                device_type=me.device_type,
                protocol_version=me.protocol,
                features=0x8572,
                max_conferences=1,
                mac=bytes.fromhex(mac) if _is_hex(mac) else bytes(6),
                max_lines=8,
                load_name=me.load,
            )
        )
        self._send(IpPort(16384))
        self._become(RegistrationState.REGISTERING)
        self.deadline = now + _REGISTER_TIMEOUT_S

    def stand_by(self, now: float) -> None:
        """Keep a connection to the standby server alive, without registering."""
        self._send(KeepAlive())
        self._unanswered = 1
        self.deadline = now + self._keepalive_s

    def ask_to_come_back(self, now: float) -> None:
        """Ask a better server whether the phone may register there."""
        me = self.identity
        self._send(
            RegisterTokenReq(me.device, address=me.address, device_type=me.device_type)
        )
        self._has_asked, self._ask_again_at = True, None
        self.deadline = now + _REGISTER_TIMEOUT_S

    def unregister(self) -> None:
        """Say goodbye."""
        if self.state is RegistrationState.REGISTERED:
            self._send(Unregister())

    def tick(self, now: float) -> None:
        """Send a keep-alive, or give the server up."""
        if self.deadline is None or now < self.deadline:
            return
        if self.state is RegistrationState.REGISTERING:
            self.lose("the server did not answer Register", LastOut.TCP_TIMEOUT)
            return
        if self._has_asked:
            why = "the server did not answer RegisterTokenReq"
            self.lose(why, LastOut.TCP_TIMEOUT)
            return
        if self._ask_again_at is not None and now >= self._ask_again_at:
            self.ask_to_come_back(now)
            return
        if self._unanswered >= _MISSED_KEEPALIVES:
            why = f"{self._unanswered} keep-alives were not answered"
            self.lose(why, LastOut.KEEPALIVE_FAILURE)
            return
        self._unanswered += 1
        self._send(KeepAlive())
        self._await_next(now)

    def _await_next(self, now: float) -> None:
        """Wait for the next keep-alive, or the next token request if it is sooner."""
        keepalive_at = now + self._keepalive_s
        self.deadline = min(keepalive_at, self._ask_again_at or keepalive_at)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the server; bytes that are not SCCP end the connection."""
        try:
            received = self._stream.receive(data)
        except ProtocolError as error:
            self.lose(f"the server does not speak SCCP: {error}", LastOut.ABORTED)
            return
        for each in received:
            if not isinstance(each.message, UnknownMessage):
                self._take(each.message, now)

    def _take(self, message: Message, now: float) -> None:
        match message:
            case RegisterAck() as acknowledged:
                self._registered(acknowledged, now)
            case RegisterReject(text=text):
                self.deadline = None
                self._become(RegistrationState.REJECTED, text, LastOut.REJECTED)
            case KeepAliveAck():
                self._unanswered = 0
            case CapabilitiesReq():
                self._send(CapabilitiesRes(2, _CODECS))
                for question in _QUESTIONS:
                    self._send(question)
            case LineStat(line=1, directory_number=number):
                self.number = number
                self._emit(NumberKnown(number))
            case Reset(type=kind):
                self._emit(ResetOrdered(_RESETS.get(kind, LastOut.RESET)))
            case UnregisterAck():
                self._part()
            case RegisterTokenAck() | RegisterTokenReject():
                self._take_token(message, now)
            case _:
                self._call.take(message)

    def _take_token(self, message: Message, now: float) -> None:
        """Come back to a better server, or wait before asking again."""
        if self.state is not RegistrationState.IDLE:
            return
        self._has_asked = False
        if isinstance(message, RegisterTokenReject):
            self._ask_again_at = now + max(1, message.wait_s)
            self._await_next(now)
        else:
            self.deadline = None
            self._emit(MayComeBack())

    def _registered(self, acknowledged: RegisterAck, now: float) -> None:
        self._outbox.version = acknowledged.max_protocol
        self._keepalive_s = max(1.0, float(acknowledged.keepalive_s))
        self._unanswered = 0
        self.deadline = now + self._keepalive_s
        self._become(RegistrationState.REGISTERED)

    # --- a call ------------------------------------------------------------------

    @property
    def call(self) -> ShownCall | None:
        """The call as the phone shows it."""
        return self._call.shown

    @property
    def counts(self) -> MediaCounts:
        """The counts that the server asks for after a call."""
        return self._call.counts

    @counts.setter
    def counts(self, counts: MediaCounts) -> None:
        self._call.counts = counts

    def dial(self, number: str) -> None:
        """Dial digit by digit, as a person does."""
        self._call.dial(number)

    def dial_at_once(self, number: str) -> None:
        """Dial from the list of numbers: as a whole."""
        self._call.dial_at_once(number)

    def answer(self) -> None:
        """Answer the call that rings."""
        self._call.answer()

    def hang_up(self) -> None:
        """End the call."""
        self._call.hang_up()

    def media_opened(self, address: IPv4Address, port: int) -> None:
        """Say where the phone listens."""
        self._call.media_opened(address, port)

    def media_failed(self) -> None:
        """Say that no socket could be had."""
        self._call.media_failed()

    # --- inside ------------------------------------------------------------------

    def _send(self, message: Message) -> None:
        self._outbox.put(message)


_RESETS: Final[dict[int, LastOut]] = {
    ResetType.RESET: LastOut.RESET,
    ResetType.RESTART: LastOut.RESTART,
    ResetType.APPLY_CONFIG: LastOut.RESTART,
}


def _is_hex(text: str) -> bool:
    return len(text) == 12 and all(each in "0123456789ABCDEFabcdef" for each in text)  # noqa: PLR2004
