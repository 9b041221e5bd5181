"""The call of an SCCP phone, without I/O: keys, media, the screen."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    ListenForMedia,
    PhoneEvent,
    SendMedia,
    ShownCall,
    StopMedia,
)
from tokenless.protocol.errors import ProtocolError
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
from tokenless.protocol.srtp import SrtpKeys

_LINE: Final = 1
_BUTTONS: Final = "0123456789ABCD*#+"
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
class MediaCounts:
    """The counts of a phone's streams."""

    packets_sent: int = 0
    octets_sent: int = 0
    packets_received: int = 0
    octets_received: int = 0
    packets_lost: int = 0


class SccpCall:
    """A phone's part of one call at a time."""

    def __init__(
        self, send: Callable[[Message], None], emit: Callable[[PhoneEvent], None]
    ) -> None:
        """Begin without a call.

        Args:
            send: Takes a message to the server.
            emit: Takes what the runner acts on.
        """
        self.shown: ShownCall | None = None
        self.counts = MediaCounts()
        """Answered when the server asks after a call."""
        self._send = send
        self._emit = emit
        self._channel: OpenReceiveChannel | None = None

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
        if self.shown is not None:
            self._send(SoftKeyEvent(SoftKey.ANSWER, _LINE, self.shown.reference))

    def hang_up(self) -> None:
        """End the call."""
        reference = 0 if self.shown is None else self.shown.reference
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

    def take(self, message: Message) -> None:
        """Go on with what the server says of the call."""
        match message:
            case CallState(state=state, call=reference):
                self._show(state, reference)
            case CallInfo() as info:
                self._show_info(info)
            case OpenReceiveChannel() as channel:
                self._channel = channel
                self._emit(ListenForMedia(_keys(channel.keys)))
            case StartMediaTransmission() as order:
                self._start(order)
            case CloseReceiveChannel():
                self._channel = None
                self._emit(StopMedia())
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
        self._emit(SendMedia(address, order.port, _keys(order.keys)))

    def _show(self, state: int, reference: int) -> None:
        if state == CallStateCode.ON_HOOK:
            self.shown = None
        elif state in _SHOWN:
            known = self.shown
            self.shown = ShownCall(
                _SHOWN[CallStateCode(state)],
                reference,
                "" if known is None else known.other,
                SecurityStatus.UNKNOWN if known is None else known.security,
            )
        self._emit(CallShown(self.shown))

    def _show_info(self, info: CallInfo) -> None:
        known = self.shown
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
        self.shown = ShownCall(known.stage, known.reference, other, security)
        self._emit(CallShown(self.shown))

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


def _keys(block: KeyBlock) -> SrtpKeys | None:
    """Return the keys of a block, None in clear or where they are malformed."""
    if block.algorithm != SrtpAlgorithm.AES_CM_128_HMAC_SHA1_32:
        return None
    try:
        return SrtpKeys(block.key[: block.key_length], block.salt[: block.salt_length])
    except ProtocolError:
        return None
