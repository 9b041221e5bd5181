"""Servers that accept from a reserve, in a process without a free descriptor."""

import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress

import pytest
import trio
import trio.testing

from tokenless.services.reserved import serve_reserved

_CLIENTS = 5


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let every further descriptor be refused while a block runs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 20, before[1]))
    with ExitStack() as taken:
        taken.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        with suppress(OSError):
            while True:
                taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


async def echo_once(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.send_all(await stream.receive_some())


Connect = Callable[[], Awaitable[trio.SocketStream]]


@asynccontextmanager
async def serving(nursery: trio.Nursery) -> AsyncIterator[Connect]:
    """Serve in a process without a free descriptor; yield what connects a client."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listeners[0].socket.getsockname()
    await nursery.start(serve_reserved, echo_once, listeners)
    sockets = [trio.socket.socket() for _ in range(_CLIENTS)]
    unused = iter(sockets)

    async def connect() -> trio.SocketStream:
        client = next(unused)
        await client.connect(address)
        return trio.SocketStream(client)

    with no_descriptor_left():
        yield connect
    for each in sockets:
        each.close()
    nursery.cancel_scope.cancel()


async def test_one_client_after_the_other_is_answered(nursery: trio.Nursery) -> None:
    async with serving(nursery) as connect:
        for _ in range(_CLIENTS):
            client = await connect()
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(OSError, match="Too many open files"):
                os.open(os.devnull, os.O_RDONLY)  # no place is given up for nobody
            await client.send_all(b"hello")
            with trio.fail_after(30):
                assert await client.receive_some() == b"hello"
                assert await client.receive_some() == b""


async def test_silent_clients_hold_back_others_only_until_they_leave(
    nursery: trio.Nursery,
) -> None:
    async with serving(nursery) as connect:
        silent = [await connect() for _ in range(_CLIENTS - 1)]
        last = await connect()
        await last.send_all(b"hello")
        for each in silent:
            await each.send_eof()
        with trio.fail_after(30):
            assert await last.receive_some() == b"hello"
