"""Frames that no browser sends: too long, without an end, compressed, too many."""

import pytest
import trio

from tests.rigs.console_rig import add_users, console_of
from tests.rigs.websocket_attacks import Opcode, RawWebSocket, frame, head, raw_shell
from tokenless.services.cluster.cluster import Cluster

PATIENCE_S = 60
MUCH = 64 * 1024 * 1024
"""No buffer of sockets and TLS takes as much."""
PIECE = bytes(60_000).replace(b"\0", b"a")
TOO_BIG = b"\x88\x02\x03\xf1"
"""A Close with code 1009."""


async def never_ending(socket: RawWebSocket) -> int:
    """Send a message whose last frame never comes."""
    more = frame(Opcode.CONTINUATION, PIECE, is_last=False)
    await socket.stream.send_all(frame(Opcode.TEXT, PIECE, is_last=False))
    return await socket.send_until_cut(more, MUCH)


async def one_huge_frame(socket: RawWebSocket) -> int:
    """Send a frame of a terabyte."""
    await socket.stream.send_all(head(Opcode.TEXT, 1 << 40))
    return await socket.send_until_cut(PIECE, MUCH)


async def many_long_ones(socket: RawWebSocket) -> int:
    """Send messages, each of which is too long."""
    return await socket.send_until_cut(frame(Opcode.TEXT, PIECE * 2), MUCH)


@pytest.mark.parametrize("attack", [never_ending, one_huge_frame, many_long_ones])
async def test_a_message_that_is_too_long_ends_the_connection(
    lab: Cluster, attack: object
) -> None:
    assert callable(attack)
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with raw_shell(console, alice) as socket:
            assert socket.status == 101
            with trio.fail_after(PATIENCE_S):
                assert await attack(socket) < MUCH
        assert (await alice.get("/")).status_code == 200


async def test_messages_are_not_compressed(lab: Cluster) -> None:
    """A kilobyte of a compressed message is a megabyte in memory."""
    add_users(lab)
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with raw_shell(console, alice, offer) as socket:
            assert socket.status == 101
            assert "extensions" not in socket.headers
            # Who compresses all the same breaks the protocol, and is cut off.
            await socket.stream.send_all(frame(Opcode.TEXT, b"\xaa\x56", bits=0x40))
            with trio.fail_after(PATIENCE_S):
                await socket.received()


async def test_bytes_instead_of_text_end_the_shell(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with raw_shell(console, alice) as socket:
            await socket.stream.send_all(frame(Opcode.BINARY, b"{}"))
            with trio.fail_after(PATIENCE_S):
                # 1000, as for all nonsense: not 1011, an error of the server.
                assert await socket.received() == b"\x88\x02\x03\xe8"


async def test_floods_of_small_frames_hold_up_no_page(lab: Cluster) -> None:
    add_users(lab)
    floods = (
        frame(Opcode.PING, bytes(125)) * 200,
        frame(Opcode.CONTINUATION, b"", is_last=False) * 5000,
    )
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with (
            raw_shell(console, alice) as first,
            raw_shell(console, alice) as it,
            trio.open_nursery() as nursery,  # ends before its connections are closed
        ):
            # Of the first one nobody reads the answers.
            await it.stream.send_all(frame(Opcode.TEXT, b"", is_last=False))
            for socket, flood in zip((first, it), floods, strict=True):
                nursery.start_soon(socket.send_until_cut, flood, MUCH)
            with trio.fail_after(PATIENCE_S):
                for _ in range(5):
                    assert (await alice.get("/")).status_code == 200
            nursery.cancel_scope.cancel()
