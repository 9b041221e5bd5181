"""`/metrics` and `/health` over a real socket, to clients of all kinds."""

import json
from functools import partial

import pytest
import trio

from tokenless.services.errors import ServiceError
from tokenless.services.metrics import SERVICE_STARTS
from tokenless.services.monitoring.health import (
    Health,
    NodeHealth,
    ServiceState,
    Verdict,
)
from tokenless.services.monitoring.http_server import serve_monitoring

_PLACES = 16


class Process:
    """Something that is looked at."""

    verdict = Verdict.OK

    def look(self) -> Health:
        node = NodeHealth(
            node="lab-pub",
            verdict=self.verdict,
            revision=3,
            services={"Cisco Tftp": ServiceState.STARTED},
            stale_since=None,
            reason=None,
        )
        return Health.of([node])


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def port(process: Process, nursery: trio.Nursery) -> int:
    serve = partial(serve_monitoring, process.look, address="127.0.0.1", port=0)
    _, port = await nursery.start(serve)
    return int(port)


async def ask(port: int, request: bytes) -> tuple[bytes, bytes]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request)
        received = b"".join([chunk async for chunk in stream])
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


async def test_metrics(port: int) -> None:
    SERVICE_STARTS.labels("lab-pub", "Cisco Tftp").inc()
    head, body = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"text/plain; version=0.0.4" in head
    assert b'tokenless_service_starts_total{node="lab-pub"' in body


@pytest.mark.parametrize(
    ("path", "verdict", "status"),
    [
        ("health", Verdict.OK, 200),
        ("health", Verdict.DEGRADED, 200),
        ("health", Verdict.FAILING, 503),
        ("ready", Verdict.OK, 200),
        ("ready", Verdict.DEGRADED, 503),
        ("live?x", Verdict.FAILING, 200),  # its other service still serves
    ],
)
async def test_health(
    process: Process, port: int, path: str, verdict: Verdict, status: int
) -> None:
    process.verdict = verdict
    head, body = await ask(port, f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["verdict"] == verdict
    assert json.loads(body)["nodes"][0]["services"] == {"Cisco Tftp": "STARTED"}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /READY HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"x" * 9000,
    ],
)
async def test_nothing_else(port: int, request_bytes: bytes) -> None:
    head, _ = await ask(port, request_bytes)
    assert head.startswith(b"HTTP/1.1 4")


async def test_those_who_leave_in_the_middle_take_no_place(port: int) -> None:
    for _ in range(2 * _PLACES):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"GET /metr")
        await stream.aclose()
    head, _ = await ask(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")


async def test_those_who_say_nothing_are_sent_away(
    process: Process, autojump_clock: trio.testing.MockClock
) -> None:
    # The clock leaps whenever everybody waits: the socket's other end is in this loop.
    _ = autojump_clock
    async with trio.open_nursery() as nursery:
        serve = partial(serve_monitoring, process.look, address="127.0.0.1", port=0)
        _, port = await nursery.start(serve)
        async with await trio.open_tcp_stream("127.0.0.1", port) as silent:
            assert await silent.receive_some() == b""
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_said_in_one_line(process: Process, port: int) -> None:
    with pytest.raises(ServiceError, match=f"port {port}") as refused:
        await serve_monitoring(process.look, address="127.0.0.1", port=port)
    assert refused.value.hint is not None


async def test_many_who_say_nothing_hold_few_descriptors(port: int) -> None:
    silent = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(100)]
    # A hundred sockets of clients, and no more than the places at the other end.
    for stream in silent[: 100 - _PLACES]:
        assert await stream.receive_some() == b""
    head, _ = await ask(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    for stream in silent:
        await trio.aclose_forcefully(stream)
