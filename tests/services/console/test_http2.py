"""Browsers that attack over HTTP/2: each connection ends alone, and keeps nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import pytest
import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from hypercorn.protocol.h2 import H2Protocol

from tests.rigs.any_server import any_server, open_http2
from tests.rigs.console_rig import ConsoleRig, add_users, console_of
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.bounds import browsers
from tokenless.services.console.bounds.http2_frames import MAX_SETTINGS
from tokenless.services.console.sessions import COOKIE

_STATIC = "/static/htmx.min.js"
_PATIENCE_S: Final = 30.0
_SETTINGS = 4


class RawBrowser:
    """Sends what no browser sends."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream], host: str) -> None:
        self.stream = stream
        self.host = host
        self.talk = H2Connection(H2Configuration(validate_outbound_headers=False))
        self.talk.initiate_connection()
        self._events: list[Event] = []

    async def flush(self) -> None:
        await self.stream.send_all(self.talk.data_to_send())

    def ask(
        self,
        number: int,
        *more: tuple[str, str],
        method: str = "GET",
        path: str = "/sign-in",
        ends: bool = True,
    ) -> None:
        headers = [
            *((":method", method), (":scheme", "https"), (":path", path)),
            *((":authority", self.host), *more),
        ]
        self.talk.send_headers(number, headers, end_stream=ends)

    def shell(self, number: int, cookie: str) -> None:
        self.ask(
            number,
            (":protocol", "websocket"),
            ("sec-websocket-version", "13"),
            ("origin", f"https://{self.host}"),
            ("cookie", f"{COOKIE}={cookie}"),
            method="CONNECT",
            path="/shell",
            ends=False,
        )

    async def next(self, *kinds: type[Event]) -> Event | None:
        """Return the next event of a kind; None at the connection's end."""
        with trio.fail_after(_PATIENCE_S):
            while True:
                while self._events:
                    event = self._events.pop(0)
                    if isinstance(event, kinds):
                        return event
                try:
                    data = await self.stream.receive_some()
                except trio.BrokenResourceError:
                    return None
                if not data:
                    return None
                self._events += self.talk.receive_data(data)


@asynccontextmanager
async def raw_browser(console: ConsoleRig) -> AsyncIterator[RawBrowser]:
    """Open a connection of HTTP/2 that nothing was sent on."""
    stream = await open_http2(console.base)
    browser = RawBrowser(stream, httpx.URL(console.base).netloc.decode())
    try:
        yield browser
    finally:
        await trio.aclose_forcefully(stream)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[H2Protocol]:
    """Return the server's side of connections, the oldest first."""
    made: list[H2Protocol] = []
    initiate = H2Protocol.initiate

    async def noted(self: H2Protocol) -> None:
        made.append(self)
        await initiate(self)

    monkeypatch.setattr(H2Protocol, "initiate", noted)
    return made


async def test_settings_without_end_are_refused(
    lab: Cluster, connections: list[H2Protocol]
) -> None:
    """65,000 identifiers took 27 MB of a connection, and time with each SETTINGS."""
    async with console_of(lab) as console, raw_browser(console) as browser:
        await browser.flush()
        one = b"".join(
            (each << 32 | 1).to_bytes(6) for each in range(100, 100 + MAX_SETTINGS)
        )
        header = len(one).to_bytes(3) + bytes([_SETTINGS, 0, 0, 0, 0, 0])
        await browser.stream.send_all(header + one)
        end = await browser.next(ConnectionTerminated)
        assert isinstance(end, ConnectionTerminated)
        assert end.error_code is ErrorCodes.ENHANCE_YOUR_CALM
        (served,) = connections
        assert len(served.connection.remote_settings) < MAX_SETTINGS
        assert (await console.visitor().client.get("/sign-in")).status_code == 200


async def test_every_request_of_a_long_connection_is_answered(
    lab: Cluster, connections: list[H2Protocol]
) -> None:
    """The thousandth was carried out, and its answer never came."""
    async with (
        console_of(lab) as console,
        httpx.AsyncClient(
            base_url=console.base, verify=any_server(), http2=True, timeout=30
        ) as client,
    ):
        for _ in range(1010):
            answer = await client.get("/static/icon.svg")
            assert answer.status_code == 200
    assert len(connections) == 2, "the first ended when nothing was under way"


async def test_an_answer_that_breaks_off_is_reset_and_dropped(
    lab: Cluster, connections: list[H2Protocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes and its stream were kept as long as the connection."""
    monkeypatch.setattr(browsers, "READ_S", 0.2)
    async with console_of(lab) as console, raw_browser(console) as browser:
        browser.talk.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        form = ("content-type", "application/x-www-form-urlencoded")
        browser.ask(1, form, method="POST", ends=False)  # keeps the connection
        asked = set(range(3, 23, 2))
        for number in asked:
            browser.ask(number, path=_STATIC)
        await browser.flush()
        while asked:
            event = await browser.next(StreamReset)
            assert isinstance(event, StreamReset)
            asked.discard(event.stream_id)
        (served,) = connections
        assert not any(each.buffer for each in served.stream_buffers.values())


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((":scheme", "https"), (":path", "/shell"), (":protocol", "connect-udp")),
    ],
)
async def test_tunnels_are_refused_alone(
    lab: Cluster, headers: tuple[tuple[str, str], ...]
) -> None:
    async with console_of(lab) as console, raw_browser(console) as browser:
        tunnel = [(":method", "CONNECT"), *headers, (":authority", browser.host)]
        browser.talk.send_headers(1, tunnel)
        browser.ask(3)
        await browser.flush()
        refused = await browser.next(StreamReset, ResponseReceived)
        assert isinstance(refused, StreamReset)
        answer = await browser.next(ResponseReceived)
        assert isinstance(answer, ResponseReceived)
        assert answer.stream_id == 3


async def test_a_browser_that_ends_its_half_has_left_the_shell(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console, raw_browser(console) as browser:
        alice = await console.signed_in("alice")
        browser.shell(1, alice.client.cookies[COOKIE])
        await browser.flush()
        assert isinstance(await browser.next(ResponseReceived), ResponseReceived)
        browser.talk.end_stream(1)
        await browser.flush()
        assert await browser.next(StreamEnded) is not None


async def test_a_shell_that_pings_and_does_not_read_ends(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task that reads the connection waited in it for ever."""
    from tokenless.services.console.bounds import websockets  # noqa: PLC0415

    monkeypatch.setattr(websockets, "READ_S", 0.2)
    add_users(lab)
    async with console_of(lab) as console, raw_browser(console) as browser:
        alice = await console.signed_in("alice")
        browser.talk.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        browser.shell(1, alice.client.cookies[COOKIE])
        await browser.flush()
        assert isinstance(await browser.next(ResponseReceived), ResponseReceived)
        ping = bytes([0x89, 0x80 | 120]) + bytes(4) + bytes(120)
        for _ in range(8):
            browser.talk.send_data(1, ping * 50)
            await browser.flush()
        assert await browser.next(StreamEnded, StreamReset) is None


async def test_data_after_the_answer_ends_its_stream_alone(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenless.services.console import guard  # noqa: PLC0415

    monkeypatch.setattr(guard, "_READ_S", 0.2)
    async with console_of(lab) as console, raw_browser(console) as browser:
        # Together more than a window: what is dropped gives its room back.
        for number in range(1, 11, 2):
            browser.ask(number, method="POST", path="/nowhere", ends=False)
            await browser.flush()
            assert await browser.next(StreamEnded) is not None
            browser.talk.send_data(number, bytes(browser.talk.max_outbound_frame_size))
            await browser.flush()
            assert await browser.next(StreamReset) is not None
        browser.ask(11)
        await browser.flush()
        assert isinstance(await browser.next(ResponseReceived), ResponseReceived)
