"""Strangers who open many connections or do not read: others and the end go on."""

from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived
from h2.settings import SettingCodes, Settings
from starlette.types import Message, Receive, Scope, Send

from tests.rigs.any_server import any_server
from tests.rigs.console_rig import ConsoleRig, add_users, console_of
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.bounds import browsers
from tokenless.services.console.bounds.browsers import Browsers, only_for_readers

_STATIC = "/static/htmx.min.js"


def _open_descriptors() -> list[Path]:
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(each.readlink())
        except OSError:
            continue  # that of the look itself
    return found


async def _stranger(
    console: ConsoleRig, protocol: str
) -> trio.SSLStream[trio.SocketStream]:
    url = httpx.URL(console.base)
    context = any_server()
    context.set_alpn_protocols([protocol])
    assert url.port is not None
    stream = await trio.open_ssl_over_tcp_stream(
        url.host, url.port, ssl_context=context, https_compatible=True
    )
    await stream.do_handshake()
    return stream


async def test_files_that_nobody_reads_hold_no_descriptor(lab: Cluster) -> None:
    """HTTP/2: a window of zero holds up each answer, and each had a file open."""
    add_users(lab)
    async with console_of(lab) as console:
        stream = await _stranger(console, "h2")
        talk = H2Connection(H2Configuration(header_encoding=None))
        window = {SettingCodes.INITIAL_WINDOW_SIZE: 0}
        talk.local_settings = Settings(client=True, initial_values=window)
        talk.initiate_connection()
        asked = range(1, 40, 2)
        for number in asked:
            path = (b":path", _STATIC.encode())
            rest = [(b":scheme", b"https"), (b":authority", b"127.0.0.1")]
            talk.send_headers(number, [(b":method", b"GET"), path, *rest], True)
        await stream.send_all(talk.data_to_send())
        begun: set[int] = set()
        while begun != set(asked):
            data = await stream.receive_some()
            assert data, "the console has ended the connection"
            for event in talk.receive_data(bytes(data)):
                if isinstance(event, ResponseReceived):
                    begun.add(event.stream_id)
        assert not [each for each in _open_descriptors() if each.suffix == ".js"]
        await trio.aclose_forcefully(stream)


async def test_a_stranger_who_does_not_read_cannot_keep_the_console_from_ending(
    lab: Cluster,
) -> None:
    add_users(lab)
    with trio.fail_after(60):
        async with console_of(lab) as console:
            stream = await _stranger(console, "http/1.1")
            request = f"GET {_STATIC} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            await stream.send_all(request.encode() * 300)
            await trio.testing.wait_all_tasks_blocked(0.3)  # nothing moves any longer
        await trio.aclose_forcefully(stream)


class _App:
    """Answers with a long body."""

    body = bytes(range(250)) * 1000

    def __init__(self) -> None:
        self.has_ended = False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": self.body})
        finally:
            self.has_ended = True


async def _nothing() -> Message:
    raise AssertionError


async def test_an_answer_that_nobody_reads_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    app = _App()

    async def stuck(_: Message) -> None:
        await trio.sleep_forever()

    began = autojump_clock.current_time()
    await only_for_readers(app)({"type": "http"}, _nothing, stuck)
    assert app.has_ended
    assert autojump_clock.current_time() == began + browsers.READ_S


async def test_a_slow_reader_is_sent_all(
    autojump_clock: trio.testing.MockClock,
) -> None:
    got: list[Message] = []

    async def slow(message: Message) -> None:
        await trio.sleep(browsers.READ_S - 1)
        got.append(message)

    began = autojump_clock.current_time()
    await only_for_readers(_App())({"type": "http"}, _nothing, slow)
    assert autojump_clock.current_time() > began + browsers.READ_S
    assert b"".join(each.get("body", b"") for each in got) == _App.body
    assert [each["more_body"] for each in got[1:]] == [True] * (len(got) - 2) + [False]


class _Unending:
    """Makes pages that are never whole."""

    def __init__(self) -> None:
        self.asked = self.running = 0

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        self.asked += 1
        self.running += 1
        try:
            await trio.sleep_forever()
        finally:
            self.running -= 1


async def test_answers_of_one_connection_are_bounded_and_end_with_it(
    nursery: trio.Nursery,
) -> None:
    client, server = await _pair()
    app = _Unending()
    with Browsers().admit(server) as browser:
        answered = browser.bounded(app)
        for _ in range(browsers.MAX_ANSWERS):
            nursery.start_soon(answered, {"type": "http"}, _nothing, _dropped)
        await trio.testing.wait_all_tasks_blocked()
        assert app.running == browsers.MAX_ANSWERS
        await answered({"type": "http"}, _nothing, _dropped)
        await trio.testing.wait_all_tasks_blocked()
        assert app.running == 0
        assert app.asked == browsers.MAX_ANSWERS
        assert await client.receive_some() == b"", "it is cut"
    await client.aclose()


async def test_answers_end_when_the_browser_has_gone(nursery: trio.Nursery) -> None:
    client, server = await _pair()
    app = _Unending()
    with Browsers().admit(server) as browser:
        answered = browser.bounded(app)
        nursery.start_soon(answered, {"type": "http"}, _nothing, _dropped)
        await client.send_all(b"x")
        assert await browser.receive_some() == b"x"
        await trio.testing.wait_all_tasks_blocked()
        assert app.running == 1
        await client.aclose()
        assert await browser.receive_some() == b""
        await trio.testing.wait_all_tasks_blocked()
        assert app.running == 0
    await server.aclose()


async def test_pages_that_a_browser_asks_for_and_gives_up_are_not_made(
    lab: Cluster,
) -> None:
    """HTTP/2's limit of streams does not count those that were reset."""
    add_users(lab)
    async with console_of(lab) as console:
        stream = await _stranger(console, "h2")
        talk = H2Connection(H2Configuration(header_encoding=None))
        talk.initiate_connection()
        head = [(b":method", b"GET"), (b":path", b"/sign-in")]
        rest = [(b":scheme", b"https"), (b":authority", b"127.0.0.1")]

        async def ask_and_give_up() -> None:
            for number in range(1, 100_001, 2):
                talk.send_headers(number, [*head, *rest], True)
                talk.reset_stream(number)
                if number % 1000 == 1:
                    await stream.send_all(talk.data_to_send())

        with pytest.raises(trio.BrokenResourceError):
            await ask_and_give_up()
        await trio.aclose_forcefully(stream)


async def _dropped(_: Message) -> None:
    await trio.lowlevel.checkpoint()


async def _pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        return client, await listener.accept()


async def test_a_peer_that_does_not_read_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browsers, "READ_S", 0.2)
    client, server = await _pair()
    with Browsers().admit(server) as browser, pytest.raises(trio.BrokenResourceError):
        await browser.send_all(bytes(64 * 1024 * 1024))
    await client.aclose()


async def test_one_connection_too_many_costs_the_oldest_of_the_greediest() -> None:
    most = Browsers(2)
    pairs = [await _pair() for _ in range(3)]
    with (
        most.admit(pairs[0][1]) as first,
        most.admit(pairs[1][1]) as second,
        most.admit(pairs[2][1]) as third,
    ):
        ends = [each.socket.fileno() < 0 for each in (first, second, third)]
    assert ends == [True, False, False]
    for client, server in pairs:
        await client.aclose()
        await trio.aclose_forcefully(server)
