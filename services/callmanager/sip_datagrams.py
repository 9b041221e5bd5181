"""SIP over UDP: one socket, one datagram a message (RFC 3261 18).

Nothing is remembered of a sender that is not registered. An answer that is more than
twice as long as its request is sent without its body, so that a forged request gains
next to nothing; real phones' requests are long enough.
"""

import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
import trio

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.messages import SipResponse, decode_message
from tokenless.services.callmanager.sip import Source, answer
from tokenless.services.callmanager.sip_stations import SipCallControl
from tokenless.services.errors import ServiceError
from tokenless.services.limited_log import LimitedLog

_MAX_DATAGRAM: Final = 8192
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
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            raise ServiceError(
                f"SIP: {address}:{port}/udp: {error.strerror}",
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
        listening = trio.socket.from_stdlib_socket(self._socket)
        while True:
            try:
                data, place = await listening.recvfrom(_MAX_DATAGRAM)
            except OSError:
                continue  # an answer could not be delivered: ICMP says so here
            now = clock()
            limited.summarise(now)
            self._take(call_control, data, place[:2], limited, now)

    def _take(
        self,
        call_control: SipCallControl,
        data: bytes,
        place: tuple[str, int],
        log: LimitedLog,
        now: float,
    ) -> None:
        try:
            message = decode_message(data)
        except ProtocolError:
            return
        send = partial(self._send, place)
        response = answer(
            call_control, message, Source(place[0], _CLEAR, send, log), now
        )
        if response is not None:
            send(_within(response, 2 * len(data)))

    def _send(self, place: tuple[str, int], datagram: bytes) -> None:
        """Send at once; what cannot be sent is lost, as datagrams may be."""
        try:
            self._socket.sendto(datagram, place)
        except OSError:
            return


def _within(response: SipResponse, length: int) -> bytes:
    datagram = response.encode()
    if len(datagram) <= length or not response.body:
        return datagram
    headers = tuple(
        (name, value)
        for name, value in response.headers
        if name.lower() != "content-type"
    )
    return replace(response, headers=headers, body=b"").encode()
