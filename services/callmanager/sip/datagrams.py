"""SIP over UDP: one socket, one datagram a message (RFC 3261 18).

Requests and answers that are lost are sent again by the timers of
`protocol.sip.transactions`; nothing is remembered of a REGISTER. An answer that is more
than twice as long as its request is sent without its body, so that a forged request
gains next to nothing; real phones' requests are long enough.
"""

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
import trio

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    decode_message,
)
from tokenless.protocol.sip.transactions import DatagramTransactions, Repeat, TimedOut
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.guest import answer
from tokenless.services.callmanager.sip.stations import SipCallControl
from tokenless.services.errors import ServiceError
from tokenless.services.limited_log import LimitedLog

_MAX_DATAGRAM: Final = 8192
_FIRST_REFUSAL: Final = 300
_CLEAR: Final = Peer()


class SipDatagrams:
    """The UDP port of one node."""

    def __init__(self, address: str, port: int) -> None:
        """Listen; datagrams wait in the socket until `serve` runs.

        Raises:
            ServiceError: When the address is not ours or the port is in use.
        """
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._transactions: DatagramTransactions[tuple[str, int]] = (
            DatagramTransactions()
        )
        self._has_more = trio.Event()
        self._clock: Callable[[], float] = time.monotonic
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            raise ServiceError(
                f"SIP: {join_host_port(address, port)}/udp: {error.strerror}",
                hint="stop the program that listens there, or set another port",
            ) from error

    @property
    def address(self) -> tuple[str, int]:
        """The listening address."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    async def serve(
        self,
        call_control: SipCallControl,
        *,
        clock: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        log_lines_per_s: int,
    ) -> None:
        """Answer datagrams until cancelled."""
        limited = LimitedLog(log, log_lines_per_s, summary="SIP over UDP: more")
        self._clock = clock
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._repeat, call_control, limited)
            await self._listen(call_control, limited)

    async def _listen(self, call_control: SipCallControl, log: LimitedLog) -> None:
        listening = trio.socket.from_stdlib_socket(self._socket)
        while True:
            try:
                data, place = await listening.recvfrom(_MAX_DATAGRAM)
            except OSError:
                continue  # an answer could not be delivered: ICMP says so here
            log.summarise(self._clock())
            with _fault_noted(log):
                self._take(call_control, data, place[:2], log)

    async def _repeat(self, call_control: SipCallControl, log: LimitedLog) -> None:
        """Send unanswered messages again, when their time comes."""
        while True:
            deadline = self._transactions.deadline()
            waits_s = math.inf if deadline is None else deadline - self._clock()
            with trio.move_on_after(max(0.0, waits_s)):
                await self._has_more.wait()
            self._has_more = trio.Event()
            for each in self._transactions.tick(self._clock()):
                with _fault_noted(log):
                    if isinstance(each, TimedOut):
                        call_control.calls.take_timeout(each.request)
                    else:
                        self._send_again(*each)

    def _take(
        self,
        call_control: SipCallControl,
        data: bytes,
        place: tuple[str, int],
        log: LimitedLog,
    ) -> None:
        try:
            message = decode_message(data)
        except ProtocolError:
            return
        now, transactions = self._clock(), self._transactions
        repeat = transactions.received(message, place, now)
        if isinstance(message, SipRequest) and repeat is not Repeat.NEW:
            again = transactions.answer_again(message, place)
            if again is not None:
                self._send_again(again, place)
            return
        send = partial(self._send_bytes, place)
        source = Source(place[0], _CLEAR, send, log, "UDP")
        response = answer(call_control, message, source, now)
        if response is None or isinstance(message, SipResponse):
            return
        response = _within(response, 2 * len(data))
        if response.status >= _FIRST_REFUSAL:
            transactions.forget(message, place)
            self._send_again(response.encode(), place)
        else:
            self._send(place, response)

    def _send_bytes(self, place: tuple[str, int], datagram: bytes) -> None:
        try:
            message = decode_message(datagram)
        except ProtocolError:
            # What a phone said of itself fills our message beyond the limits that hold
            # for others: it is sent once, and its loss is that phone's.
            self._send_again(datagram, place)
            return
        self._send(place, message, datagram)

    def _send(
        self,
        place: tuple[str, int],
        message: SipMessage,
        datagram: bytes | None = None,
    ) -> None:
        data = message.encode() if datagram is None else datagram
        self._transactions.sent(message, data, place, self._clock())
        self._has_more.set()
        self._send_again(data, place)

    def _send_again(self, datagram: bytes, place: tuple[str, int]) -> None:
        """Send at once; what cannot be sent is lost, as datagrams may be."""
        try:
            self._socket.sendto(datagram, place)
        except OSError:
            return


@contextmanager
def _fault_noted(log: LimitedLog) -> Iterator[None]:
    """Log a fault of this program and go on: one datagram stops no other phone."""
    try:
        yield
    except Exception:  # all phones of the port share this task
        if log.may_write("datagrams that failed"):
            log.log.exception("a SIP datagram failed: a fault of this program")


def _within(response: SipResponse, length: int) -> SipResponse:
    if len(response.encode()) <= length or not response.body:
        return response
    headers = tuple(
        (name, value)
        for name, value in response.headers
        if name.lower() != "content-type"
    )
    return replace(response, headers=headers, body=b"")
