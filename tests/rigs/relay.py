"""A TCP relay that takes down what both sides say, and writes it as a capture."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tokenless.phone_emulator.secd.events import Server

_PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
_TCP = struct.Struct(">HHIIBBHHH")
_PHONE = 49152


@dataclass
class Relay:
    """One relay; connections are kept apart in the capture by their port."""

    target: Server
    segments: list[tuple[int, bool, bytes]] = field(default_factory=list)
    """Connection, whether the phone said it, what."""
    _connections: int = 0
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def serve(
        self, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Relay until cancelled or stopped."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        with self._scope:
            task_status.started(Server("127.0.0.1", port))
            await trio.serve_listeners(self._connect, listeners)

    def stop(self) -> None:
        """Cut all connections, and listen no more."""
        self._scope.cancel()

    async def _connect(self, phone: trio.SocketStream) -> None:
        self._connections += 1
        number = self._connections
        target = self.target
        server = await trio.open_tcp_stream(target.address, target.port)
        async with phone, server, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, phone, server, number, True)
            await self._pump(server, phone, number, False)
            nursery.cancel_scope.cancel()

    async def _pump(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream,
        number: int,
        is_phone: bool,
    ) -> None:
        try:
            async for data in source:
                self.segments.append((number, is_phone, bytes(data)))
                await sink.send_all(data)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def write(self, path: Path, port: int) -> None:
        """Write the capture, as if the server listened at `port`."""
        positions: dict[tuple[int, bool], int] = {}
        with path.open("wb") as file:
            file.write(_PCAP_HEAD)
            for at, (number, is_phone, data) in enumerate(self.segments):
                ours = positions.get((number, is_phone), 1)
                theirs = positions.get((number, not is_phone), 1)
                ports = (_PHONE + number, port)
                source, target = ports if is_phone else ports[::-1]
                tcp = _TCP.pack(source, target, ours, theirs, 0x50, 0x18, 65535, 0, 0)
                total = 20 + len(tcp) + len(data)
                ip = struct.pack(">BBHHHBBH", 0x45, 0, total, at, 0, 64, 6, 0)
                packet = ip + bytes([127, 0, 0, 1]) * 2 + tcp + data
                file.write(struct.pack("<IIII", at, 0, total, total) + packet)
                positions[number, is_phone] = ours + len(data)
