"""Cisco CallManager's ports and the links between nodes, as targets of attacks."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import trio

from tests.rigs import minting
from tests.rigs.stream_target import Target, Victim, connected
from tests.rigs.tvs_rig import client_context, own_certificate
from tests.rigs.waiting import until
from tokenless.protocol.cluster_link import (
    Hello,
    LinkMessage,
    Unregistered,
    encode_message,
)
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import DeviceProfile
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import SccpStream, encode_frame
from tokenless.protocol.sip.register import RegisterForm
from tokenless.services.callmanager.leg import CallFailure
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.sccp.guest import SccpCount, SccpGuest, SccpSettings
from tokenless.services.callmanager.sip.guest import SipGuest
from tokenless.services.callmanager.sip.stations import (
    SipCallControl,
    SipCount,
    SipSettings,
)
from tokenless.services.callmanager.switch import Switch
from tokenless.services.cluster_links.guest import LinkCount, LinkGuest
from tokenless.services.cluster_links.peers import PeerNode
from tokenless.services.stream_server.guest import Guest, GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    OwnCertificate,
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

PHONE: Final = "SEP001122334455"
NODE: Final = "sub1"
_LONGEST_ANSWER: Final = 65_536


def _client_of(own: OwnCertificate) -> ssl.SSLContext:
    """Return the context of a client that shows a certificate."""
    context = client_context()
    file = own.key.with_suffix(".crt")
    file.write_text(ssl.DER_cert_to_PEM_cert(own.der))
    context.load_cert_chain(file, own.key)
    return context


def _port(folder: Path, client: OwnCertificate | None) -> Port:
    if client is None:
        return Port("127.0.0.1", 0, None)
    tls = TlsSettings(
        (own_certificate(folder),),
        client_certificates=ClientCertificates.REQUIRED,
        authorities=(client.der,),
    )
    return Port("127.0.0.1", 0, tls)


def _registrar(*, tls: bool) -> Registrar:
    mode = DeviceSecurity.ENCRYPTED if tls else DeviceSecurity.NON_SECURE
    profile = DeviceProfile(PHONE, None, mode)
    return Registrar({PHONE: profile}.get, clock=lambda: 1, max_devices=9)


def _switch() -> Switch:
    return Switch(lambda _number: CallFailure.UNKNOWN_NUMBER)


Talk = Callable[[trio.abc.Stream], Awaitable[None]]
"""One exchange over a connection."""


@asynccontextmanager
async def _victim(
    server: StreamServer,
    client: OwnCertificate | None,
    talk: Talk,
    *,
    half_request: bytes,
    oversized: bytes,
) -> AsyncIterator[Target]:
    """Serve; clients show a certificate, or speak in clear."""
    context = None if client is None else _client_of(client)
    tls = client is not None
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(server.serve)

        async def exchange() -> None:
            source = "127.0.0.1"
            async with connected(
                address, tls=tls, source=source, context=context
            ) as stream:
                await talk(stream)

        yield Target(
            address,
            server.counters,
            is_tls=tls,
            half_request=half_request,
            oversized=oversized,
            exchange=exchange,
            context=context,
        )
        nursery.cancel_scope.cancel()


def sccp_victim(
    folder: Path, limits: StreamLimits, *, tls: bool
) -> AbstractAsyncContextManager[Target]:
    client = own_certificate(folder, minting.server(PHONE, 2048)) if tls else None
    registrar = _registrar(tls=tls)

    def make_guest(tools: GuestTools) -> Guest:
        return SccpGuest(
            registrar,
            SccpSettings(),
            tools,
            node="pub",
            number_of=lambda _device: "1000",
            switch=_switch(),
            now=lambda: datetime(2026, 11, 29, tzinfo=UTC),
        )

    register = encode_frame(requests.Register(PHONE), 0)

    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(register)
        answer = bytes(await stream.receive_some(1000))
        (first, *_) = SccpStream().receive(answer)
        assert isinstance(first.message, answers.RegisterAck)

    settings = StreamSettings("SCCP", (_port(folder, client),), limits)
    server = StreamServer(settings, make_guest, guest_cells=len(SccpCount))
    oversized = b"\xff\xff\xff\x7f" + bytes(8)
    return _victim(
        server, client, talk, half_request=register[:20], oversized=oversized
    )


def sip_victim(
    folder: Path, limits: StreamLimits, *, tls: bool
) -> AbstractAsyncContextManager[Target]:
    client = own_certificate(folder, minting.server(PHONE, 2048)) if tls else None
    control = SipCallControl(
        _registrar(tls=tls),
        SipSettings(),
        node="pub",
        cells=dict.fromkeys(SipCount, 0),
        switch=_switch(),
        number_of=lambda _device: "1000",
        place_of=lambda _: "127.0.0.1:5060",
    )

    def make_guest(tools: GuestTools) -> Guest:
        return SipGuest(control, tools, clock=trio.current_time)

    form = RegisterForm(
        server="127.0.0.1",
        number="1000",
        device=PHONE,
        model=684,
        user_agent="Cisco-CP8851/12.1.1",
        call_id=PHONE,
        contact="127.0.0.1:50060",
        transport="tls" if tls else "tcp",
        user=PHONE,
    )
    register = form.build(101, expires_s=3600, branch="z9hG4bK1", tag="t").encode()

    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(register)
        answer = await stream.receive_some(_LONGEST_ANSWER)
        assert answer.startswith(b"SIP/2.0 200 "), answer

    settings = StreamSettings("SIP", (_port(folder, client),), limits)
    server = StreamServer(settings, make_guest, guest_cells=len(SipCount))
    oversized = b"REGISTER sip:" + b"a" * 9000
    return _victim(
        server, client, talk, half_request=register[:40], oversized=oversized
    )


class _Heard:
    """What a node has heard of others."""

    def __init__(self) -> None:
        self.messages: list[LinkMessage] = []

    def first_words(self) -> Iterable[LinkMessage]:
        return ()

    def heard(self, _node: str) -> None:
        """Expect a node's words."""

    def take(self, _node: str, message: LinkMessage) -> None:
        self.messages.append(message)

    def lost(self, _node: str) -> None:
        """Expect no more of them."""

    def cut(self, _node: str) -> None:
        """Expect no answers."""


def link_victim(
    folder: Path, limits: StreamLimits
) -> AbstractAsyncContextManager[Target]:
    client = own_certificate(folder, minting.server(NODE, 2048))
    handler = _Heard()
    peers = {NODE: PeerNode(NODE, "127.0.0.1", 1, client.der)}

    def make_guest(tools: GuestTools) -> Guest:
        return LinkGuest(handler, peers, tools)

    numbers = count()

    async def talk(stream: trio.abc.Stream) -> None:
        word = Unregistered((f"X{next(numbers)}",))
        await stream.send_all(encode_message(Hello(NODE)))
        await stream.send_all(encode_message(word))
        await until(lambda: word in handler.messages)

    settings = StreamSettings("link", (_port(folder, client),), limits)
    server = StreamServer(settings, make_guest, guest_cells=len(LinkCount))
    half, oversized = encode_message(Hello(NODE))[:20], b"\x7f\xff\xff\xff"
    return _victim(server, client, talk, half_request=half, oversized=oversized)


CALLMANAGER_VICTIMS: Final[dict[str, Victim]] = {
    "sccp": lambda folder, limits: sccp_victim(folder, limits, tls=False),
    "sccps": lambda folder, limits: sccp_victim(folder, limits, tls=True),
    "sip": lambda folder, limits: sip_victim(folder, limits, tls=False),
    "sips": lambda folder, limits: sip_victim(folder, limits, tls=True),
    "link": link_victim,
}
