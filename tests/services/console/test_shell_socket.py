"""The shell's WebSocket: who may open it, and that it is the shell."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from tests.rigs.any_server import any_server
from tests.rigs.console_rig import (
    PASSWORD,
    ConsoleRig,
    Visitor,
    add_users,
    console_of,
)
from tokenless.services.changes.console_users import add_user, delete_user
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console import console as console_module
from tokenless.services.console.sessions import COOKIE
from tokenless.services.store.audit import read_audit
from tokenless.services.store.console_users import ConsoleRole

PATIENCE_S = 60


@asynccontextmanager
async def shell(
    console: ConsoleRig, visitor: Visitor, origin: str | None = None
) -> AsyncIterator[WebSocketConnection]:
    """Open the shell as a browser's page does."""
    context = any_server()
    cookie = visitor.client.cookies.get(COOKIE, "")
    headers = [
        (b"cookie", f"{COOKIE}={cookie}".encode()),
        (b"origin", (console.base if origin is None else origin).encode()),
    ]
    url = console.base.replace("https", "wss") + "/shell"
    with trio.fail_after(PATIENCE_S):
        async with open_websocket_url(
            url, ssl_context=context, extra_headers=headers
        ) as socket:
            yield socket


async def until_done(socket: WebSocketConnection, answer: str = "") -> str:
    """Return what a command prints; answer its questions."""
    said = ""
    while True:
        message = json.loads(await socket.get_message())
        said += message.get("say", "")
        if "ask" in message:
            await socket.send_message(json.dumps({"answer": answer}))
        if "done" in message:
            return f"{said}{message['error'] or ''}"


async def test_it_is_the_shell_with_the_users_name(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with shell(console, alice) as socket:
            await socket.send_message(json.dumps({"node": lab.publisher.name}))
            line = {"line": "utils ctl set-cluster mixed-mode"}
            await socket.send_message(json.dumps(line))
            assert "Cluster set to Mixed Mode" in await until_done(socket, "y")
            await socket.send_message(json.dumps({"line": "show nothing"}))
            assert "no such command" in await until_done(socket)
            # Files of the server are out of its reach.
            line = {"line": "set cert import trust Phone-SAST-trust /etc/passwd"}
            await socket.send_message(json.dumps(line))
            assert "outside of this shell's folder" in await until_done(socket)
    assert lab.is_mixed
    with lab.store.read() as connection:
        assert read_audit(connection)[-1].by == "alice"


MODE = json.dumps({"line": "utils ctl set-cluster mixed-mode"})


async def test_it_ends_with_the_session(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with shell(console, alice) as socket:
            await socket.send_message(json.dumps({"node": lab.publisher.name}))
            await socket.send_message(json.dumps({"line": "show myself"}))
            await until_done(socket)
            await alice.post("/sign-out")
            await socket.send_message(MODE)
            assert "not signed in any longer" in await until_done(socket, "y")
    assert not lab.is_mixed


async def test_it_ends_with_the_role_also_before_an_answer(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        async with shell(console, alice) as socket:
            await socket.send_message(json.dumps({"node": lab.publisher.name}))
            await socket.send_message(MODE)
            assert "ask" in json.loads(await socket.get_message())
            delete_user(lab, "alice", by="test")
            add_user(lab, "alice", ConsoleRole.READ, PASSWORD, by="test")
            await socket.send_message(json.dumps({"answer": "y"}))
            assert "your role has changed" in await until_done(socket)
    assert not lab.is_mixed


async def refused(visitor: Visitor, origin: str) -> int:
    """Return the status that a browser's request for a WebSocket gets."""
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        "origin": origin,
    }
    response = await visitor.client.get("/shell", headers=headers)
    return response.status_code


@pytest.mark.parametrize("name", ["ray", None])
async def test_it_is_for_the_role_change_only(lab: Cluster, name: str | None) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        visitor = console.visitor() if name is None else await console.signed_in(name)
        assert await refused(visitor, console.base) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_another_sites_page_cannot_open_it(lab: Cluster, origin: str) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        assert await refused(alice, origin) == 403


async def is_hung_up(console: ConsoleRig, visitor: Visitor, message: str) -> bool:
    """Send one message as the first of a shell; return whether the console ends it."""
    context = any_server()
    host, _, port = console.base.removeprefix("https://").partition(":")
    cookie = f"{COOKIE}={visitor.client.cookies[COOKIE]}".encode()
    headers = [(b"cookie", cookie), (b"origin", console.base.encode())]
    peer = WSConnection(ConnectionType.CLIENT)
    stream = await trio.open_ssl_over_tcp_stream(
        host, int(port), ssl_context=context, https_compatible=True
    )
    async with stream:
        asked = Request(host=f"{host}:{port}", target="/shell", extra_headers=headers)
        await stream.send_all(peer.send(asked))
        with trio.move_on_after(PATIENCE_S):
            while data := await stream.receive_some():
                peer.receive_data(bytes(data))
                for event in peer.events():
                    if isinstance(event, AcceptConnection):
                        await stream.send_all(peer.send(TextMessage(data=message)))
                    if isinstance(event, CloseConnection):
                        return True
            return True
    return False


async def test_nonsense_ends_it(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for nonsense in ("{", '{"run": "x"}', json.dumps({"line": "x" * 20_000})):
            assert await is_hung_up(console, alice, nonsense)
        assert (await alice.get("/")).status_code == 200


async def test_questions_that_nobody_answers_hold_up_no_other_answer(
    lab: Cluster,
) -> None:
    """As in a class: everybody reads the same question at the same time."""
    add_users(lab)
    async with console_of(lab) as console, AsyncExitStack() as stack:
        alice = await console.signed_in("alice")
        sockets = [
            await stack.enter_async_context(shell(console, alice)) for _ in range(9)
        ]
        for socket in sockets[:8]:
            await socket.send_message(json.dumps({"node": lab.publisher.name}))
            await socket.send_message(MODE)
            assert "ask" in json.loads(await socket.get_message())
        assert (await alice.get("/")).status_code == 200
        await sockets[0].send_message(json.dumps({"answer": "y"}))
        assert "Cluster set to Mixed Mode" in await until_done(sockets[0])


async def test_a_command_too_many_is_refused_and_not_queued(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "_SHELL_THREADS", 2)
    add_users(lab)
    async with console_of(lab) as console, AsyncExitStack() as stack:
        alice = await console.signed_in("alice")
        sockets = [
            await stack.enter_async_context(shell(console, alice)) for _ in range(3)
        ]
        *asked, last = sockets
        for socket in sockets:
            await socket.send_message(json.dumps({"node": lab.publisher.name}))
        for socket in asked:
            await socket.send_message(MODE)
            assert "ask" in json.loads(await socket.get_message())
        await last.send_message(MODE)
        refusal = await until_done(last, "y")
        assert refusal.startswith("2 commands of this console run or wait")
        assert refusal.endswith("Nothing was carried out.")
        assert not lab.is_mixed
        # Once one is answered there is room again.
        await asked[0].send_message(json.dumps({"answer": "n"}))
        await until_done(asked[0])
        await last.send_message(MODE)
        assert "Cluster set to Mixed Mode" in await until_done(last, "y")
