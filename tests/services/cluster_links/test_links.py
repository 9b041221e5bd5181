"""Links between nodes: who may speak, for whom, and what a lost one means."""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
import trio

from tests.rigs import minting
from tests.rigs.tvs_rig import own_certificate
from tests.rigs.waiting import until
from tokenless.protocol.cluster_link import (
    Alive,
    Hello,
    LinkMessage,
    Unregistered,
    encode_message,
)
from tokenless.services.cluster_links.guest import LinkCount
from tokenless.services.cluster_links.links import ClusterLinks, LinkSettings
from tokenless.services.cluster_links.peers import PeerNode
from tokenless.services.metrics import exposition
from tokenless.services.stream_server.counters import (
    FIRST_GUEST_CELL,
    REFUSAL_CELLS,
    Refusal,
    StreamCount,
)
from tokenless.services.stream_server.settings import OwnCertificate

NAMES = ("pub", "sub1")


@dataclass
class Handler:
    """What a node says first, and all that it heard."""

    name: str
    heard_of: list[tuple[object, ...]] = field(default_factory=list)

    def first_words(self) -> Iterable[LinkMessage]:
        return [Unregistered((self.name,))]

    def heard(self, node: str) -> None:
        self.heard_of.append(("heard", node))

    def take(self, node: str, message: LinkMessage) -> None:
        self.heard_of.append((node, message))

    def lost(self, node: str) -> None:
        self.heard_of.append(("lost", node))

    def cut(self, node: str) -> None:
        self.heard_of.append(("cut", node))


class Nodes:
    """Two nodes with certificates of their own; links are bound before they serve."""

    def __init__(self, folder: Path) -> None:
        self.own = {
            name: own_certificate(folder, minting.server(name, 1024)) for name in NAMES
        }
        self.stranger = own_certificate(folder, minting.server("pub", 2048))
        self.handlers = {name: Handler(name) for name in NAMES}
        self.links: dict[str, ClusterLinks] = {}

    def settings(self, name: str, *, own: OwnCertificate | None = None) -> LinkSettings:
        peers = {
            other: PeerNode(other, "127.0.0.1", self.port(other), self.own[other].der)
            for other in NAMES
            if other != name
        }
        return LinkSettings(name, "127.0.0.1", 0, own or self.own[name], peers)

    def port(self, name: str) -> int:
        links = self.links.get(name)
        return 0 if links is None or links.address is None else links.address[1]

    @asynccontextmanager
    async def serving(self, *names: str) -> AsyncIterator[trio.Nursery]:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for name in names:
                    await self.bind(name)
                for name in names:
                    self.links[name].reload(self.settings(name))
                    await nursery.start(self.links[name].serve)
                yield nursery
                nursery.cancel_scope.cancel()

    async def bind(self, name: str, own: OwnCertificate | None = None) -> None:
        self.links[name] = ClusterLinks(
            self.settings(name, own=own), self.handlers[name], structlog.get_logger()
        )
        await self.links[name].bind()


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    return Nodes(tmp_path)


async def test_a_short_key_is_heard_by_a_node_with_a_long_one(tmp_path: Path) -> None:
    """A node's new certificate may be longer than those of nodes not yet changed."""
    nodes = Nodes(tmp_path)
    nodes.own["sub1"] = own_certificate(tmp_path, minting.server("sub1", 2048))
    async with nodes.serving(*NAMES):
        await until(lambda: bool(nodes.handlers["sub1"].heard_of))
        await until(lambda: bool(nodes.handlers["pub"].heard_of))


async def test_two_nodes_hear_each_others_first_words_and_later_ones(
    nodes: Nodes,
) -> None:
    async with nodes.serving(*NAMES):
        for name, other in (NAMES, NAMES[::-1]):
            heard = nodes.handlers[name].heard_of
            links = nodes.links[other]
            await until(lambda heard=heard: len(heard) >= 2)  # type: ignore[misc]
            assert heard == [("heard", other), (other, Unregistered((other,)))]
            assert links.is_open(name)
            assert links.send(name, Unregistered(("later",)))
            links.broadcast(Unregistered(("to all",)))
            await until(lambda heard=heard: len(heard) >= 4)  # type: ignore[misc]
            assert heard[2:] == [
                (other, Unregistered(("later",))),
                (other, Unregistered(("to all",))),
            ]


async def test_a_flood_of_connections_cuts_off_no_node(nodes: Nodes) -> None:
    async with nodes.serving(*NAMES), AsyncExitStack() as flood:
        heard = nodes.handlers["pub"].heard_of
        await until(lambda: ("heard", "sub1") in heard)
        for _ in range(300):  # 256 have room
            stranger = await trio.open_tcp_stream("127.0.0.1", nodes.port("pub"))
            flood.push_async_callback(trio.aclose_forcefully, stranger)
        counters = nodes.links["pub"]._server.counters
        await until(lambda: counters[REFUSAL_CELLS[Refusal.EVICTED]] >= 20)
        assert nodes.links["sub1"].send("pub", Unregistered(("still",)))
        await until(lambda: ("sub1", Unregistered(("still",))) in heard)
        assert ("lost", "sub1") not in heard


async def test_a_node_that_stops_is_lost_and_cut(nodes: Nodes) -> None:
    async with nodes.serving("pub"):
        async with nodes.serving("sub1"):
            nodes.links["pub"].reload(nodes.settings("pub"))
            await until(lambda: nodes.links["pub"].is_open("sub1"))
            await until(lambda: ("heard", "sub1") in nodes.handlers["pub"].heard_of)
            assert 'tokenless_link_up{node="pub",peer="sub1"} 1.0' in exposition()
        heard = nodes.handlers["pub"].heard_of
        await until(lambda: ("lost", "sub1") in heard and ("cut", "sub1") in heard)
        assert 'tokenless_link_up{node="pub",peer="sub1"} 0.0' in exposition()
        assert 'tokenless_link_up{node="sub1"' not in exposition()  # it is not here now
        assert not nodes.links["pub"].send("sub1", Alive())
        # It comes back, on the port that it had or on another one.
        async with nodes.serving("sub1"):
            nodes.links["pub"].reload(nodes.settings("pub"))
            await until(lambda: nodes.links["pub"].is_open("sub1"))


async def test_nothing_is_said_to_a_server_with_another_certificate(
    nodes: Nodes,
) -> None:
    """It takes a node's place, with the node's name in its certificate."""
    async with nodes.serving("sub1") as nursery:
        await nodes.bind("pub", own=nodes.stranger)
        nodes.links["sub1"].reload(nodes.settings("sub1"))
        await nursery.start(nodes.links["pub"].serve)
        counters = nodes.links["pub"]._server.counters
        await until(lambda: counters[StreamCount.CONNECTIONS_ACCEPTED] >= 2)
        assert not nodes.links["sub1"].is_open("pub")
        for name, other in (NAMES, NAMES[::-1]):
            assert ("heard", other) not in nodes.handlers[name].heard_of


async def speak(
    nodes: Nodes, own: OwnCertificate | None, *messages: LinkMessage
) -> None:
    """Say something to the publisher; return when it hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if own is not None:
        certificate = own.key.with_suffix(".crt")
        certificate.write_text(ssl.DER_cert_to_PEM_cert(own.der))
        context.load_cert_chain(certificate, own.key)
    tcp = await trio.open_tcp_stream("127.0.0.1", nodes.port("pub"))
    stream = trio.SSLStream(tcp, context, https_compatible=True)
    try:
        await stream.do_handshake()
        await stream.send_all(b"".join(map(encode_message, messages)))
        while await stream.receive_some():
            pass
    except trio.BrokenResourceError:
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def test_nobody_speaks_for_a_node_without_its_certificate(nodes: Nodes) -> None:
    words = (Hello("sub1"), Unregistered(("victim",)))
    async with nodes.serving("pub"):
        counters = nodes.links["pub"]._server.counters
        await speak(nodes, None, *words)
        await speak(nodes, nodes.stranger, *words)
        # Of the cluster, but it is not sub1's.
        await speak(nodes, nodes.own["sub1"], Hello("pub"), *words[1:])
        await speak(nodes, nodes.own["sub1"], *words[1:])
        await speak(nodes, nodes.own["sub1"], Hello("sub1", 2), *words[1:])
        assert nodes.handlers["pub"].heard_of == []
        assert counters[FIRST_GUEST_CELL + LinkCount.REFUSED] == 3


async def test_a_second_connection_of_a_node_takes_the_firsts_place(
    nodes: Nodes,
) -> None:
    heard = nodes.handlers["pub"].heard_of
    async with nodes.serving("pub") as nursery:
        say = (nodes, nodes.own["sub1"], Hello("sub1"))
        nursery.start_soon(speak, *say, Unregistered(("one",)))
        await until(lambda: len(heard) == 2)
        nursery.start_soon(speak, *say, Unregistered(("two",)))
        await until(lambda: len(heard) == 5)
        assert [each[0] for each in heard] == ["heard", "sub1", "lost", "heard", "sub1"]


async def test_a_node_that_left_the_cluster_is_hung_up_on(nodes: Nodes) -> None:
    heard = nodes.handlers["pub"].heard_of
    async with nodes.serving("pub") as nursery:
        nursery.start_soon(speak, nodes, nodes.own["sub1"], Hello("sub1"))
        await until(lambda: heard == [("heard", "sub1")])
        nodes.links["pub"].reload(replace(nodes.settings("pub"), peers={}))
        await until(lambda: ("lost", "sub1") in heard)


async def test_a_certificate_that_was_replaced_speaks_no_more(nodes: Nodes) -> None:
    heard = nodes.handlers["pub"].heard_of
    async with nodes.serving("pub") as nursery:
        nursery.start_soon(speak, nodes, nodes.own["sub1"], Hello("sub1"))
        await until(lambda: heard == [("heard", "sub1")])
        settings = nodes.settings("pub")
        peer = replace(settings.peers["sub1"], certificate=nodes.stranger.der)
        nodes.links["pub"].reload(replace(settings, peers={"sub1": peer}))
        await until(lambda: ("lost", "sub1") in heard)
        await speak(nodes, nodes.own["sub1"], Hello("sub1"))
        assert heard == [("heard", "sub1"), ("lost", "sub1")]
