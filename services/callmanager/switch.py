"""Connect two registered phones for a call: the decisions, without any protocol.

Legs (`leg`) report what their phone does; the switch tells them what to show, where to
listen and where to send. Levels of security: REFERENCE-4 3; order of events:
REFERENCE-4 2.1 and 4.1.

A phone is told where to send as soon as the other one listens; a SIP phone, when it has
said where it listens itself, too. An SCCP phone learns its keys from the server: the
key that it sends with is made here, and the key that it decrypts with is the other
leg's. A SIP phone brings the keys that it may send with in its own description, one for
each suite; both directions take the best suite that both phones have (REFERENCE-4 4.3).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, unique
from itertools import count
from typing import Final

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.srtp import (
    BEST_FIRST,
    MASTER_KEY_BYTES,
    MASTER_SALT_BYTES,
    SCCP_SUITE,
    SrtpKeys,
    SrtpSuite,
)
from tokenless.services.callmanager.leg import (
    CallFailure,
    Endpoint,
    KeyOffers,
    Leg,
    Media,
    Party,
)

_NODE_SHIFT: Final = 24
"""Numbers of calls and streams have the node's number on top, and begin there with 1:
16777217 and 0x02000012 in real traces (REFERENCE-4 1.5, 2.2)."""


@unique
class Stage(IntEnum):
    """Stage of a call."""

    RINGING = 0
    ANSWERED = 1
    """The media are being connected."""
    CONNECTED = 2
    ENDED = 3


@dataclass(slots=True)
class _Side:
    leg: Leg
    endpoint: Endpoint | None = None
    offers: KeyOffers | None = None
    """What this phone could send with; None: it has not said so yet."""
    keys: SrtpKeys | None = None
    """What this phone sends with, once a suite is agreed."""
    is_opening: bool = False
    """True if the phone was told to listen."""
    is_sending: bool = False
    """True if the phone was told where to send."""


@dataclass(slots=True, eq=False)
class Call:
    """Two legs, from the first ring to the end."""

    switch: "Switch"
    caller: _Side
    called: _Side
    stage: Stage = Stage.RINGING
    status: SecurityStatus = SecurityStatus.UNKNOWN
    """Unknown until both ends are connected in signalling."""
    suite: SrtpSuite | None = None
    """None in clear, and until both phones have said which ones they have."""
    has_rung: bool = False

    @property
    def has_ended(self) -> bool:
        """Tell whether the call is over."""
        return self.stage is Stage.ENDED

    def is_caller(self, leg: Leg) -> bool:
        """Return whether it is the leg of the phone that calls."""
        return self.caller.leg is leg

    def alerting(self) -> None:
        """Tell the caller that the other phone rings."""
        if self.stage is Stage.RINGING and not self.has_rung:
            self.has_rung = True
            self.caller.leg.show_alerting(self.called.leg.party)

    def answer(self) -> None:
        """Connect the media: the called phone was lifted."""
        if self.stage is not Stage.RINGING:
            return
        self.stage = Stage.ANSWERED
        self.status = status_of(self.caller.leg.party, self.called.leg.party)
        self._make_keys()
        self._agree()
        # The caller's channel first, as in a real trace [O].
        for side in (self.caller, self.called):
            self._open(side)

    def _make_keys(self) -> None:
        """Make the keys of phones that bring none."""
        for side in (self.caller, self.called):
            if self.status is SecurityStatus.ENCRYPTED and not side.leg.brings_keys:
                side.offers = {SCCP_SUITE: self.switch.make_keys()}

    def _open(self, side: _Side) -> None:
        """Open a phone's channel, once the key that it decrypts with is known."""
        other = self._other(side)
        # A SIP phone has said where it listens in its own message; an SCCP phone must
        # be told, and only once.
        if side.leg.brings_keys or side.is_opening:
            return
        is_secret = self.status is SecurityStatus.ENCRYPTED
        if is_secret and other.keys is None:
            return
        side.is_opening = True
        side.leg.open_media(other.leg.party, other.keys)
        # Connected before the media are, in a real trace [O]; how secure the call is
        # has been decided.
        side.leg.show_connected(other.leg.party, self.status)

    def media_opened(
        self, leg: Leg, endpoint: Endpoint, offers: KeyOffers | None = None
    ) -> None:
        """Note where a phone listens, and the keys that a SIP phone offers.

        A caller in SIP reports before the call is answered, all others after.
        """
        side = self._side(leg)
        side.endpoint = endpoint
        if leg.brings_keys:
            side.offers = offers or {}
        if self.stage is not Stage.ANSWERED:
            return
        self._agree()
        self._open(self._other(side))
        self._connect()

    def _agree(self) -> None:
        """Take the best common suite; go on in clear when there is none.

        In clear both signalling connections stay protected: the call is authenticated.
        """
        if self.status is not SecurityStatus.ENCRYPTED or self.suite is not None:
            return
        sides = (self.caller, self.called)
        known = [side.offers for side in sides if side.offers is not None]
        suite = best_suite(*known)
        if suite is None:
            self.status = SecurityStatus.AUTHENTICATED
        elif len(known) == len(sides):
            self.suite = suite
            for side, offers in zip(sides, known, strict=True):
                side.keys = offers[suite]

    def _connect(self) -> None:
        """Tell each phone where to send that can be told now."""
        # One ack is answered with an order to the other phone: the called one first.
        for side in (self.called, self.caller):
            self._send_media(side)
            if self.has_ended:  # the phone cannot use what was agreed
                return
        if self.caller.is_sending and self.called.is_sending:
            self.stage = Stage.CONNECTED
            for side in (self.caller, self.called):
                if side.leg.brings_keys:
                    side.leg.show_connected(self._other(side).leg.party, self.status)

    def _send_media(self, side: _Side) -> None:
        other = self._other(side)
        is_waiting = side.leg.brings_keys and side.endpoint is None
        if side.is_sending or is_waiting or other.endpoint is None:
            return
        side.is_sending = True
        side.leg.connect_media(other.endpoint, Media(side.keys, other.keys, self.suite))

    def hang_up(self, leg: Leg, failure: CallFailure | None = None) -> None:
        """End the call for both phones.

        Args:
            leg: Whose phone ended it.
            failure: Why it does not go on, where it is not a plain farewell.
        """
        # Both phones may hang up at the same time, and a lost connection hangs up as
        # well.
        if self.stage is Stage.ENDED:
            return
        self.stage = Stage.ENDED
        other = self._other(self._side(leg)).leg
        self.switch.forget(self)
        if failure is not None and not self.has_rung and self.is_caller(other):
            other.show_refused(leg.party, failure)
        else:
            other.show_ended(failure)
        leg.show_ended(failure)
        leg.call = other.call = None

    def _side(self, leg: Leg) -> _Side:
        return self.caller if self.caller.leg is leg else self.called

    def _other(self, side: _Side) -> _Side:
        return self.called if side is self.caller else self.caller


LegMaker = Callable[[str], "Leg | CallFailure"]
"""Takes a directory number, returns a new leg of the phone that has it, or why not."""


@dataclass(slots=True)
class Switch:
    """The calls of one node."""

    find: LegMaker
    node: int = 1
    """The number of the node in its cluster."""
    calls: set[Call] = field(default_factory=set)
    _references: "count[int]" = field(init=False)
    _streams: "count[int]" = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        first = (self.node % 256 << _NODE_SHIFT) + 1
        self._references, self._streams = count(first), count(first)

    def call(
        self,
        caller: Leg,
        number: str,
        *,
        endpoint: Endpoint | None = None,
        offers: KeyOffers | None = None,
    ) -> CallFailure | None:
        """Ring the phone that has a number, or return why not.

        Args:
            caller: The leg of the phone that dials; it has no call.
            number: What was dialled.
            endpoint: Where a SIP phone listens: it says so when it dials.
            offers: What a SIP phone can send with; None: nothing but RTP.
        """
        called = self.find(number)
        if isinstance(called, CallFailure):
            return called
        # The phone has dialled its own number: it has no second line that could ring.
        if called.party.device == caller.party.device:
            return CallFailure.BUSY
        if caller.brings_keys:
            offers = offers or {}
        call = Call(self, _Side(caller, endpoint, offers), _Side(called))
        self.calls.add(call)
        for leg in (caller, called):
            leg.call = call
            leg.reference = leg.reference or next(self._references)
        called.show_ringing(caller.party)
        if not called.confirms_ringing:
            call.alerting()
        return None

    def new_reference(self) -> int:
        """Return the number of a call that is being dialled."""
        return next(self._references)

    def new_stream(self) -> int:
        """Return the number of the media of a phone: its pass-through party id."""
        return next(self._streams)

    def forget(self, call: Call) -> None:
        """Strike a call off: it has ended."""
        self.calls.discard(call)

    def make_keys(self) -> SrtpKeys:
        """Return fresh keys of one direction."""
        return SrtpKeys(os.urandom(MASTER_KEY_BYTES), os.urandom(MASTER_SALT_BYTES))


def best_suite(*offers: KeyOffers) -> SrtpSuite | None:
    """Return the best suite that all have; None: there is none."""
    common = (suite for suite in BEST_FIRST if all(suite in each for each in offers))
    return next(common, None)


_STATUS: Final = {
    DeviceSecurity.NON_SECURE: SecurityStatus.NOT_AUTHENTICATED,
    DeviceSecurity.AUTHENTICATED: SecurityStatus.AUTHENTICATED,
    DeviceSecurity.ENCRYPTED: SecurityStatus.ENCRYPTED,
}


def status_of(one: Party, other: Party) -> SecurityStatus:
    """Return how secure a call is: as the weaker end (REFERENCE-4 3.1, 3.2)."""
    return min(_STATUS[one.security], _STATUS[other.security])
