"""Look at a cluster: fetch from every TFTP node, ask every TVS member, look at CAPF.

Everything is asked as a phone asks: TFTP by a phone's names, TVS by QUERY over TLS, and
only servers whose certificate is a TVS record of an ITL are asked anything. CAPF is
asked nothing: a session would use up what is scheduled.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.check.observing.callmanager import look_at_callmanagers
from tokenless.phone_emulator.check.observing.fetching import (
    Patience,
    fetch_nodes,
    fetch_over_http,
)
from tokenless.phone_emulator.check.observing.observation import (
    CapfView,
    Member,
    Node,
    Observation,
)
from tokenless.phone_emulator.phone import HttpPort, tftp_only
from tokenless.phone_emulator.secd.events import AskTvsServer, Server
from tokenless.phone_emulator.tvs_client import (
    TvsUnreachableError,
    ask_tvs,
    show_certificate,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.phones.models import TLS_VERSIONS, TlsVersion
from tokenless.protocol.trust.anchor_records import certificates_of
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID

_ANY_VERSION: Final = (TLS_VERSIONS[0], TLS_VERSIONS[-1])
TVS_PORT: Final = 2445
CAPF_PORT: Final = 3804
_MEMBER_CONNECTIONS: Final = 8
"""At once to one TVS server: a check must not look like an attack."""
_MODEL: Final = "7975"
MAX_MEMBERS: Final = 20
MAX_CAPF: Final = 5
"""The most CAPF servers that a configuration may list (REFERENCE-3 3.6)."""
MAX_SUBJECTS: Final = 400
"""A list that names thousands must not make this a tool against their owners."""


OnProgress = Callable[[str, int, int], None]


def _in_silence(words: str, done: int, total: int) -> None:
    """Say nothing."""


class _Count:
    """The number of members and questions so far."""

    def __init__(self, words: str, total: int, progress: OnProgress) -> None:
        self._words, self._total, self._progress = words, total, progress
        self._done = 0
        progress(words, 0, total)

    def one_more(self) -> None:
        self._done += 1
        self._progress(self._words, self._done, self._total)


async def observe(
    servers: Sequence[Server],
    device: str,
    *,
    tvs: Sequence[Server] = (),
    capf: Sequence[Server] = (),
    patience: Patience | None = None,
    http_port: HttpPort = tftp_only,
    models: Sequence[str] = (),
    secure_ports: SecurePorts | None = None,
    progress: OnProgress = _in_silence,
) -> Observation:
    """Look at a cluster once.

    Args:
        servers: Its TFTP nodes.
        device: The phone whose files are asked for.
        tvs: TVS members; those of the configurations when empty.
        capf: CAPF servers; those of the configurations when empty.
        patience: How long to wait.
        http_port: Where its nodes may have the same files over HTTP.
        models: Whose CallManager ports are looked at.
        secure_ports: Where SCCP over TLS is, if that is told.
        progress: Is told what is being asked, how many have answered or given up, and
            how many are asked.
    """
    waits = patience or Patience()
    asked_tftp = _Count("asking TFTP nodes", len(servers), progress)
    nodes = await fetch_nodes(servers, device, waits, asked_tftp.one_more)
    progress("asking for the same files over HTTP", 0, 0)
    nodes = await fetch_over_http(nodes, http_port, waits)
    shown = await _look_at_capf(capf or _capf_of(nodes), waits)
    progress("looking at the secure ports of CallManagers", 0, 0)
    registering = await look_at_callmanagers(nodes, models, secure_ports, waits.tvs_s)
    members, guessed = (tvs, False) if tvs else _members_of(nodes)
    seen = Observation(nodes, (), device, time.time(), members_guessed=guessed)
    seen = replace(seen, capf=shown, callmanagers=registering)
    asked_tvs = _Count("asking TVS members", len(members), progress)
    asked = await _ask_all(seen, members, waits, asked_tvs.one_more)
    return replace(seen, members=asked)


def _members_of(nodes: Sequence[Node]) -> tuple[list[Server], bool]:
    """Return the members of the configurations; without any, guess by the ITLs."""
    listed = [
        Server(member.address, member.port)
        for node in nodes
        if node.configuration is not None
        for member in node.configuration.tvs
    ]
    if listed:
        return list(dict.fromkeys(listed))[:MAX_MEMBERS], False
    guessed = [
        Server(record.ip_address, TVS_PORT)
        for node in nodes
        if node.itl is not None
        for record in node.itl.records
        if record.role == Role.TVS and record.ip_address
    ]
    return list(dict.fromkeys(guessed))[:MAX_MEMBERS], True


def _capf_of(nodes: Sequence[Node]) -> list[Server]:
    """Return the CAPF servers that configurations list."""
    listed = [
        Server(each.address, each.port)
        for node in nodes
        if node.configuration is not None
        for each in node.configuration.capf
        if each.address and each.port
    ]
    return list(dict.fromkeys(listed))[:MAX_CAPF]


async def _look_at_capf(
    servers: Sequence[Server], patience: Patience
) -> list[CapfView]:
    shown: dict[Server, CapfView] = {}

    async def look(server: Server) -> None:
        certificate, reason = None, None
        try:
            der = await show_certificate(server, _ANY_VERSION, patience.tvs_s)
            certificate = Certificate.decode(der)
        except ProtocolError as error:
            reason = str(error)
        shown[server] = CapfView(server, certificate, reason)

    async with trio.open_nursery() as nursery:
        for server in servers:
            nursery.start_soon(look, server)
    return [shown[server] for server in servers]


async def _ask_all(
    seen: Observation,
    servers: Sequence[Server],
    patience: Patience,
    on_member: Callable[[], None],
) -> list[Member]:
    pins = tuple(
        dict.fromkeys(
            certificate
            for node in seen.nodes
            for certificate in certificates_of(node.itl, Role.TVS)
        )
    )
    members: dict[Server, Member] = {}

    async def ask(server: Server) -> None:
        members[server] = await _ask_member(server, seen, pins, patience)
        on_member()

    async with trio.open_nursery() as nursery:
        for server in servers:
            nursery.start_soon(ask, server)
    return [members[server] for server in servers]


async def _ask_member(
    server: Server, seen: Observation, pins: tuple[bytes, ...], patience: Patience
) -> Member:
    certificate, reason = None, None
    try:
        certificate = await show_certificate(server, _ANY_VERSION, patience.tvs_s)
    except TvsUnreachableError as error:
        reason = str(error)
    if certificate is None:
        return Member(server, None, reason=reason)
    versions = [
        version
        for version in TLS_VERSIONS
        if await _accepts(server, version, patience.tvs_s)
    ]
    answers: dict[SignerId, Answer | str] = {}
    if certificate in pins:
        await _ask_everything(server, seen, pins, patience, answers)
    return Member(server, certificate, tuple(versions), answers)


async def _accepts(server: Server, version: TlsVersion, timeout_s: float) -> bool:
    try:
        await show_certificate(server, (version, version), timeout_s)
    except TvsUnreachableError:
        return False
    return True


async def _ask_everything(
    server: Server,
    seen: Observation,
    pins: tuple[bytes, ...],
    patience: Patience,
    answers: dict[SignerId, Answer | str],
) -> None:
    limiter = trio.CapacityLimiter(_MEMBER_CONNECTIONS)
    device = f"CP-{_MODEL}-{seen.device}"

    async def ask(session_id: int, subject: SignerId) -> None:
        request = AskTvsServer(server, device, session_id, subject, pins)
        async with limiter:
            try:
                answers[subject] = await ask_tvs(request, _ANY_VERSION, patience.tvs_s)
            except TvsUnreachableError as error:
                answers[subject] = str(error)

    async with trio.open_nursery() as nursery:
        for number, subject in enumerate(seen.subjects[:MAX_SUBJECTS]):
            nursery.start_soon(partial(ask, FIRST_SESSION_ID + number, subject))
