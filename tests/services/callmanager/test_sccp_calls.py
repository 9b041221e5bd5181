"""Two SCCP phones at a real socket call each other (REFERENCE-4 2.1)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
import trio

from tests.rigs.uncollected import alive, uncollected
from tests.rigs.waiting import until
from tests.services.callmanager.test_sccp import Client
from tokenless.protocol.phones.registration import DeviceProfile, Signalling
from tokenless.protocol.sccp import call, call_display, media
from tokenless.protocol.sccp.layout import Message
from tokenless.services.callmanager.leg import CallFailure, Leg
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.sccp.guest import (
    SccpCount,
    SccpGuest,
    SccpSession,
    SccpSettings,
)
from tokenless.services.callmanager.switch import Call, Switch
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import Port, StreamSettings

A, B = "SEP00000000000A", "SEP00000000000B"
NUMBERS = {A: "1001", B: "1000"}
HERE = IPv4Address("127.0.0.1")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Registrar, tuple[str, int]]]:
    devices = {name: DeviceProfile(name, Signalling.SCCP) for name in NUMBERS}
    registrar = Registrar(devices.get, clock=lambda: 100, max_devices=10)

    def leg_of(number: str) -> Leg | CallFailure:
        for device, known in NUMBERS.items():
            station = registrar.station(device)
            if known == number and isinstance(station, SccpSession):
                return station.calls.new_leg(station)
        return CallFailure.UNKNOWN_NUMBER

    switch = Switch(leg_of)

    def make_guest(tools: GuestTools) -> SccpGuest:
        return SccpGuest(
            registrar,
            SccpSettings(),
            tools,
            node="pub",
            number_of=NUMBERS.__getitem__,
            switch=switch,
            now=lambda: datetime(2026, 11, 28, tzinfo=UTC),
        )

    server = StreamServer(
        StreamSettings("SCCP", (Port("127.0.0.1", 0, None),)),
        make_guest,
        guest_cells=len(SccpCount),
    )
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(server.serve)
        yield registrar, address
        nursery.cancel_scope.cancel()


class Desk(Client):
    """A client that reads until a message of a kind comes."""

    seen: list[Message]

    async def until(self, kind: type[Message], **fields: object) -> Message:
        self.seen = []
        while True:
            message = await self.next()
            assert isinstance(message, Message), self.seen
            self.seen.append(message)
            if type(message) is kind and all(
                getattr(message, name) == value for name, value in fields.items()
            ):
                return message


@asynccontextmanager
async def two_phones() -> AsyncIterator[tuple[Desk, Desk]]:
    async with running() as (_, address):
        one = await trio.open_tcp_stream(*address)
        other = await trio.open_tcp_stream(*address)
        async with one, other:
            a, b = Desk(one), Desk(other)
            for phone, name in ((a, A), (b, B)):
                await phone.register(name, device_type=0)
                await phone.next()
            yield a, b


async def dial(phone: Desk, number: str) -> None:
    await phone.send(call.OffHook())
    await phone.until(call.StartTone, tone=call.Tone.INSIDE_DIAL)
    await phone.send(*(call.KeypadButton(int(digit)) for digit in number))


async def take_channel(phone: Desk) -> media.OpenReceiveChannel:
    """Read to where the phone is connected, which is before it has media."""
    opened = await phone.until(media.OpenReceiveChannel)
    assert isinstance(opened, media.OpenReceiveChannel)
    await phone.until(call_display.CallState, state=call.CallStateCode.CONNECTED)
    shown = await phone.until(call_display.CallInfo)
    assert isinstance(shown, call_display.CallInfo)
    assert shown.security == call.SecurityStatus.NOT_AUTHENTICATED
    await phone.until(call_display.SelectSoftKeys)
    return opened


async def connect(a: Desk, b: Desk) -> tuple[Message, Message]:
    """Take a call to the point where both phones send; return their orders to."""
    await dial(a, "1000")
    await b.until(call.SetRinger, mode=2)
    ringing = next(each for each in b.seen if isinstance(each, call_display.CallInfo))
    assert (ringing.calling_number, ringing.called_number) == ("1001", "1000")
    assert ringing.security == call.SecurityStatus.UNKNOWN
    await a.until(call_display.CallState, state=call.CallStateCode.RING_OUT)
    await b.send(call.OffHook())
    opened = [await take_channel(phone) for phone in (a, b)]
    # The numbers of streams are the node's, each used once (REFERENCE-4 1.5).
    assert opened[0].party != opened[1].party
    assert {each.party >> 24 for each in opened} == {1}
    orders = []
    # Each ack is answered at once with an order to the other phone (REFERENCE-4 2.1).
    for phone, other, channel, port in (
        (a, b, opened[0], 16384),
        (b, a, opened[1], 16386),
    ):
        await phone.send(
            media.OpenReceiveChannelAck(0, HERE, port, channel.party, channel.call)
        )
        order = await other.until(media.StartMediaTransmission)
        assert isinstance(order, media.StartMediaTransmission)
        assert (order.address, order.port) == (HERE, port)
        assert order.keys.algorithm == media.SrtpAlgorithm.NONE
        orders.append(order)
    return orders[0], orders[1]


async def test_digit_by_digit_and_back_to_rest() -> None:
    async with two_phones() as (a, b):
        await connect(a, b)
        await b.send(call.OnHook())
        for phone in (a, b):
            await phone.until(call_display.CallState, state=call.CallStateCode.ON_HOOK)
            kinds = [type(each) for each in phone.seen]
            closed = kinds.index(media.CloseReceiveChannel)
            stopped = kinds.index(media.StopMediaTransmission)
            assert closed < stopped < kinds.index(media.ConnectionStatisticsReq)
        await connect(a, b)


async def test_a_number_dialled_as_a_whole() -> None:
    async with two_phones() as (a, b):
        await a.send(call.EnblocCall("1000", 1))
        await b.until(call.SetRinger, mode=2)
        await a.send(call.SoftKeyEvent(call.SoftKey.END_CALL, 1))
        await b.until(call_display.CallState, state=call.CallStateCode.ON_HOOK)


@pytest.mark.parametrize(
    ("number", "state"),
    [
        ("9999", call.CallStateCode.INVALID_NUMBER),
        ("1001", call.CallStateCode.BUSY),
    ],
)
async def test_a_number_that_cannot_be_called(
    number: str, state: call.CallStateCode
) -> None:
    async with two_phones() as (a, _):
        await a.send(call.EnblocCall(number, 1))
        await a.until(call_display.CallState, state=state)
        await a.send(call.OnHook())
        await a.until(call_display.CallState, state=call.CallStateCode.ON_HOOK)


async def test_a_busy_phone_does_not_ring() -> None:
    async with two_phones() as (a, b):
        await b.send(call.OffHook())
        await b.until(call.StartTone)
        await a.send(call.EnblocCall("1000", 1))
        await a.until(call_display.CallState, state=call.CallStateCode.BUSY)


async def test_a_phone_that_vanishes_ends_the_call() -> None:
    async with two_phones() as (a, b):
        await connect(a, b)
        await b.close()
        await a.until(call_display.CallState, state=call.CallStateCode.ON_HOOK)


async def test_a_channel_that_cannot_be_opened_ends_the_call() -> None:
    async with two_phones() as (a, b):
        await dial(a, "1000")
        await b.until(call.SetRinger, mode=2)
        await b.send(call.SoftKeyEvent(call.SoftKey.ANSWER, 1))
        opened = await a.until(media.OpenReceiveChannel)
        assert isinstance(opened, media.OpenReceiveChannel)
        await a.send(
            media.OpenReceiveChannelAck(
                media.MediaStatus.NO_SOCKET, HERE, 0, opened.party, opened.call
            )
        )
        await b.until(call_display.CallState, state=call.CallStateCode.CONGESTION)


async def test_keys_and_channels_nobody_asked_for_are_ignored() -> None:
    async with two_phones() as (a, b):
        await a.send(
            call.KeypadButton(1),
            media.OpenReceiveChannelAck(0, HERE, 9, 1, 1),
            media.StartMediaTransmissionAck(),
            call.OnHook(),
            call.SoftKeyEvent(call.SoftKey.HOLD),
        )
        await connect(a, b)


async def test_nothing_of_a_call_stays_when_a_phone_has_gone() -> None:
    with uncollected():
        async with two_phones() as (a, b):
            await connect(a, b)
            assert (alive(Call), alive(SccpSession)) == (1, 2)
            await a.close()
            await b.until(call_display.CallState, state=call.CallStateCode.ON_HOOK)
            await until(lambda: (alive(Call), alive(SccpSession)) == (0, 1))
