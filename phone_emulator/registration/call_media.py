"""The media sockets of one phone: RTP or SRTP every 20 ms, over real UDP.

Follows the events of its call: listen, send, stop. What was sent and received is kept
after the call, for the server's question and for reports.
"""

import secrets
import socket
from typing import Final

import trio

from tokenless.phone_emulator.registration.link import Link
from tokenless.phone_emulator.registration.media import PACKET_S, MediaStream
from tokenless.phone_emulator.registration.talkers.events import (
    ListenForMedia,
    PhoneEvent,
    SendMedia,
    StopMedia,
)

_MAX_PACKET: Final = 2048


class CallMedia:
    """The one call that a phone has at a time."""

    def __init__(self, nursery: trio.Nursery) -> None:
        """Begin without a call.

        Args:
            nursery: Where packets are sent and received.
        """
        self.stream: MediaStream | None = None
        """Of the present call, or of the last one."""
        self._nursery = nursery
        self._socket: trio.socket.SocketType | None = None
        self._scope = trio.CancelScope()
        self._is_sending = False
        self._target: tuple[str, int] | None = None

    async def take(self, event: PhoneEvent, link: Link) -> None:
        """Do what an event of a phone asks for; others are not about media."""
        match event:
            case ListenForMedia():
                await self._listen(event, link)
            case SendMedia():
                self._send(event)
            case StopMedia():
                self.stop(link)
            case _:
                pass

    async def _listen(self, event: ListenForMedia, link: Link) -> None:
        opened = self._socket
        if opened is None:
            opened = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                await opened.bind((str(link.address), 0))
            except OSError:
                opened.close()
                link.talker.media_failed()
                return
            self._socket = opened
            self.stream = MediaStream(ssrc=secrets.randbits(32))
            self._scope = trio.CancelScope()
            self._nursery.start_soon(self._receive, opened, self.stream, self._scope)
        assert self.stream is not None  # noqa: S101  # made with the socket
        self.stream.receive_with(event.keys, event.suite)
        link.talker.media_opened(link.address, opened.getsockname()[1])

    def _send(self, event: SendMedia) -> None:
        stream, opened = self.stream, self._socket
        if stream is None or opened is None:
            return
        stream.send_with(event.keys, event.suite)
        self._target = str(event.address), event.port
        if not self._is_sending:
            self._is_sending = True
            self._nursery.start_soon(self._speak, opened, stream)

    def stop(self, link: Link) -> None:
        """Close the socket, and remember the counts."""
        if self.stream is not None:
            link.talker.counts = self.stream.counts
        self._scope.cancel()
        self._is_sending = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _receive(
        self,
        opened: trio.socket.SocketType,
        stream: MediaStream,
        scope: trio.CancelScope,
    ) -> None:
        with scope:
            while True:
                try:
                    stream.receive(await opened.recv(_MAX_PACKET))
                except trio.ClosedResourceError:
                    return
                except OSError:
                    continue  # the peer's socket is closed: ICMP says so here

    async def _speak(self, opened: trio.socket.SocketType, stream: MediaStream) -> None:
        due = trio.current_time()
        while self._socket is opened and self._target is not None:
            try:
                await opened.sendto(stream.next_packet(), self._target)
            except trio.ClosedResourceError:
                return
            except OSError:
                pass  # lost, as packets may be
            due += PACKET_S
            await trio.sleep_until(due)
