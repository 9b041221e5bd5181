"""Cisco CallManager as a service of a node: ports, TLS, devices, restart."""

import ssl

import pytest
import trio
from sqlalchemy import text

from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import SccpStream, encode_frame
from tokenless.services.callmanager.devices import DeviceBook
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.runtime import ServiceKind
from tokenless.services.node.serve import serve_nodes

PUBLISHER = "cucm-1051-a-pub"
PHONE = "SEP001122334455"


@pytest.fixture
def served(lab: Cluster) -> Cluster:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    return lab


async def register(stream: trio.abc.Stream) -> object:
    message = requests.Register(PHONE, load_name="SCCP75.9-3-1SR4-1S")
    await stream.send_all(encode_frame(message, 0))
    data = await stream.receive_some()
    assert data
    return SccpStream().receive(bytes(data))[0].message


async def test_a_phone_registers_at_a_node_and_is_dismissed_by_a_restart(
    served: Cluster,
) -> None:
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(
            serve_nodes, served, [PUBLISHER], frozenset({ServiceKind.CALLMANAGER})
        )
        where = {each.service: each for each in serving.listening}
        assert set(where) == {"sccp", "sccps", "sip", "sips", "link"}
        assert served.node(PUBLISHER).ports == {
            name: each.port for name, each in where.items()
        }
        sccp = where["sccp"]
        stream = await trio.open_tcp_stream(sccp.address, sccp.port)
        async with stream:
            alarm = requests.Alarm(text="10: Last=TCP-timeout")
            await stream.send_all(encode_frame(alarm, 0))
            assert isinstance(await register(stream), answers.RegisterAck)
            (runtime,) = serving.runtimes
            supervised = runtime._services["Cisco CallManager"]
            await supervised.restart()
            data = b""
            while more := await stream.receive_some():
                data += more
            kinds = [type(each.message) for each in SccpStream().receive(bytes(data))]
            assert answers.Reset in kinds
        # Its first registration here does not write over what it said before.
        async with await trio.open_tcp_stream(sccp.address, sccp.port) as stream:
            assert isinstance(await register(stream), answers.RegisterAck)
            server = runtime._callmanager.server
            assert server is not None
            found = server.registrar.find(PHONE)
            assert found is not None
            assert [each.text for each in found.alarms] == [alarm.text]
        assert {each.service: each for each in serving.listening} == where
        nursery.cancel_scope.cancel()


async def test_the_secure_port_wants_a_certificate(served: Cluster) -> None:
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(
            serve_nodes, served, [PUBLISHER], frozenset({ServiceKind.CALLMANAGER})
        )
        where = {each.service: each for each in serving.listening}["sccps"]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        stream = await trio.open_tcp_stream(where.address, where.port)
        async with stream:
            tls = trio.SSLStream(stream, context)
            with pytest.raises(trio.BrokenResourceError):  # noqa: PT012
                await tls.do_handshake()
                # TLS 1.3 refuses with the first bytes that follow.
                await register(tls)
        nursery.cancel_scope.cancel()


def test_devices_are_known_by_the_database(lab: Cluster) -> None:
    def book() -> DeviceBook:
        with lab.store.read() as connection:
            return DeviceBook.read(connection)

    found = book().find(PHONE)
    assert found is not None
    # Not configured: it registers by itself, in the protocol that it comes with.
    assert (found.signalling, found.security_mode) == (None, DeviceSecurity.NON_SECURE)
    assert book().find("no phone's name") is None
    with lab.store.change("test", "", by="test") as change:
        change.connection.execute(
            text(
                "INSERT INTO device (name, model, pool_id, security_mode) "
                "VALUES (:name, '8861', 1, 3)"
            ),
            {"name": PHONE},
        )
        change.connection.execute(
            text(
                "UPDATE processconfig SET paramvalue = 'F' WHERE paramname LIKE :auto"
            ),
            {"auto": "%uto%egist%"},
        )
    # A profile counts in mixed mode only.
    for mode, expected in (
        (SecurityMode.NON_SECURE, DeviceSecurity.NON_SECURE),
        (SecurityMode.MIXED, DeviceSecurity.ENCRYPTED),
    ):
        security.set_cluster_mode(lab, mode, by="test")
        found = book().find(PHONE)
        assert found is not None
        assert (found.signalling, found.security_mode) == (Signalling.SIP, expected)
    assert book().find("SEP000000000001") is None


@pytest.mark.parametrize(
    "written",
    ["{}", "nonsense", '{"sccp": -1}', '{"sccp": "x"}', "[1]", '{"sccp": 99999}'],
)
def test_ports_that_another_host_wrote_are_bounded(lab: Cluster, written: str) -> None:
    with lab.store.change("test", "", by="test") as change:
        change.connection.execute(
            text("UPDATE processnode SET ports = :written"), {"written": written}
        )
    assert lab.node(PUBLISHER).ports == {}


def test_ports_are_kept_beside_those_of_before(lab: Cluster) -> None:
    lab.record_ports({PUBLISHER: {"sccp": 2000, "tftp": 6969}})
    lab.record_ports({PUBLISHER: {"sip": 5060}})
    assert lab.node(PUBLISHER).ports == {"sccp": 2000, "sip": 5060}
    assert lab.node(PUBLISHER).tftp_port == 6969


async def test_calls_have_the_address_and_the_number_of_their_node(
    served: Cluster,
) -> None:
    """Phones reach the node by what their configurations say of it."""
    more = {"advertise": {"sip": 5070}}
    served.take_settings(load_config(LAB, {**FREE_PORTS, **more}))
    names = [node.name for node in served.nodes]
    async with trio.open_nursery() as nursery:
        serving = await nursery.start(
            serve_nodes, served, names, frozenset({ServiceKind.CALLMANAGER})
        )
        numbers = []
        for runtime in serving.runtimes:
            server = runtime._callmanager.server
            assert server is not None
            node = served.node(runtime.node.name)
            place_of = server._call_control.calls.place_of
            for transport, port in (("TCP", "sip"), ("UDP", "sip"), ("TLS", "sips")):
                assert place_of(transport) == f"{node.address}:{node.ports[port]}"
            numbers.append(server.switch.new_reference() >> 24)
        assert numbers == [1, 2]
        nursery.cancel_scope.cancel()
