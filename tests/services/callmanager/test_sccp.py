"""An SCCP phone at a real socket: it registers, asks, lives and leaves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trio

from tests.rigs.uncollected import alive, uncollected
from tests.rigs.waiting import until
from tokenless.protocol.phones.registration import (
    DeviceProfile,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import SccpStream, encode_frame
from tokenless.protocol.sccp.layout import Message
from tokenless.services.callmanager.leg import CallFailure
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Absence, Registration
from tokenless.services.callmanager.sccp.guest import (
    SccpCount,
    SccpGuest,
    SccpSession,
    SccpSettings,
)
from tokenless.services.callmanager.switch import Switch
from tokenless.services.stream_server.counters import FIRST_GUEST_CELL
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import Port, StreamLimits, StreamSettings

PHONE = "SEP001122334455"
NOW = datetime(2026, 11, 28, 21, 30, 5, tzinfo=UTC)


@dataclass
class Rig:
    registrar: Registrar
    server: StreamServer
    address: tuple[str, int]
    changes: list[Registration | Absence] = field(default_factory=list)

    def count(self, count: SccpCount) -> int:
        return self.server.counters[FIRST_GUEST_CELL + count]


@asynccontextmanager
async def running(
    settings: SccpSettings = SccpSettings(),  # noqa: B008
    clock_s: Callable[[], float] = lambda: 0.0,
    limits: StreamLimits = StreamLimits(),  # noqa: B008
) -> AsyncIterator[Rig]:
    changes: list[Registration | Absence] = []
    devices = {PHONE: DeviceProfile(PHONE, Signalling.SCCP, device_types=(437,))}
    registrar = Registrar(
        devices.get, clock=lambda: 100, max_devices=10, on_change=changes.append
    )

    def make_guest(tools: GuestTools) -> SccpGuest:
        return SccpGuest(
            registrar,
            settings,
            tools,
            node="pub",
            number_of=lambda _device: "1001",
            switch=Switch(lambda _number: CallFailure.UNKNOWN_NUMBER),
            now=lambda: NOW,
            clock_s=clock_s,
        )

    server = StreamServer(
        StreamSettings("SCCP", (Port("127.0.0.1", 0, None),), limits),
        make_guest,
        guest_cells=len(SccpCount),
    )
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(server.serve)
        yield Rig(registrar, server, address, changes)
        nursery.cancel_scope.cancel()


class Client:
    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._sccp = SccpStream()
        self._read: list[Message] = []

    async def send(self, *messages: Message, version: int = 20) -> None:
        data = b"".join(encode_frame(each, version) for each in messages)
        await self._stream.send_all(data)

    async def next(self) -> object:
        while not self._read:
            data = await self._stream.receive_some()
            if not data:
                return None
            self._read += [each.message for each in self._sccp.receive(data)]  # type: ignore[misc]
        return self._read.pop(0)

    async def close(self) -> None:
        await self._stream.aclose()

    async def register(self, name: str = PHONE, device_type: int = 437) -> object:
        await self.send(
            requests.Alarm(text=f"25: Name={name} Load=x Last=Initialized"),
            requests.Register(name, device_type=device_type, load_name="SCCP75.9-3-1"),
            requests.IpPort(16384),
            version=0,
        )
        return await self.next()


@asynccontextmanager
async def connected(rig: Rig) -> AsyncIterator[Client]:
    async with await trio.open_tcp_stream(*rig.address) as stream:
        yield Client(stream)


async def test_messages_that_are_not_sent_are_not_promised() -> None:
    """All texts have their fixed forms here (REFERENCE-4 1.1)."""
    async with running() as rig, connected(rig) as phone:
        await phone.send(requests.Register(PHONE, device_type=437, features=0x85F2))
        acknowledged = await phone.next()
        assert isinstance(acknowledged, answers.RegisterAck)
        assert acknowledged.features == 0x8572


async def test_a_phone_registers_and_asks() -> None:
    """The sequence of REFERENCE-3 4.4."""
    async with running() as rig, connected(rig) as phone:
        acknowledged = await phone.register()
        assert isinstance(acknowledged, answers.RegisterAck)
        assert acknowledged.keepalive_s == 30
        assert acknowledged.max_protocol == 20
        assert await phone.next() == answers.CapabilitiesReq()
        await phone.send(
            requests.CapabilitiesRes(),
            requests.ButtonTemplateReq(),
            requests.SoftKeyTemplateReq(),
            requests.SoftKeySetReq(),
            requests.ConfigStatReq(),
            requests.LineStatReq(1),
            requests.ForwardStatReq(1),
            requests.RegisterAvailableLines(2),
            requests.TimeDateReq(),
            requests.KeepAlive(),
        )
        kinds = [type(await phone.next()) for _ in range(8)]
        assert kinds == [
            answers.ButtonTemplate,
            answers.SoftKeyTemplate,
            answers.SoftKeySet,
            answers.ConfigStat,
            answers.LineStat,
            answers.ForwardStat,
            answers.DefineTimeDate,
            answers.KeepAliveAck,
        ]
        found = rig.registrar.find(PHONE)
        assert found is not None
        assert found.load == "SCCP75.9-3-1"
        await phone.send(requests.Unregister())
        assert await phone.next() == answers.UnregisterAck()
        (absence,) = rig.registrar.absences()
        assert absence.reason is UnregisterReason.DEVICE_UNREGISTERED


async def test_questions_whose_answers_are_in_no_source_get_none() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone.register()
        await phone.next()
        await phone.send(requests.ServerReq(), requests.FeatureStatReq(1))
        await phone.send(requests.KeepAlive())
        assert await phone.next() == answers.KeepAliveAck()
        assert rig.registrar.find(PHONE) is not None


async def test_the_line_has_its_number() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone.register()
        await phone.next()
        await phone.send(requests.LineStatReq(1), requests.TimeDateReq())
        assert await phone.next() == answers.LineStat(1, "1001", "1001", "1001")
        assert await phone.next() == answers.DefineTimeDate(
            2026, 11, 6, 28, 21, 30, 5, 0, int(NOW.timestamp())
        )


async def test_an_unknown_device_is_told_so() -> None:
    async with running() as rig, connected(rig) as phone:
        refused = await phone.register("SEPFFFFFFFFFFFF")
        assert refused == answers.RegisterReject("Device Unknown")
        assert await phone.next() is None
        assert rig.count(SccpCount.REFUSED) == 1


async def test_nothing_is_answered_before_a_registration() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone.send(
            requests.LineStatReq(1), requests.ConfigStatReq(), requests.KeepAlive()
        )
        assert await phone.next() == answers.KeepAliveAck()
        assert rig.count(SccpCount.IGNORED) == 2


async def test_a_lost_connection_ends_the_registration() -> None:
    async with running() as rig:
        async with connected(rig) as phone:
            await phone.register()
        while rig.registrar.find(PHONE):
            await trio.testing.wait_all_tasks_blocked()
        (absence,) = rig.registrar.absences()
        assert absence.reason is UnregisterReason.CONNECTIVITY_ERROR


async def test_a_silent_phone_is_taken_out() -> None:
    async with running(SccpSettings(keepalive_s=1)) as rig, connected(rig) as phone:
        await phone.register()
        await phone.next()
        assert await phone.next() is None
        (absence,) = rig.registrar.absences()
        assert absence.reason is UnregisterReason.KEEPALIVE_TIMEOUT


async def test_a_second_connection_takes_the_device_over() -> None:
    async with running() as rig, connected(rig) as old, connected(rig) as new:
        await old.register()
        await old.next()
        assert isinstance(await new.register(), answers.RegisterAck)
        assert await old.next() is None
        assert rig.registrar.find(PHONE) is not None


async def test_a_phone_is_told_to_reset_and_may_come_back() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone.register()
        await phone.next()
        rig.registrar.dismiss(PHONE, UnregisterReason.CALLMANAGER_RESTART)
        assert await phone.next() == answers.Reset(answers.ResetType.RESTART)
        assert await phone.next() is None


async def test_a_phone_may_come_back_when_it_has_waited() -> None:
    clock = [1000.0]
    settings = SccpSettings(token_wait_s=90)
    async with running(settings, lambda: clock[0]) as rig, connected(rig) as phone:
        for now, answer in (
            (1000.0, answers.RegisterTokenReject(90)),
            (1060.5, answers.RegisterTokenReject(30)),
            (1090.0, answers.RegisterTokenAck()),
        ):
            clock[0] = now
            await phone.send(requests.RegisterTokenReq(PHONE))
            assert await phone.next() == answer


async def test_a_malformed_frame_ends_its_connection_only() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone.register()
        await phone.next()
        async with await trio.open_tcp_stream(*rig.address) as hostile:
            await hostile.send_all(b"\xff" * 12)
            assert await hostile.receive_some() == b""
        await phone.send(requests.KeepAlive())
        assert await phone.next() == answers.KeepAliveAck()


async def test_nothing_of_an_ended_connection_stays() -> None:
    with uncollected():
        async with running() as rig:
            async with connected(rig) as phone:
                await phone.register()
                assert alive(SccpSession) == 1
            await until(lambda: alive(SccpSession) == 0)
