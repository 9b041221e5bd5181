"""Servers that drop, flood or contradict themselves: a phone ends with a reason.

The server is a function at the other end of a stream in memory; its time is virtual.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair

from tokenless.phone_emulator.registration import link
from tokenless.phone_emulator.registration.channels import UnusableServerError
from tokenless.phone_emulator.registration.group import Group, Node
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import (
    register_in_order,
    report_of,
)
from tokenless.phone_emulator.registration.report import Failure, RegistrationReport
from tokenless.phone_emulator.registration.talkers.events import (
    CallStage,
    LastOut,
    ShownCall,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import SccpStream, encode_frame

ME = PhoneIdentity(device="SEP001122334455", model_name="7975", servers=())
AT = Node("pub", Server("127.0.0.1", 2000), 0)
ACK = encode_frame(answers.RegisterAck(keepalive_s=30, max_protocol=20), 0)
RESET = encode_frame(answers.Reset(answers.ResetType.RESET), 0)
REJECT = encode_frame(answers.RegisterReject("Device Unknown"), 0)
ALIVE = encode_frame(answers.KeepAliveAck(), 0)
ASK = encode_frame(answers.CapabilitiesReq(), 0)

MOST = 13
"""Connections in a minute, with five seconds between them."""

Stream = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]
Handler = Callable[[Stream], Awaitable[None]]


class Wire:
    """A channel, and the connection that carries it."""

    local = ("127.0.0.1", 50_000)
    cipher = None

    def __init__(self, stream: Stream) -> None:
        self.channel = self
        self._stream = stream

    async def send(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            raise ProtocolError("it closed the connection") from None

    async def receive(self) -> bytes:
        if data := await self._stream.receive_some():
            return bytes(data)
        raise ProtocolError("it closed the connection")

    def close(self) -> None:
        self._stream.send_stream.close()  # type: ignore[attr-defined]
        self._stream.receive_stream.close()  # type: ignore[attr-defined]


@dataclass
class Hostile:
    """Every server that a phone connects to."""

    nursery: trio.Nursery
    serve: Handler | None = None
    connections: int = 0
    down: Server | None = None

    async def open(self, server: Server, *_: object) -> Wire:
        if server == self.down:
            raise UnusableServerError(Failure.UNREACHABLE, "it is down")
        ours, theirs = lockstep_stream_pair()
        self.connections += 1
        assert self.connections <= MOST, "it registers in a loop"
        self.nursery.start_soon(self._serve, theirs)
        return Wire(ours)

    async def _serve(self, stream: Stream) -> None:
        assert self.serve is not None
        try:
            async with stream:
                await self.serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the phone has gone


@pytest.fixture
async def hostile(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    made = Hostile(nursery)
    monkeypatch.setattr(link, "open_connection", made.open)
    return made


def answering(data: bytes, *, stays: bool = True) -> Handler:
    """Answer the first bytes of a phone, and no others."""

    async def serve(stream: Stream) -> None:
        await stream.receive_some()
        await stream.send_all(data)
        while stays and await stream.receive_some():
            pass

    return serve


async def flooding(stream: Stream) -> None:
    """Ask and ask, and read no answer."""
    while True:
        await stream.send_all(ASK)


async def obliging(stream: Stream) -> None:
    """Grant a registration, a token and a farewell."""
    granted = {
        requests.Register: ACK,
        requests.RegisterTokenReq: encode_frame(answers.RegisterTokenAck(), 0),
        requests.Unregister: encode_frame(answers.UnregisterAck(), 0),
        requests.KeepAlive: ALIVE,
    }
    received = SccpStream()
    while data := await stream.receive_some():
        for each in received.receive(bytes(data)):
            await stream.send_all(granted.get(type(each.message), b""))


async def registered() -> RegistrationReport:
    group = Group(Signalling.SCCP, (AT,))
    opened, attempts = await register_in_order(ME, group, 5.0)
    return report_of(ME, group, opened, attempts)


@pytest.mark.parametrize(
    "serve",
    [
        answering(ACK, stays=False),
        answering(ACK + REJECT),
        answering(ACK + RESET),
        answering(ACK + RESET, stays=False),
    ],
    ids=["drops", "refuses-at-once", "resets", "resets-and-drops"],
)
async def test_a_phone_does_not_register_in_a_loop(
    hostile: Hostile, serve: Handler, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    hostile.serve = serve
    line = Line(ME, Group(Signalling.SCCP, (AT,)), LineSettings(retry_s=5.0))
    last = LastOut.INITIALIZED
    with trio.move_on_after(60):
        while True:
            last = await line.run(last)
    assert 2 < hostile.connections <= MOST


async def test_a_server_that_reads_nothing_is_given_up(
    hostile: Hostile, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    hostile.serve = flooding
    (attempt,) = (await registered()).attempts
    assert (attempt.failure, attempt.said) == (
        Failure.SILENT,
        "the server reads nothing",
    )


async def test_a_server_that_never_stops_talking_is_given_up(
    hostile: Hostile, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def receive_at_once(_wire: Wire) -> bytes:
        # As a socket that always has data: never a moment to be cancelled in.
        await trio.lowlevel.cancel_shielded_checkpoint()
        autojump_clock.jump(0.5)
        return ALIVE

    hostile.serve = answering(b"")
    monkeypatch.setattr(Wire, "receive", receive_at_once)
    (attempt,) = (await registered()).attempts
    assert (attempt.failure, attempt.said) == (
        Failure.SILENT,
        "the server did not answer Register",
    )


async def test_a_phone_that_is_taken_and_refused_at_once_is_refused(
    hostile: Hostile, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    hostile.serve = answering(ACK + REJECT)
    report = await registered()
    assert not report.is_registered
    assert report.failure is Failure.REJECTED


async def test_a_phone_that_stops_keeps_the_reason_why_it_was_not_registered(
    hostile: Hostile, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    hostile.serve = answering(REJECT)
    line = Line(ME, Group(Signalling.SCCP, (AT,)))
    with trio.move_on_after(2):
        await line.run()
    assert line.report.failure is Failure.REJECTED


async def test_a_phone_comes_back_to_the_better_node_after_its_call(
    hostile: Hostile, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    _ = autojump_clock
    hostile.serve, hostile.down = obliging, AT.server
    nodes = (AT, Node("sub", Server("127.0.0.2", 2000), 1))
    line = Line(ME, Group(Signalling.SCCP, nodes))
    nursery.start_soon(line.run)
    assert await line.until(lambda line: line.report.node == "sub", 20)
    line.call = ShownCall(CallStage.CONNECTED, 1)
    hostile.down = None
    assert not await line.until(lambda line: line.report.node == "pub", 200)
    line.call = None
    assert await line.until(lambda line: line.report.node == "pub", 40)
    nursery.cancel_scope.cancel()


async def test_a_phone_without_a_configuration_is_to_boot_again(
    autojump_clock: MockClock,
) -> None:
    _ = autojump_clock
    line = Line(ME, Group(None, failure=Failure.NO_CONFIGURATION))
    with trio.fail_after(60):
        assert await line.run() is LastOut.INITIALIZED
    assert line.report.failure is Failure.NO_CONFIGURATION
