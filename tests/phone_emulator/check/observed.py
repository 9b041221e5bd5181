"""What `observe` would see of the authorities of the cluster rig, without sockets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.rigs.cluster import DEVICE, NOW, Authority
from tokenless.phone_emulator.check.observing.observation import (
    Member,
    Missing,
    Node,
    Observation,
)
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.secd.files import names_of
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import CallManagerMember, PhoneConfig
from tokenless.protocol.phones.models import TlsVersion
from tokenless.protocol.trust.anchor_records import certificates_of
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.messages import Query

ALL_VERSIONS: tuple[TlsVersion, ...] = ("1.0", "1.1", "1.2", "1.3")


def observation(
    nodes: Mapping[str, Authority],
    *,
    versions: Sequence[TlsVersion] = ALL_VERSIONS,
) -> Observation:
    """Return what is seen of nodes that are given by address."""
    seen = [_node(address, authority) for address, authority in nodes.items()]
    members = dict.fromkeys(
        Server(member.address, member.port)
        for node in seen
        for member in _configuration(node).tvs
    )
    without = Observation(seen, (), DEVICE, NOW)
    answers = [
        _member(server, nodes.get(server.address), without, versions)
        for server in members
    ]
    return Observation(seen, answers, DEVICE, NOW)


def with_group(nodes: dict[str, Authority]) -> dict[str, Authority]:
    """Let the configurations name the CallManagers, as those of real phones do."""
    group = tuple(
        CallManagerMember(address, address, number)
        for number, address in enumerate(nodes)
    )
    for each in nodes.values():
        config = each.configuration or PhoneConfig()
        each.configuration = replace(config, callmanagers=group)
    return nodes


def _configuration(node: Node) -> PhoneConfig:
    return node.configuration or PhoneConfig()


def _node(address: str, authority: Authority) -> Node:
    names = [
        *names_of(FileKind.CTL, DEVICE, signed=False),
        *names_of(FileKind.ITL, DEVICE, signed=False),
        *names_of(FileKind.CONFIGURATION, DEVICE, signed=False),
        *names_of(FileKind.CONFIGURATION, DEVICE, signed=True),
    ]
    files: dict[str, bytes | Missing] = {}
    for name in names:
        data = None if authority.silent else authority.fetch(name)
        missing = Missing(
            "no answer", is_absent=not authority.silent, is_silence=authority.silent
        )
        files[name] = missing if data is None else data
    return Node(Server(address, 69), files, DEVICE)


def _member(
    server: Server,
    authority: Authority | None,
    seen: Observation,
    versions: Sequence[TlsVersion],
) -> Member:
    if authority is None or authority.tvs_down or authority.tvs_certificate is None:
        return Member(server, None, reason="Connection refused")
    shown = authority.tvs_certificate.certificate.der
    pins = {der for node in seen.nodes for der in certificates_of(node.itl, Role.TVS)}
    subjects = seen.subjects if shown in pins else ()
    answers = {
        subject: authority.answer(
            Query(1, DEVICE, subject.subject, subject.issuer, subject.serial)
        )
        for subject in subjects
    }
    return Member(server, shown, tuple(versions), answers)


def without_tvs(observed: Observation, number: int) -> Observation:
    """Return what is seen when one member is down."""
    members = list(observed.members)
    down = Member(members[number].server, None, reason="Connection refused")
    members[number] = down
    return Observation(observed.nodes, members, observed.device, observed.at)


def at(observed: Observation, seconds: float) -> Observation:
    """Return the same, seen at another time."""
    return replace(observed, at=seconds)
