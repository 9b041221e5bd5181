"""An SCCP phone's side of one connection to CallManager, without I/O.

It registers, answers questions, keeps itself alive and takes part in one call. The
runner feeds `receive`, sends `output()`, acts on `events()`, and calls `tick` at
`deadline`. A connection that was begun with `stand_by` only keeps itself alive.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.events import (
    CallShown,
    CallStage,
    LastOut,
    ListenForMedia,
    MayComeBack,
    NumberKnown,
    PhoneEvent,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
    SendMedia,
    ShownCall,
    StopMedia,
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
from tokenless.protocol.sccp.call import (
    CallInfo,
    CallState,
    CallStateCode,
    EnblocCall,
    KeypadButton,
    OffHook,
    OnHook,
    SecurityStatus,
    SoftKey,
    SoftKeyEvent,
)
from tokenless.protocol.sccp.frames import SccpStream, UnknownMessage, encode_frame
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import (
    CloseReceiveChannel,
    ConnectionStatisticsReq,
    ConnectionStatisticsRes,
    KeyBlock,
    MediaStatus,
    OpenReceiveChannel,
    OpenReceiveChannelAck,
    SrtpAlgorithm,
    StartMediaTransmission,
    StartMediaTransmissionAck,
    StopMediaTransmission,
)
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
from tokenless.protocol.srtp import SrtpKeys

_REGISTER_TIMEOUT_S: Final = 10.0
_MISSED_KEEPALIVES: Final = 3
"""How many may stay unanswered before the server counts as lost (inferred)."""
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
"""What a phone asks once it is registered, in the order of REFERENCE-3 4.4."""

_SHOWN: Final = {
    CallStateCode.OFF_HOOK: CallStage.DIALLING,
    CallStateCode.RING_OUT: CallStage.RING_OUT,
    CallStateCode.RING_IN: CallStage.RINGING,
    CallStateCode.CONNECTED: CallStage.CONNECTED,
    CallStateCode.BUSY: CallStage.FAILED,
    CallStateCode.CONGESTION: CallStage.FAILED,
    CallStateCode.INVALID_NUMBER: CallStage.FAILED,
}


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


@dataclass(frozen=True, slots=True)
class MediaCounts:
    """The counts of a phone's streams."""

    packets_sent: int = 0
    octets_sent: int = 0
    packets_received: int = 0
    octets_received: int = 0
    packets_lost: int = 0


class SccpPhone:
    """One connection of a phone."""

    def __init__(self, identity: SccpIdentity) -> None:
        self.identity = identity
        self.state = RegistrationState.IDLE
        self.call: ShownCall | None = None
        self.number = ""
        """Its directory number, once the server has said it."""
        self.counts = MediaCounts()
        """Answered when the server asks after a call."""
        self.deadline: float | None = None
        """When `tick` has something to do, monotonic seconds."""
        self._stream = SccpStream()
        self._output: list[bytes] = []
        self._events: list[PhoneEvent] = []
        self._version = 0
        self._keepalive_s = _SECONDARY_KEEPALIVE_S
        self._unanswered = 0
        self._channel: OpenReceiveChannel | None = None

    def output(self) -> bytes:
        """Return what is to be sent, and forget it."""
        data, self._output = b"".join(self._output), []
        return data

    def events(self) -> list[PhoneEvent]:
        """Return what has happened, and forget it."""
        events, self._events = self._events, []
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
        self.deadline = now + _REGISTER_TIMEOUT_S

    def unregister(self) -> None:
        """Say goodbye."""
        if self.state is RegistrationState.REGISTERED:
            self._send(Unregister())

    def closed(self) -> None:
        """Note that the server has closed the connection."""
        if self.state in {
            RegistrationState.REGISTERING,
            RegistrationState.REGISTERED,
            RegistrationState.IDLE,
        }:
            self._lose("the server closed the connection", LastOut.CLOSED)

    def tick(self, now: float) -> None:
        """Send a keep-alive, or give the server up."""
        if self.deadline is None or now < self.deadline:
            return
        if self.state is RegistrationState.REGISTERING:
            self._lose("the server did not answer Register", LastOut.TCP_TIMEOUT)
            return
        if self._unanswered >= _MISSED_KEEPALIVES:
            why = f"{self._unanswered} keep-alives were not answered"
            self._lose(why, LastOut.KEEPALIVE_FAILURE)
            return
        self._unanswered += 1
        self._send(KeepAlive())
        self.deadline = now + self._keepalive_s

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the server; what is not SCCP ends the connection."""
        try:
            received = self._stream.receive(data)
        except ProtocolError as error:
            self._lose(f"the server does not speak SCCP: {error}", LastOut.ABORTED)
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
                self._events.append(NumberKnown(number))
            case Reset(type=kind):
                self._events.append(ResetOrdered(_RESETS.get(kind, LastOut.RESET)))
            case UnregisterAck():
                self._part()
            case RegisterTokenAck() | RegisterTokenReject():
                self._take_token(message, now)
            case _:
                self._take_of_call(message)

    def _take_token(self, message: Message, now: float) -> None:
        """Come back to a better server, or wait before asking again."""
        if isinstance(message, RegisterTokenReject):
            self.deadline = now + message.wait_s
        else:
            self.deadline = None
            self._events.append(MayComeBack())

    def _registered(self, acknowledged: RegisterAck, now: float) -> None:
        self._version = acknowledged.max_protocol
        self._keepalive_s = max(1.0, float(acknowledged.keepalive_s))
        self._unanswered = 0
        self.deadline = now + self._keepalive_s
        self._become(RegistrationState.REGISTERED)

    # --- a call ------------------------------------------------------------------

    def dial(self, number: str) -> None:
        """Dial digit by digit, as a person does."""
        self._send(OffHook())
        for digit in number:
            if digit in _BUTTONS:
                self._send(KeypadButton(_BUTTONS.index(digit)))

    def dial_at_once(self, number: str) -> None:
        """Dial from the list of numbers: as a whole."""
        self._send(EnblocCall(number, _LINE))

    def answer(self) -> None:
        """Answer the call that rings."""
        if self.call is not None:
            self._send(SoftKeyEvent(SoftKey.ANSWER, _LINE, self.call.reference))

    def hang_up(self) -> None:
        """End the call."""
        reference = 0 if self.call is None else self.call.reference
        self._send(OnHook(_LINE, reference))

    def media_opened(self, address: IPv4Address, port: int) -> None:
        """Say where the phone listens."""
        self._acknowledge_channel(MediaStatus.OK, address, port)

    def media_failed(self) -> None:
        """Say that no socket could be had."""
        self._acknowledge_channel(MediaStatus.NO_SOCKET, IPv4Address(0), 0)

    def _acknowledge_channel(
        self, status: MediaStatus, address: IPv4Address, port: int
    ) -> None:
        channel = self._channel
        if channel is not None:
            self._send(
                OpenReceiveChannelAck(
                    status, address, port, channel.party, channel.call
                )
            )

    def _take_of_call(self, message: Message) -> None:
        match message:
            case CallState(state=state, call=reference):
                self._show(state, reference)
            case CallInfo() as info:
                self._show_info(info)
            case OpenReceiveChannel() as channel:
                self._channel = channel
                self._events.append(ListenForMedia(_keys(channel.keys)))
            case StartMediaTransmission() as order:
                self._start(order)
            case CloseReceiveChannel():
                self._channel = None
                self._events.append(StopMedia())
            case StopMediaTransmission():
                pass
            case ConnectionStatisticsReq(number=number, call=reference):
                self._tell_counts(number, reference)
            case _:
                pass  # lamps, tones, prompts and templates: nothing is drawn of them

    def _start(self, order: StartMediaTransmission) -> None:
        address = order.address
        if not isinstance(address, IPv4Address):
            return
        self._send(
            StartMediaTransmissionAck(
                order.conference, order.party, order.call, address, order.port
            )
        )
        self._events.append(SendMedia(address, order.port, _keys(order.keys)))

    def _show(self, state: int, reference: int) -> None:
        if state == CallStateCode.ON_HOOK:
            self.call = None
        elif state in _SHOWN:
            known = self.call
            self.call = ShownCall(
                _SHOWN[CallStateCode(state)],
                reference,
                "" if known is None else known.other,
                SecurityStatus.UNKNOWN if known is None else known.security,
            )
        self._events.append(CallShown(self.call))

    def _show_info(self, info: CallInfo) -> None:
        known = self.call
        if known is None:
            return
        is_inbound = info.type == 1
        other = info.calling_number if is_inbound else info.called_number
        level = info.security
        security = (
            SecurityStatus(level)
            if level in set(SecurityStatus)
            else SecurityStatus.UNKNOWN
        )
        self.call = ShownCall(known.stage, known.reference, other, security)
        self._events.append(CallShown(self.call))

    def _tell_counts(self, number: str, reference: int) -> None:
        counts = self.counts
        self._send(
            ConnectionStatisticsRes(
                number,
                reference,
                0,
                counts.packets_sent,
                counts.octets_sent,
                counts.packets_received,
                counts.octets_received,
                counts.packets_lost,
            )
        )

    # --- inside ------------------------------------------------------------------

    def _send(self, message: Message) -> None:
        self._output.append(encode_frame(message, self._version))

    def _part(self) -> None:
        self.deadline = None
        self._become(RegistrationState.UNREGISTERED)

    def _lose(self, why: str, last: LastOut) -> None:
        self.deadline = None
        self._become(RegistrationState.LOST, why, last)

    def _become(
        self, state: RegistrationState, why: str = "", last: LastOut | None = None
    ) -> None:
        self.state = state
        self._events.append(RegistrationStateChanged(state, why, last))


_BUTTONS: Final = "0123456789ABCD*#+"
_RESETS: Final[dict[int, LastOut]] = {
    ResetType.RESET: LastOut.RESET,
    ResetType.RESTART: LastOut.RESTART,
    ResetType.APPLY_CONFIG: LastOut.RESTART,
}


def _keys(block: KeyBlock) -> SrtpKeys | None:
    """Return the keys of a block, None in clear or where they are malformed."""
    if block.algorithm != SrtpAlgorithm.AES_CM_128_HMAC_SHA1_32:
        return None
    try:
        return SrtpKeys(block.key[: block.key_length], block.salt[: block.salt_length])
    except ProtocolError:
        return None


def _is_hex(text: str) -> bool:
    return len(text) == 12 and all(each in "0123456789ABCDEFabcdef" for each in text)  # noqa: PLR2004
