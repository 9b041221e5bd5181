"""SIP transactions over UDP (RFC 3261 17): repeats of lost requests and answers.

Clocked, without sockets: `now` is an argument. What goes out is remembered until it is
answered, what came in until it cannot come again. Timers have RFC 3261's names:

| what | again after | until |
|---|---|---|
| INVITE of ours | A: T1, doubled each time | any answer; B: 64 T1 |
| other requests of ours | E: T1, doubled up to T2; T2 after 1xx | an answer; F: 64 T1 |
| answers of phones to an INVITE | G: T1, doubled up to T2 | its ACK; H: 64 T1 |
| other answers | when the request comes again | J: 64 T1 |

What anybody may ask (REGISTER, OPTIONS, NOTIFY, REFER) is answered anew each time, and
what is refused is forgotten (`forget`): a forged request gets one answer, and costs no
memory.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Generic, TypeVar

from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    branch_of,
)

T1_S: Final = 0.5
T2_S: Final = 4.0
LIFE_S: Final = 64 * T1_S
MAX_TRANSACTIONS: Final = 4_096
"""Remembered of all peers; the oldest are forgotten."""
_FINAL: Final = 200
_STATELESS: Final = frozenset({"REGISTER", "OPTIONS", "NOTIFY", "REFER"})
"""Taking these twice does no harm, so no memory is spent on telling repeats apart."""

PlaceT = TypeVar("PlaceT", bound=Hashable)
"""The address of a peer, with its port."""


@unique
class Repeat(Enum):
    """The treatment of a request that came."""

    NEW = "new"
    """Nobody has seen it: answer it."""
    ANSWERED = "answered"
    """It came again; its answer goes out again."""
    PENDING = "pending"
    """It came again, and has no answer yet."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A request of ours that nobody has answered."""

    request: SipRequest


@dataclass(slots=True)
class _Outgoing(Generic[PlaceT]):
    place: PlaceT
    data: bytes
    due: float
    ends: float
    pause: float
    is_capped: bool
    """True if pauses grow up to T2 only."""
    request: SipRequest | None = None
    """None for an answer."""


@dataclass(slots=True)
class _Incoming:
    ends: float
    answer: bytes | None = None


@dataclass(slots=True)
class DatagramTransactions(Generic[PlaceT]):
    """The transactions of one socket."""

    _out: "OrderedDict[Hashable, _Outgoing[PlaceT]]" = field(
        default_factory=OrderedDict
    )
    _in: "OrderedDict[Hashable, _Incoming]" = field(default_factory=OrderedDict)

    def sent(self, message: SipMessage, data: bytes, place: PlaceT, now: float) -> None:
        """Note a message that is sent now."""
        if isinstance(message, SipRequest):
            if message.method != "ACK":
                self._wait_for_answer(message, data, place, now)
            return
        key = _key(message, place)
        known = self._in.get(key)
        if known is not None:
            known.answer = data
        if key[-1] == "INVITE" and message.status >= _FINAL:
            # Its ACK may come in a transaction of its own, of the same dialog.
            self._remember(
                _ack_key(message, place),
                _Outgoing(place, data, now + T1_S, now + LIFE_S, T1_S, is_capped=True),
            )

    def received(self, message: SipMessage, place: PlaceT, now: float) -> Repeat:
        """Note what has come; tell whether it is to be taken."""
        if isinstance(message, SipResponse):
            self._answered(message, place, now)
            return Repeat.NEW
        if message.method == "ACK":
            self._out.pop(_ack_key(message, place), None)
            return Repeat.NEW
        if message.method in _STATELESS:
            return Repeat.NEW
        key = _key(message, place)
        known = self._in.get(key)
        if known is None:
            self._in[key] = _Incoming(now + LIFE_S)
            while len(self._in) > MAX_TRANSACTIONS:
                self._in.popitem(last=False)
            return Repeat.NEW
        return Repeat.PENDING if known.answer is None else Repeat.ANSWERED

    def answer_again(self, message: SipRequest, place: PlaceT) -> bytes | None:
        """Return the answer that a repeated request had, None without one."""
        known = self._in.get(_key(message, place))
        return None if known is None else known.answer

    def forget(self, message: SipRequest, place: PlaceT) -> None:
        """Forget a request that is refused: should it come again, it is new."""
        self._in.pop(_key(message, place), None)

    def deadline(self) -> float | None:
        """Return when `tick` has something to do, None while there is nothing."""
        return min(
            (min(each.due, each.ends) for each in self._out.values()), default=None
        )

    def tick(self, now: float) -> Iterator[tuple[bytes, PlaceT] | TimedOut]:
        """Yield messages to send again, and requests that have no answer."""
        for key, each in list(self._out.items()):
            # What the caller does with a message may have answered, replaced or
            # evicted those that follow.
            if self._out.get(key) is not each:
                continue
            if each.ends <= now:
                del self._out[key]
                if each.request is not None:
                    yield TimedOut(each.request)
            elif each.due <= now:
                each.pause *= 2
                if each.is_capped:
                    each.pause = min(each.pause, T2_S)
                each.due = now + each.pause
                yield each.data, each.place
        for key, old in list(self._in.items()):
            if old.ends > now:
                break  # in order of their ends
            self._in.pop(key, None)

    def _wait_for_answer(
        self, request: SipRequest, data: bytes, place: PlaceT, now: float
    ) -> None:
        waiting: _Outgoing[PlaceT] = _Outgoing(
            place,
            data,
            now + T1_S,
            now + LIFE_S,
            T1_S,
            is_capped=request.method != "INVITE",
            request=request,
        )
        self._remember(_key(request, place), waiting)

    def _remember(self, key: Hashable, waiting: _Outgoing[PlaceT]) -> None:
        self._out[key] = waiting
        while len(self._out) > MAX_TRANSACTIONS:
            self._out.popitem(last=False)

    def _answered(self, response: SipResponse, place: PlaceT, now: float) -> None:
        key = _key(response, place)
        waiting = self._out.get(key)
        if waiting is None:
            return
        # A provisional answer ends the repeats of an INVITE and slows down the others
        # (RFC 3261 17.1.1.2, 17.1.2.2).
        if response.status >= _FINAL or key[-1] == "INVITE":
            del self._out[key]
        else:
            waiting.pause = T2_S
            waiting.due = now + T2_S


def _key(message: SipMessage, place: Hashable) -> tuple[Hashable, str, str]:
    method = message.get("cseq").rpartition(" ")[2]
    return place, branch_of(message), method


def _ack_key(message: SipMessage, place: Hashable) -> Hashable:
    number = message.get("cseq").partition(" ")[0]
    return place, "ack", message.get("call-id"), number
