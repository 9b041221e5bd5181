"""SCCP frames that are split, joined, damaged or too many: one connection suffers."""

from contextlib import AsyncExitStack

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rigs.waiting import until
from tests.services.callmanager.test_sccp import PHONE, Client, Rig, connected, running
from tokenless.protocol.phones.registration import RegisterFailure, UnregisterReason
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import encode_frame
from tokenless.services.callmanager.sccp.guest import SccpSettings
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.stream_server.counters import REFUSAL_CELLS, Refusal
from tokenless.services.stream_server.settings import StreamLimits

REGISTER = encode_frame(requests.Register(PHONE, device_type=437), 0)
ALIVE = encode_frame(requests.KeepAlive(), 0)


async def kinds_of(phone: Client, count: int) -> list[type]:
    return [type(await phone.next()) for _ in range(count)]


async def test_two_phones_whose_frames_come_byte_by_byte_and_interleaved() -> None:
    """The second connection takes the device over only when its frame is whole."""
    async with running() as rig, connected(rig) as one, connected(rig) as two:
        for byte in REGISTER[:-1]:
            await one._stream.send_all(bytes([byte]))
            await two._stream.send_all(bytes([byte]))
        assert rig.registrar.find(PHONE) is None
        await one._stream.send_all(REGISTER[-1:])
        assert type(await one.next()) is answers.RegisterAck
        first = rig.registrar.station(PHONE)
        await two._stream.send_all(REGISTER[-1:])
        assert type(await two.next()) is answers.RegisterAck
        assert rig.registrar.station(PHONE) is not first


async def test_a_flood_of_connections_cuts_off_no_registered_phone() -> None:
    limits = StreamLimits(connections=5)
    async with running(limits=limits) as rig, connected(rig) as phone:
        assert type(await phone.register()) is answers.RegisterAck
        async with AsyncExitStack() as flood:
            for _ in range(12):
                client = await flood.enter_async_context(connected(rig))
                # Its session is known then, but no phone is: it is not kept.
                await client.send(requests.KeepAlive())
            refusals = rig.server.counters
            await until(lambda: refusals[REFUSAL_CELLS[Refusal.EVICTED]] >= 5)
        await phone.send(requests.KeepAlive())
        while not isinstance(message := await phone.next(), answers.KeepAliveAck):
            assert message is not None
        assert rig.registrar.find(PHONE) is not None


async def test_many_frames_in_one_segment_are_answered_in_order() -> None:
    async with running() as rig, connected(rig) as phone:
        await phone._stream.send_all(ALIVE + REGISTER + ALIVE * 50)
        kinds = await kinds_of(phone, 53)
        assert kinds[:4] == [
            answers.KeepAliveAck,
            answers.RegisterAck,
            answers.CapabilitiesReq,
            answers.KeepAliveAck,
        ]
        assert set(kinds[3:]) == {answers.KeepAliveAck}


async def test_another_name_on_the_same_connection_ends_the_first() -> None:
    async with running() as rig, connected(rig) as phone:
        assert type(await phone.register()) is answers.RegisterAck
        await phone.send(requests.Register("SEPFFFFFFFFFFFF", device_type=437))
        while not isinstance(message := await phone.next(), answers.RegisterReject):
            assert message is not None
        assert rig.registrar.find(PHONE) is None
        reasons = {each.device: each for each in rig.registrar.absences()}
        assert reasons[PHONE].reason is UnregisterReason.DUPLICATE_REGISTRATION
        failure = reasons["SEPFFFFFFFFFFFF"].failure
        assert failure is RegisterFailure.NO_ENTRY_IN_DATABASE


async def test_a_farewell_of_somebody_else_ends_nothing() -> None:
    async with running() as rig, connected(rig) as phone, connected(rig) as other:
        assert type(await phone.register()) is answers.RegisterAck
        await other.send(requests.Unregister())
        assert type(await other.next()) is answers.UnregisterAck
        assert rig.registrar.find(PHONE) is not None


async def test_a_token_has_to_wait_as_the_node_says() -> None:
    async with running(SccpSettings(token_wait_s=90)) as rig, connected(rig) as phone:
        await phone.send(requests.RegisterTokenReq(PHONE))
        assert await phone.next() == answers.RegisterTokenReject(90)
        assert rig.registrar.find(PHONE) is None
        # It is told again, and may register all the same: a token is a courtesy.
        await phone.send(requests.RegisterTokenReq(PHONE))
        assert await phone.next() == answers.RegisterTokenReject(90)


def alarms_of(rig: Rig) -> tuple[PhoneAlarmNote, ...]:
    found = rig.registrar.find(PHONE)
    assert found is not None
    return found.alarms


async def test_an_xml_alarm_is_taken_before_and_after_a_registration() -> None:
    document = (
        "<x-cisco-alarm><Alarm Name='LastOutOfServiceInformation'/></x-cisco-alarm>"
    )
    async with running() as rig, connected(rig) as phone:
        await phone.send(requests.XmlAlarm(document))
        assert type(await phone.register()) is answers.RegisterAck
        await phone.send(requests.XmlAlarm("x" * 2048), requests.KeepAlive())
        assert await kinds_of(phone, 2) == [
            answers.CapabilitiesReq,
            answers.KeepAliveAck,
        ]
        first, second = alarms_of(rig)
        assert first.text == "LastOutOfServiceInformation"
        assert second.text == f"25: Name={PHONE} Load=x Last=Initialized"
        for number in range(20):
            await phone.send(requests.Alarm(text=f"{number}: Last=\x1b[31m"))
        await phone.send(requests.KeepAlive())
        assert type(await phone.next()) is answers.KeepAliveAck
        # Eight of one connection count, and the last three of them are kept.
        assert [each.text.partition(":")[0] for each in alarms_of(rig)] == list("234")
        assert all(each.text.isprintable() for each in alarms_of(rig))
        changes = len(rig.changes)
        again = requests.Register(PHONE, device_type=437, load_name="SCCP75.9-3-1")
        await phone.send(again, requests.KeepAlive(), version=0)
        while type(await phone.next()) is not answers.KeepAliveAck:
            pass
        assert len(rig.changes) == changes, "they are not said again"
    async with running() as rig, connected(rig) as phone:
        await phone.send(requests.Alarm(text="25: Last=Initialized"))
        await phone.send(requests.Register("SEP000000000099"))
        assert type(await phone.next()) is answers.RegisterReject
        assert not list(rig.registrar.registrations())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_damaged_frames_leave_the_others_alone(data: st.DataObject) -> None:
    """Whatever the damage, the phone of before stays, or its own name takes over."""
    frame = bytearray(REGISTER + ALIVE)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))

    async def attack() -> None:
        async with running() as rig, connected(rig) as phone:
            assert type(await phone.register()) is answers.RegisterAck
            async with connected(rig) as attacker:
                await attacker._stream.send_all(bytes(frame))
                await attacker._stream.send_eof()
                with trio.move_on_after(5):
                    while await attacker._stream.receive_some():
                        pass
            names = {each.device for each in rig.registrar.registrations()}
            assert names <= {PHONE}
            async with connected(rig) as later:
                assert type(await later.register()) is answers.RegisterAck

    trio.run(attack)
