"""Findings that show only when nodes are compared with each other.

The CTL is one file for the whole cluster, the same bytes on every node; ITLs differ in
their node and signer, never in TVS, CAPF and ITLRecovery (REFERENCE 1.9, 1.10).

A node's files over HTTP are compared with those over TFTP. Most phones try HTTP 6970
first and fall back to TFTP (REFERENCE-3 1.2), so what stands there is what they get;
where nothing answers, they are delayed and lose nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.observation import (
    Missing,
    Node,
    Observation,
)
from tokenless.protocol.certificates.names import short_name
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import has_tftp, serves_several_hosts
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.lint import SignatureState, signature_state
from tokenless.protocol.trust.verdicts import TFTP_ROLES

_EC_KEY_LENGTHS: Final = (65, 97, 133)
"""Bytes of the points of P-256, P-384 and P-521; an RSA key's are other numbers."""

_COMMON_ROLES: Final = (Role.TVS, Role.CAPF)


def node_findings(seen: Observation) -> Iterator[Finding]:
    """Return what differs between nodes, and between a node's own lists."""
    answering = [node for node in seen.nodes if not node.is_silent]
    yield from _ctl(answering)
    yield from _itl(answering)
    yield from _configuration(answering)
    for node in answering:
        yield from _ctl_against_itl(node)
        yield from _address(node)


def _address(node: Node) -> Iterator[Finding]:
    """Find a server that is reached where its lists do not say (rule 10)."""
    is_mixed = node.ctl is not None and has_tftp(node.ctl)
    held = node.ctl if is_mixed else node.itl
    named = [each for each in held.records if each.role in TFTP_ROLES] if held else []
    if any(serves_several_hosts(each) for each in named):
        return  # it stands under one address for all servers, as phones take it
    places = {place for each in named for place in (each.ip_address, each.dns_name)}
    addresses = sorted({each.ip_address for each in named if each.ip_address})
    if addresses and node.server.address not in places:
        yield finding(
            Code.TFTP_ADDRESS,
            node,
            f"it answers at {node.server.address}, but its lists name "
            f"{', '.join(addresses)}",
            is_mild=not is_mixed,
            when="" if is_mixed else " once the cluster is in mixed mode",
            listed=" or ".join(addresses),
        )


def _ctl(nodes: Sequence[Node]) -> Iterator[Finding]:
    holders = [(node, node.ctl) for node in nodes if node.ctl is not None]
    if not holders:
        return
    in_use = {r.public_key for node in nodes if node.itl for r in node.itl.records}
    newest = max((ctl for _, ctl in holders), key=lambda ctl: _age(ctl, in_use))
    source = ", ".join(str(n) for n, ctl in holders if ctl.data == newest.data)
    for node in nodes:
        absent = node.find(FileKind.CTL)
        if node.ctl is None and not isinstance(absent, bytes) and absent.is_absent:
            yield _ctl_missing(node, source, is_mixed=has_tftp(newest))
    for node, ctl in holders:
        # A changed one has a finding of its own, which says more than its age.
        if ctl.data != newest.data and not _is_changed(ctl):
            yield _ctl_stale(node, ctl, newest, source)


def _age(
    trust_list: TrustList, in_use: set[bytes | None]
) -> tuple[bool, int, int, bytes]:
    """Order CTLs: by when they were signed, then by how many of their keys ITLs have.

    ITLs are rebuilt whenever TFTP starts, so they tell two CTLs of one second apart.
    One that was changed after it was signed is the newest only when all were.
    """
    agreeing = sum(record.public_key in in_use for record in trust_list.records)
    return (
        not _is_changed(trust_list),
        trust_list.header.timestamp or 0,
        agreeing,
        trust_list.data,
    )


def _is_changed(trust_list: TrustList) -> bool:
    return signature_state(trust_list) is SignatureState.INVALID


def _ctl_missing(node: Node, source: str, *, is_mixed: bool) -> Finding:
    return finding(
        Code.CTL_MISSING,
        node,
        f"this node has no CTL, but {source} serves one",
        is_mild=not is_mixed,
    )


def _ctl_stale(node: Node, old: TrustList, new: TrustList, source: str) -> Finding:
    same_time = old.header.timestamp == new.header.timestamp
    age = "another CTL than" if same_time else "an older CTL than"
    return finding(
        Code.CTL_STALE,
        node,
        f"{age} {source}: signed {_when(old)}, MD5 {old.md5}; "
        f"there {_when(new)}, MD5 {new.md5}",
        loss=_what_is_lost(old, new),
    )


def _what_is_lost(old: TrustList, new: TrustList) -> str:
    """Say which certificates phones with the old list believe, and which not."""
    gone, fresh = _names(old, new), _names(new, old)
    parts = []
    if gone:
        parts.append(f"still trust {', '.join(gone)}")
    if fresh:
        parts.append(f"do not know {', '.join(fresh)}")
    if not parts:
        return "hold a file of which only the signature differs"
    return f"{' and '.join(parts)}: secure registration with its owner fails"


def _names(inside: TrustList, outside: TrustList) -> list[str]:
    """Return certificates of one list that another lacks, once with all roles."""
    known = {(record.role, record.public_key) for record in outside.records}
    roles: dict[str, list[str]] = {}
    for record in inside.records:
        if record.public_key and (record.role, record.public_key) not in known:
            roles.setdefault(_identity(record), []).append(role_name(record.role))
    return [f"{who} as {' and '.join(each)}" for who, each in roles.items()]


def describe(record: Record) -> str:
    """Return `CCM+TFTP CN=… (serial …)`."""
    return f"{role_name(record.role)} {_identity(record)}"


def _identity(record: Record) -> str:
    name = short_name(record.subject_name or "unnamed")
    return f"{name} (serial {record.serial_hex or '?'})"


def _when(trust_list: TrustList) -> str:
    stamp = trust_list.header.timestamp
    if stamp is None:
        return "at an unknown time"
    return f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d %H:%M:%SZ}"


def _itl(nodes: Sequence[Node]) -> Iterator[Finding]:
    """Compare what all ITLs must have in common."""
    holders = [(node, node.itl) for node in nodes if node.itl is not None]
    for role in _COMMON_ROLES:
        everyone = {
            record.public_key: record
            for _, itl in holders
            for record in itl.records
            if record.role == role
        }
        for node, itl in holders:
            own = {r.public_key for r in itl.records if r.role == role}
            missing = [r for key, r in everyone.items() if key not in own]
            if missing:
                yield _itl_lacks(node, role, missing)
    modes = {_server_roles(itl) for _, itl in holders if _server_roles(itl)}
    if len(modes) > 1:
        yield finding(
            Code.ITL_MODES_DIFFER,
            "",
            "some ITLs name their node CCM+TFTP (mixed mode), others TFTP (non-secure)",
        )


def _itl_lacks(node: Node, role: Role, missing: Sequence[Record]) -> Finding:
    names = ", ".join(map(describe, missing))
    loss = (
        "cannot use that TVS, so it cannot vouch for any signer"
        if role is Role.TVS
        else "do not trust it"
    )
    return finding(
        Code.ITL_STALE,
        node,
        f"the ITL lacks what another node's has: {names}",
        loss=loss,
    )


def _server_roles(itl: TrustList) -> frozenset[int]:
    return frozenset(r.role for r in itl.records if r.role in TFTP_ROLES)


def _configuration(nodes: Sequence[Node]) -> Iterator[Finding]:
    texts = {
        node.configuration.tvs: node for node in nodes if node.configuration is not None
    }
    if len(texts) > 1:
        first, second, *_ = map(str, texts.values())
        yield finding(
            Code.CONFIGURATION_DIFFERS,
            "",
            f"{first} and {second} list different TVS members",
            difference="the node that served it",
        )


def _ctl_against_itl(node: Node) -> Iterator[Finding]:
    """Find a CTL that was not updated after a certificate was regenerated.

    The ITL is rebuilt whenever TFTP starts, the CTL only by command.
    """
    if node.ctl is None or node.itl is None:
        return
    current = {_place(r): r for r in node.itl.records if _is_server_or_capf(r)}
    for record in node.ctl.records:
        own = current.get(_place(record))
        if (
            own is None
            or not record.public_key
            or not _is_server_or_capf(record)
            or own.public_key == record.public_key
        ):
            continue
        is_server = own.role in TFTP_ROLES
        yield finding(
            Code.CTL_OUTDATED,
            node,
            f"the CTL lists {describe(record)}, but {describe(own)} is in use",
            is_mild=not is_server,
            owner="the server's" if is_server else "CAPF's",
            loss="secure registration fails" if is_server else "LSCs cannot be issued",
        )


def _place(record: Record) -> tuple[str, str | None, bool]:
    """Return whose certificate it is: CallManager-ECDSA is another than CallManager."""
    kind = "server" if record.role in TFTP_ROLES else role_name(record.role)
    return kind, record.ip_address, len(record.public_key or b"") in _EC_KEY_LENGTHS


def _is_server_or_capf(record: Record) -> bool:
    return record.role in TFTP_ROLES or record.role == Role.CAPF


def http_findings(seen: Observation) -> Iterator[Finding]:
    """Return the faults of HTTP, of the nodes that were asked over it."""
    for node in seen.nodes:
        if not node.over_http or node.is_silent:
            continue
        answers = node.over_http.values()
        if all(isinstance(each, Missing) and each.is_silence for each in answers):
            yield _unreachable(node)
        else:
            yield from _compared(node)


def _unreachable(node: Node) -> Finding:
    reasons = {
        answer.reason
        for answer in node.over_http.values()
        if isinstance(answer, Missing)
    }
    return finding(
        Code.HTTP_UNREACHABLE,
        node,
        f"no files over HTTP: {', '.join(sorted(reasons))}",
    )


def _compared(node: Node) -> Iterator[Finding]:
    differing, only_http, only_tftp = [], [], []
    for name, by_http in node.over_http.items():
        by_tftp = node.files.get(name)
        if isinstance(by_http, bytes) and isinstance(by_tftp, bytes):
            if by_http != by_tftp:
                differing.append(name)
        elif isinstance(by_http, bytes):
            only_http.append(name)
        elif isinstance(by_tftp, bytes):
            only_tftp.append(f"{name} ({by_http.reason})")
    if differing or only_http:
        names = ", ".join([*differing, *only_http])
        yield finding(
            Code.HTTP_DIFFERS,
            node,
            f"other files over HTTP than by TFTP: {names}",
            is_mild=not differing,
        )
    if only_tftp:
        yield finding(Code.HTTP_MISSING, node, f"by TFTP only: {', '.join(only_tftp)}")
