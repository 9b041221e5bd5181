"""Connections that go wrong: each ends alone, and the console answers the others."""

import httpx
import trio
import trio.testing
from h2.config import H2Configuration
from h2.connection import H2Connection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.rigs.any_server import any_server, open_http2
from tests.rigs.console_rig import ConsoleRig, add_users, console_of
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.events import until_left
from tokenless.services.console.forms import MAX_BODY_BYTES
from tokenless.services.console.guard import Protection

_LONG = bytes(4 * MAX_BODY_BYTES)
_ANSWERS = {"/sign-in": 400, "/ccmadmin/phones": 303, "/nowhere": 404}
"""The form of the sign-in has no file, however short."""


async def test_a_stranger_whose_form_is_too_long_is_told_so_over_http_2(
    lab: Cluster,
) -> None:
    """Browsers speak HTTP/2: an answer before the form's end broke the connection."""
    add_users(lab)
    async with console_of(lab) as console:
        async with httpx.AsyncClient(
            base_url=console.base, verify=any_server(), http2=True, timeout=60
        ) as stranger:
            await stranger.get("/sign-in")
            for path, status in _ANSWERS.items():
                long = await stranger.post(path, files={"file": _LONG})
                assert long.http_version == "HTTP/2"
                assert long.status_code == status, path
        assert await console.signed_in("ray") is not None


async def test_bytes_that_no_browser_sends_end_their_own_connection(
    lab: Cluster,
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        assert await _answer_to_path(console, b"/sign-in")
        assert await _answer_to_path(console, b"/\xff") == b""
        assert (await ray.get("/")).status_code == 200


async def test_an_answer_does_not_wait_for_the_browsers_leave(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Files and streams look out for it from their beginning, beside the answer."""
    sent: list[str] = []
    whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in whole:
            await trio.sleep(1)
            return message
        await trio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message["type"])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with until_left(receive):
            await trio.testing.wait_all_tasks_blocked()  # the look-out came first
            await Response("x")(scope, receive, send)

    began = autojump_clock.current_time()
    await Protection(app)({"type": "http"}, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert autojump_clock.current_time() == began + 1


async def _answer_to_path(console: ConsoleRig, path: bytes) -> bytes:
    """Ask for a path over HTTP/2; return what comes until the answer or the end."""
    stream = await open_http2(console.base)
    talk = H2Connection(H2Configuration(header_encoding=None))
    talk.initiate_connection()
    host = httpx.URL(console.base).netloc
    talk.send_headers(
        1,
        [
            (b":method", b"GET"),
            (b":path", path),
            (b":scheme", b"https"),
            (b":authority", host),
        ],
        end_stream=True,
    )
    async with stream:
        await stream.send_all(talk.data_to_send())
        answer = b""
        while not answer:
            try:
                data = await stream.receive_some()
            except trio.BrokenResourceError:
                break
            if not data:
                break
            for event in talk.receive_data(data):
                answer += getattr(event, "data", b"")
        return answer
