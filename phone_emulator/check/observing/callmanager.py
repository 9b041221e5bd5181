"""Look at CallManager's secure ports, as phones of each model would find them.

A phone registers over TLS only where the certificate shown is, byte for byte, a CCM
record of its CTL, or of its ITL without a CTL (REFERENCE-3 4.7). SCCP is at 2443, which
no configuration says; the port of SIP stands in the configuration.

The servers end the handshake of a client that has no certificate of an authority that
they trust. Their own certificate comes before that, and is all that is wanted.
"""

import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import trio

from tokenless.ground.tls import limit_versions
from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.check.observing.observation import CallManagerView, Node
from tokenless.phone_emulator.registration.traits import TRAITS
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.tvs_client import TlsChannel, connect
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.handshake import (
    CERTIFICATE_TYPE,
    decode_first_certificate,
)
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.files.record import Record
from tokenless.protocol.phones.configuration import CallManagerMember
from tokenless.protocol.phones.models import PHONE_MODELS, TLS_VERSIONS, TlsVersion
from tokenless.protocol.phones.registration import Signalling
from tokenless.protocol.trust.anchor_records import certificates_of

_SCCP_PORT: Final = 2000
"""The usual port of SCCP. With another one, the port of SCCP over TLS may differ,
too."""
MAX_CALLMANAGERS: Final = 20
_ROLES: Final = (Role.CALLMANAGER, Role.CCM_TFTP)
NOT_ASKED: Final = "its port is not known; --sccps-port names it"
ALL_CIPHERS: Final = "ALL:eNULL:@SECLEVEL=0"
_TLS_1_3: Final = "1.3"
_READ: Final = "read"


@dataclass(frozen=True, slots=True)
class Probe:
    """One handshake with a server."""

    certificate: bytes | None
    """DER; None when the server showed none."""
    reason: str | None = None
    """The reason why it showed none."""


async def probe(
    server: Server, version: TlsVersion, timeout_s: float, ciphers: str = ALL_CIPHERS
) -> Probe:
    """Shake hands with a server at one TLS version; return its certificate.

    Args:
        server: Where.
        version: The only one that is offered.
        timeout_s: For all of it.
        ciphers: What is offered for versions up to 1.2, as OpenSSL names it.
    """
    shown: list[bytes] = []
    try:
        context = _context(version, ciphers, shown)
        with trio.fail_after(timeout_s):
            plain = await connect(server)
            try:
                channel = TlsChannel(plain, context)
                await channel.handshake()
                if (whole := channel.peer_certificate()) is not None:
                    return Probe(whole)  # TLS 1.3 refuses a client after that
            finally:
                plain.close()
    except trio.TooSlowError:
        reason = f"no answer within {timeout_s:g} s"
    except ssl.SSLError as error:
        reason = f"TLS: {error.reason or error}"
    except OSError as error:
        reason = error.strerror or str(error)
    except ProtocolError as error:
        reason = str(error)
    else:
        reason = "it shows no certificate"
    return Probe(shown[0]) if shown else Probe(None, reason)


def _context(version: TlsVersion, ciphers: str, shown: list[bytes]) -> ssl.SSLContext:
    """Return a context that notes what the server shows, and believes it nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    limit_versions(context, version, version)
    context.set_ciphers(ciphers)

    def note(*event: Any) -> None:  # noqa: ANN401 - the library's own types differ
        _, direction, _, _, kind, data = event
        if direction == _READ and kind == CERTIFICATE_TYPE and version != _TLS_1_3:
            with suppress(DecodeError):
                shown.append(decode_first_certificate(data))

    # The one way to what was shown in a handshake that the server then ends.
    context._msg_callback = note  # type: ignore[attr-defined]  # noqa: SLF001
    return context


async def look_at_callmanagers(
    nodes: Sequence[Node],
    models: Sequence[str],
    ports: SecurePorts | None,
    timeout_s: float,
) -> list[CallManagerView]:
    """Look at the secure ports that configurations name, where lists name any.

    Where no configuration says it, the CallManagers of the lists are looked at, at
    their usual ports.

    Args:
        nodes: The TFTP nodes that were asked.
        models: The phone models that there are.
        ports: Of SCCP over TLS; None: 2443, where SCCP in clear is at 2000.
        timeout_s: For one handshake.
    """
    if not any(listed_callmanagers(node) for node in nodes):
        return []  # no phone registers over TLS
    signallings = dict.fromkeys(Signalling(PHONE_MODELS[m].protocol) for m in models)
    wanted = [
        (member, signalling) for member in _members(nodes) for signalling in signallings
    ]
    seen: dict[int, CallManagerView] = {}

    async def look(place: int, member: CallManagerMember, kind: Signalling) -> None:
        those = [m for m in models if PHONE_MODELS[m].protocol == kind]
        port = _port(member, kind, ports)
        seen[place] = await _look(member, kind, port, those, timeout_s)

    async with trio.open_nursery() as nursery:
        for place, (member, signalling) in enumerate(wanted):
            nursery.start_soon(look, place, member, signalling)
    return [seen[place] for place in range(len(wanted))]


def _members(nodes: Sequence[Node]) -> list[CallManagerMember]:
    of_groups = [
        member
        for node in nodes
        if node.configuration is not None
        for member in node.configuration.callmanagers
    ]
    of_lists = [
        CallManagerMember(record.dns_name or "", record.ip_address or "")
        for node in nodes
        for record in _callmanager_records(node)
    ]
    is_known = any(node.knows_callmanagers for node in nodes)
    found = {
        (member.address, member.sips_port): member
        for member in (of_groups if is_known else of_lists)
        if member.address
    }
    return list(found.values())[:MAX_CALLMANAGERS]


def _port(
    member: CallManagerMember, signalling: Signalling, ports: SecurePorts | None
) -> int | None:
    if signalling is Signalling.SIP:
        return member.sips_port
    if ports is not None:
        return ports.of(member.address)
    return SecurePorts().everywhere if member.sccp_port == _SCCP_PORT else None


async def _look(
    member: CallManagerMember,
    signalling: Signalling,
    port: int | None,
    models: Sequence[str],
    timeout_s: float,
) -> CallManagerView:
    server = Server(member.address, port or 0)
    if port is None:
        return CallManagerView(member.name, server, signalling, None, reason=NOT_ASKED)
    probes = {v: await probe(server, v, timeout_s) for v in TLS_VERSIONS}
    versions = tuple(v for v, each in probes.items() if each.certificate is not None)
    certificate, reason = _shown(probes.values())
    agreed = {}
    for model in models if versions else ():
        oldest, newest = PHONE_MODELS[model].tls
        usable = [v for v in versions if oldest <= v <= newest]
        ciphers = f"{TRAITS[model].ciphers}:@SECLEVEL=0"
        agreed[model] = (
            bool(usable)
            and (await probe(server, usable[-1], timeout_s, ciphers)).certificate
            is not None
        )
    return CallManagerView(
        member.name, server, signalling, certificate, versions, agreed, reason
    )


def _shown(probes: Iterable[Probe]) -> tuple[Certificate | None, str | None]:
    reason = None
    for each in probes:
        if each.certificate is None:
            reason = each.reason
            continue
        try:
            return Certificate.decode(each.certificate), None
        except DecodeError as error:
            reason = str(error)
    return None, reason


def _callmanager_records(node: Node) -> list[Record]:
    held = node.itl if node.ctl is None else node.ctl
    return [r for r in (held.records if held else ()) if r.role in _ROLES]


def listed_callmanagers(node: Node) -> frozenset[bytes]:
    """Return the CallManagers that phones with a node's lists believe."""
    held = node.itl if node.ctl is None else node.ctl
    return frozenset(der for role in _ROLES for der in certificates_of(held, role))
