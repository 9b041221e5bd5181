"""The calls of one SCCP phone: its keys become calls, the switch's words its messages.

A phone has one line and one call at a time. The order of messages is that of the traces
in REFERENCE-4 2.1; what stands there in brackets is sent as the old CallManager did.
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, Protocol

from tokenless.protocol.sccp import call as words
from tokenless.protocol.sccp.call import (
    CallStateCode,
    EnblocCall,
    KeypadButton,
    OffHook,
    OnHook,
    SecurityStatus,
    SetLamp,
    SetRinger,
    SetSpeakerMode,
    SoftKey,
    SoftKeyEvent,
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
    MediaStatus,
    OpenReceiveChannel,
    OpenReceiveChannelAck,
    StartMediaTransmission,
    StopMediaTransmission,
)
from tokenless.protocol.srtp import SrtpKeys
from tokenless.services.callmanager.sccp import soft_keys
from tokenless.services.callmanager.switch import (
    CallFailure,
    Endpoint,
    Leg,
    Media,
    Party,
    Switch,
)

_LINE: Final = 1
_STIMULUS_LINE: Final = 9
_LAMP_OFF, _LAMP_ON, _LAMP_BLINK = 1, 2, 5
_RING_OFF, _RING_INSIDE = 1, 2
_SPEAKER_ON, _SPEAKER_OFF = 1, 2
_INBOUND, _OUTBOUND = 1, 2
_DIGITS: Final = "0123456789ABCD*#+"
_MAX_DIGITS: Final = 24

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


class CallingPhone(Protocol):
    """A phone that takes part in calls."""

    @property
    def party(self) -> Party:
        """The phone as it is registered now."""

    def push(self, message: Message) -> None:
        """Send a message at any moment."""


class SccpCalls:
    """Calls of one SCCP phone, from the actions of its user.

    The phone, which keeps this, is named in each call of a method: were it remembered,
    the session of each connection that ends would stay until the collector runs.
    """

    def __init__(self, switch: Switch) -> None:
        """Begin without a call; `switch` connects calls."""
        self._switch = switch
        self._leg: SccpLeg | None = None
        self._digits = ""
        self._parties = 0

    @property
    def is_idle(self) -> bool:
        """Return whether the phone has no call and is on the hook."""
        return self._leg is None

    def new_leg(self, phone: CallingPhone) -> SccpLeg | CallFailure:
        """Return the leg of a call that comes in, or say that the phone is busy."""
        return self._begin(phone) if self.is_idle else CallFailure.BUSY

    def take(self, message: Message, phone: CallingPhone) -> bool:
        """Do what a message asks for; return whether it is one of a call."""
        match message:
            case OffHook() | SoftKeyEvent(event=SoftKey.NEW_CALL | SoftKey.ANSWER):
                self._lift(phone)
            case OnHook() | SoftKeyEvent(event=SoftKey.END_CALL):
                self.hang_up()
            case KeypadButton(button=button):
                self._press(button)
            case EnblocCall(number=number):
                self._dial_whole(number, phone)
            case OpenReceiveChannelAck() as opened:
                self._opened(opened)
            case SoftKeyEvent() | words.Stimulus():
                pass
            case _:
                return False
        return True

    def hang_up(self) -> None:
        """End what the phone has begun."""
        leg, self._leg, self._digits = self._leg, None, ""
        if leg is None:
            return
        if leg.call is None:
            leg.show_at_rest()
        else:
            leg.call.hang_up(leg)

    def _begin(self, phone: CallingPhone) -> SccpLeg:
        self._parties += 1
        self._leg = leg = _ForgettingLeg(self, phone.party, phone.push, self._parties)
        return leg

    def _lift(self, phone: CallingPhone) -> None:
        leg = self._leg
        if leg is None:
            leg = self._begin(phone)
            leg.reference = self._switch.new_reference()
            leg.show_off_hook()
        elif leg.call is not None and not leg.call.is_caller(leg):
            leg.show_answering()
            leg.call.answer()

    def _press(self, button: int) -> None:
        leg = self._leg
        if leg is None or leg.call is not None or button >= len(_DIGITS):
            return
        if not self._digits:
            leg.show_first_digit()
        self._digits = (self._digits + _DIGITS[button])[:_MAX_DIGITS]
        # No answer until the number is that of a phone: later digits are ignored.
        if not isinstance(self._switch.call(leg, self._digits), CallFailure):
            self._digits = ""

    def _dial_whole(self, number: str, phone: CallingPhone) -> None:
        self._lift(phone)
        leg = self._leg
        if leg is None or leg.call is not None:
            return
        failure = self._switch.call(leg, number)
        if failure is not None:
            leg.show_failure(failure, number)

    def _opened(self, opened: OpenReceiveChannelAck) -> None:
        leg = self._leg
        if leg is None or leg.call is None:
            return
        is_usable = (
            isinstance(opened.address, IPv4Address) and 0 < opened.port < 1 << 16
        )
        if opened.status == MediaStatus.OK and is_usable:
            address = IPv4Address(int(opened.address))
            leg.call.media_opened(leg, Endpoint(address, opened.port))
        else:
            leg.call.hang_up(leg, CallFailure.MEDIA)

    def forget(self, leg: SccpLeg) -> None:
        """Be idle again: the other phone has ended the call."""
        if self._leg is leg:
            self._leg, self._digits = None, ""


class _ForgettingLeg(SccpLeg):
    """A leg that reports to its phone when its call has ended."""

    def __init__(
        self, calls: SccpCalls, party: Party, send: Send, party_id: int
    ) -> None:
        super().__init__(party, send, party_id)
        self._calls = calls

    def show_ended(self, failure: CallFailure | None) -> None:
        super().show_ended(failure)
        self._calls.forget(self)


def _block(keys: SrtpKeys | None) -> KeyBlock:
    return KeyBlock() if keys is None else KeyBlock.of(keys.key, keys.salt)
