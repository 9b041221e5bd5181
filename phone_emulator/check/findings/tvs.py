"""Findings about TVS: whether phones can use it, and whether it knows the signers.

A TVS member is used only by phones whose ITL holds its certificate (role 21), and a
signer that no list on the phone knows is accepted only when TVS gives it the role of
its file (REFERENCE 3.6, 4.2, 10.10).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.findings.nodes import describe
from tokenless.phone_emulator.check.observing.observation import (
    Member,
    Node,
    Observation,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import short_name
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.models import PHONE_MODELS, PhoneModel
from tokenless.protocol.trust.anchor_records import certificates_of
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.verdicts import LIST_ROLES
from tokenless.protocol.tvs.answers import Answer

_OLD_PHONES: Final = "1.0"
_NEW_PHONES: Final = "1.2"


def tvs_findings(seen: Observation, models: Sequence[str]) -> Iterator[Finding]:
    """Return the findings about TVS members and their answers."""
    yield from _membership(seen)
    for member in seen.members:
        if member.certificate is None:
            yield _unreachable(member)
            continue
        yield from _pins(member, seen.nodes)
        yield from _versions(member, models)
    yield from _ctl_signers(seen)
    yield from _unknown_records(seen)
    yield from _disagreements(seen)


def _membership(seen: Observation) -> Iterator[Finding]:
    if seen.members_guessed and seen.members:
        why = (
            "the configuration that lists TVS members is encrypted"
            if any(node.is_encrypted for node in seen.nodes)
            else "no configuration lists TVS members"
        )
        yield finding(
            Code.TVS_GUESSED,
            "",
            f"{why}; the TVS nodes of the ITLs were asked at port 2445",
        )
    if not seen.members:
        yield finding(Code.TVS_NONE, "", "no TVS member is known")
    elif len(seen.members) == 1:
        yield finding(
            Code.TVS_SINGLE,
            seen.members[0],
            "this is the only TVS member in the configuration",
        )


def _unreachable(member: Member) -> Finding:
    return finding(
        Code.TVS_UNREACHABLE,
        member,
        printable(member.reason or "the server cannot be reached"),
        port=str(member.server.port),
    )


def _pins(member: Member, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Compare a member's certificate with the ITLs: only they make it a TVS server."""
    with_itl = [node for node in nodes if node.itl is not None]
    refusing = [
        node
        for node in with_itl
        if member.certificate not in certificates_of(node.itl, Role.TVS)
    ]
    if refusing:
        yield finding(
            Code.TVS_UNPINNED,
            member,
            "the certificate that this server shows is not in the ITL of "
            f"{', '.join(map(str, refusing))}",
        )


def _versions(member: Member, models: Sequence[str]) -> Iterator[Finding]:
    offered = f"the server offers TLS {', '.join(member.versions) or 'no version'}"
    old = [m for m in models if _is_older(PHONE_MODELS[m], member)]
    if old:
        words = f"{offered}, which is too new for a {', '.join(old)}"
        yield finding(Code.TLS_TOO_NEW, member, words)
    if _OLD_PHONES in member.versions:
        yield finding(Code.TLS_OLD, member, offered)
    if _NEW_PHONES not in member.versions:
        yield finding(Code.TLS_TOO_OLD, member, f"{offered}, but not {_NEW_PHONES}")


def _is_older(model: PhoneModel, member: Member) -> bool:
    """Return whether phones of a model ask TVS, by older versions of TLS only."""
    _, newest = model.tls
    return model.security_by_default and all(newest < each for each in member.versions)


def _ctl_signers(seen: Observation) -> Iterator[Finding]:
    """Find CTLs whose signer neither this node's ITL nor TVS knows."""
    for node in seen.nodes:
        if node.ctl is None or node.itl is None:
            continue
        signer = node.ctl.signer
        if _is_sast_of(node.itl, signer) or any(
            _vouches(member, signer, LIST_ROLES) for member in seen.members
        ):
            continue
        yield finding(
            Code.CTL_SIGNER_UNKNOWN,
            node,
            f"the CTL is signed by {describe_signer(signer)}, which is not a "
            "SAST in the ITL, and no TVS member vouches for that signer",
        )


def describe_signer(signer: SignerId) -> str:
    """Return `CN=… (serial …)`."""
    return f"{short_name(signer.subject)} (serial {signer.serial_hex})"


def _is_sast_of(held: TrustList, signer: SignerId) -> bool:
    return any(r.is_sast and r.is_named(signer) for r in held.records)


def _vouches(member: Member, signer: SignerId, roles: frozenset[Role]) -> bool:
    answer = member.answers.get(signer)
    return (
        isinstance(answer, Answer)
        and answer.is_trusted
        and bool(roles & set(answer.roles))
    )


def _unknown_records(seen: Observation) -> Iterator[Finding]:
    """Find certificates of lists that no answering TVS member knows."""
    answering = [member for member in seen.members if member.answers]
    if not answering:
        return
    for subject, places in _places(seen).items():
        if any(_is_known(member, subject) for member in answering):
            continue
        record, nodes, kinds = places
        yield finding(
            Code.TVS_DOES_NOT_KNOW,
            ", ".join(nodes),
            f"TVS does not know {describe(record)}, which is in the "
            f"{' and the '.join(kinds)}",
            is_mild=record.is_sast,
        )


def _places(seen: Observation) -> dict[SignerId, tuple[Record, list[str], list[str]]]:
    """Return every certificate in lists with a record, the nodes and the lists.

    For a certificate with several roles, the record is one that is not a SAST.
    """
    places: dict[SignerId, tuple[Record, list[str], list[str]]] = {}
    ordered = sorted(
        ((r.is_sast, node, kind, r) for node, kind, t in seen.lists for r in t.records),
        key=lambda each: each[0],
    )
    for _, node, kind, record in ordered:
        if record.serial_number and record.subject_name and record.issuer_name:
            subject = SignerId(
                record.subject_name, record.issuer_name, record.serial_number
            )
            _, nodes, kinds = places.setdefault(subject, (record, [], []))
            _add(nodes, str(node))
            _add(kinds, _short(kind))
    return places


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def _short(kind: FileKind) -> str:
    return kind.value.removesuffix("File.tlv")


def _is_known(member: Member, subject: SignerId) -> bool:
    answer = member.answers.get(subject)
    return isinstance(answer, Answer) and answer.is_trusted


def _disagreements(seen: Observation) -> Iterator[Finding]:
    """Find questions that members answer differently: a negative answer is final."""
    for subject in seen.subjects:
        said = {
            str(member): (answer.is_trusted, frozenset(answer.roles))
            for member in seen.members
            if isinstance(answer := member.answers.get(subject), Answer)
        }
        if len(set(said.values())) > 1:
            yield finding(
                Code.TVS_DISAGREES,
                "",
                f"asked about {describe_signer(subject)}, "
                + "; ".join(f"{who} says {_say(*what)}" for who, what in said.items()),
            )


def _say(is_trusted: bool, roles: frozenset[int]) -> str:
    if not is_trusted:
        return "no"
    return f"yes ({', '.join(sorted(map(role_name, roles))) or 'no role'})"
