"""A call as an SCCP phone is told of it: the words of the switch as messages.

The order of messages is that of the traces in REFERENCE-4 2.1; what stands there in
brackets is sent as the old CallManager did.
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from tokenless.protocol.sccp.call import (
    CallStateCode,
    SecurityStatus,
    SetLamp,
    SetRinger,
    SetSpeakerMode,
    StartTone,
    StopTone,
    Tone,
)
from tokenless.protocol.sccp.call_display import (
    ActivateCallPlane,
    CallInfo,
    CallState,
    ClearPromptStatus,
    DialedNumber,
    DisplayPriorityNotify,
    DisplayPromptStatus,
    SelectSoftKeys,
)
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import (
    CloseReceiveChannel,
    ConnectionStatisticsReq,
    KeyBlock,
    OpenReceiveChannel,
    StartMediaTransmission,
    StopMediaTransmission,
)
from tokenless.protocol.srtp import SrtpKeys
from tokenless.services.callmanager.leg import CallFailure, Endpoint, Leg, Media, Party
from tokenless.services.callmanager.sccp import soft_keys

_LINE: Final = 1
_STIMULUS_LINE: Final = 9
_LAMP_OFF, _LAMP_ON, _LAMP_BLINK = 1, 2, 5
_RING_OFF, _RING_INSIDE = 1, 2
_SPEAKER_ON, _SPEAKER_OFF = 1, 2
_INBOUND, _OUTBOUND = 1, 2

# The phone prints these labels in its own language (REFERENCE-4 1.3).
_ENTER_NUMBER, _FROM, _RING_OUT = "\x80\x20", "\x80\x17", "\x80\x16"
_CONNECTED, _BUSY, _UNKNOWN_NUMBER = "\x80\x18", "\x80\x19", "\x80\x38"
_YOUR_CURRENT_OPTIONS: Final = "\x80\x13"

_FAILURES: Final = {
    CallFailure.UNKNOWN_NUMBER: (
        CallStateCode.INVALID_NUMBER,
        Tone.REORDER,
        _UNKNOWN_NUMBER,
    ),
    CallFailure.NOT_REGISTERED: (CallStateCode.BUSY, Tone.REORDER, _UNKNOWN_NUMBER),
    CallFailure.BUSY: (CallStateCode.BUSY, Tone.BUSY, _BUSY),
    CallFailure.MEDIA: (CallStateCode.CONGESTION, Tone.REORDER, _BUSY),
}

Send = Callable[[Message], None]
"""Sends a message to the phone, at any moment."""


class SccpLeg(Leg):
    """A call as an SCCP phone is told of it."""

    def __init__(self, party: Party, send: Send, party_id: int) -> None:
        super().__init__(party)
        self._send = send
        self._party_id = party_id
        self._has_media = False
        self._other_number = ""

    @property
    def brings_keys(self) -> bool:
        """SCCP phones are given their keys."""
        return False

    def show_off_hook(self) -> None:
        """Give the dial tone."""
        self._send(SetLamp(_STIMULUS_LINE, _LINE, _LAMP_ON))
        self._state(CallStateCode.OFF_HOOK)
        self._prompt(_ENTER_NUMBER)
        self._keys(soft_keys.OFF_HOOK)
        self._send(ActivateCallPlane(_LINE))
        self._send(StartTone(Tone.INSIDE_DIAL, 0, _LINE, self.reference))

    def show_first_digit(self) -> None:
        """Stop the dial tone."""
        self._send(StopTone(_LINE, self.reference))
        self._keys(soft_keys.DIGITS_FOLLOWING)

    def show_failure(self, failure: CallFailure, number: str) -> None:
        """Say that a call does not come about; the phone stays off the hook."""
        state, tone, prompt = _FAILURES[failure]
        self._send(DialedNumber(number, _LINE, self.reference))
        self._send(StartTone(tone, 0, _LINE, self.reference))
        self._state(state)
        self._prompt(prompt)

    def show_refused(self, other: Party, failure: CallFailure) -> None:
        """Say that a call does not come about, as for a number that is not there."""
        self.show_failure(failure, other.number)

    def show_ringing(self, other: Party) -> None:
        """Ring."""
        self._other_number = other.number
        self._state(CallStateCode.RING_IN)
        self._keys(soft_keys.RING_IN)
        self._prompt(_FROM + other.number)
        self._send(DisplayPriorityNotify(text=_FROM + other.number))
        self._info(other, _INBOUND, SecurityStatus.UNKNOWN)
        self._send(SetLamp(_STIMULUS_LINE, _LINE, _LAMP_BLINK))
        self._send(SetRinger(_RING_INSIDE, 1, _LINE, self.reference))

    def show_alerting(self, other: Party) -> None:
        """Let the caller hear that the other phone rings."""
        self._other_number = other.number
        self._send(DialedNumber(other.number, _LINE, self.reference))
        self._info(other, _OUTBOUND, SecurityStatus.UNKNOWN)
        self._send(StartTone(Tone.ALERTING, 0, _LINE, self.reference))
        self._state(CallStateCode.RING_OUT)
        self._keys(soft_keys.RING_OUT)
        self._prompt(_RING_OUT)

    def show_answering(self) -> None:
        """Stop ringing: the phone was lifted."""
        self._send(SetRinger(_RING_OFF, 1, _LINE, self.reference))
        self._send(SetSpeakerMode(_SPEAKER_ON))
        self._send(SetLamp(_STIMULUS_LINE, _LINE, _LAMP_ON))
        self._state(CallStateCode.OFF_HOOK)
        self._send(ActivateCallPlane(_LINE))

    def open_media(self, other: Party, keys: SrtpKeys | None) -> None:
        """Have the phone listen; it decrypts with `keys`."""
        self._has_media = True
        self._send(StopTone(_LINE, self.reference))
        self._send(
            OpenReceiveChannel(
                conference=self.reference,
                party=self._party_id,
                call=self.reference,
                keys=_block(keys),
                source=IPv4Address(other.address),
            )
        )

    def connect_media(self, where: Endpoint, media: Media) -> None:
        """Have the phone send."""
        self._send(
            StartMediaTransmission(
                conference=self.reference,
                party=self._party_id,
                address=where.address,
                port=where.port,
                call=self.reference,
                keys=_block(media.sends_with),
            )
        )

    def show_connected(self, other: Party, status: SecurityStatus) -> None:
        """Show the call and how secure it is."""
        self._state(CallStateCode.CONNECTED)
        direction = _OUTBOUND if self._called_out else _INBOUND
        self._info(other, direction, status)
        self._keys(soft_keys.CONNECTED)
        self._prompt(_CONNECTED)

    def show_ended(self, failure: CallFailure | None) -> None:
        """Stop the media, and go back to rest."""
        reference = self.reference
        if self._has_media:
            self._send(CloseReceiveChannel(reference, self._party_id, reference))
            self._send(StopMediaTransmission(reference, self._party_id, reference))
            self._send(ConnectionStatisticsReq(self._other_number, reference))
        if failure is not None:
            self.show_failure(failure, self._other_number)
        self.show_at_rest()

    def show_at_rest(self) -> None:
        """Show no call."""
        self._send(StopTone(_LINE, self.reference))
        self._send(SetLamp(_STIMULUS_LINE, _LINE, _LAMP_OFF))
        self._send(ClearPromptStatus(_LINE, self.reference))
        self._state(CallStateCode.ON_HOOK)
        self._send(SelectSoftKeys(0, 0, soft_keys.ON_HOOK))
        self._send(DisplayPromptStatus(0, _YOUR_CURRENT_OPTIONS, 0, 0))
        self._send(SetSpeakerMode(_SPEAKER_OFF))
        self._send(SetRinger(_RING_OFF))

    @property
    def _called_out(self) -> bool:
        return self.call is not None and self.call.is_caller(self)

    def _state(self, state: CallStateCode) -> None:
        self._send(CallState(state, _LINE, self.reference))

    def _keys(self, which: int) -> None:
        self._send(SelectSoftKeys(_LINE, self.reference, which))

    def _prompt(self, text: str) -> None:
        self._send(DisplayPromptStatus(0, text, _LINE, self.reference))

    def _info(self, other: Party, direction: int, status: SecurityStatus) -> None:
        me = self.party.number
        calling, called = (
            (me, other.number) if direction == _OUTBOUND else (other.number, me)
        )
        self._send(
            CallInfo(
                calling_number=calling,
                called_number=called,
                line=_LINE,
                call=self.reference,
                type=direction,
                original_called_number=called,
                security=status,
            )
        )


def _block(keys: SrtpKeys | None) -> KeyBlock:
    return KeyBlock() if keys is None else KeyBlock.of(keys.key, keys.salt)
