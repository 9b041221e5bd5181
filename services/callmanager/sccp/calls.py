"""The calls of one SCCP phone: what its user does becomes calls.

A phone has one line and one call at a time. What it is told of them: `legs`.
"""

from ipaddress import IPv4Address
from typing import Final, Protocol

from tokenless.protocol.sccp import call as words
from tokenless.protocol.sccp.call import (
    EnblocCall,
    KeypadButton,
    OffHook,
    OnHook,
    SoftKey,
    SoftKeyEvent,
)
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import MediaStatus, OpenReceiveChannelAck
from tokenless.services.callmanager.leg import CallFailure, Endpoint, Party
from tokenless.services.callmanager.sccp.legs import SccpLeg, Send
from tokenless.services.callmanager.switch import Switch

_DIGITS: Final = "0123456789ABCD*#+"
_MAX_DIGITS: Final = 24


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
        stream = self._switch.new_stream()
        self._leg = leg = _ForgettingLeg(self, phone.party, phone.push, stream)
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
