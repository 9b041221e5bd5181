"""Findings about CAPF: do phones believe it, and does the server know their LSC?

A phone speaks with CAPF only where its certificate is the CAPF record of the phone's
CTL. A phone whose CTL names none looks into its ITL, then asks TVS (REFERENCE-3 3.1,
REFERENCE 7.6). certHash is the MD5 of the phone's certificate (REFERENCE-3 2.2).
"""

from collections.abc import Iterator
from typing import Final

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.observation import (
    CapfView,
    Node,
    Observation,
    decode_configuration,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import short_name
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.capf_decision import is_hash_of
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.device_security import NOTHING_PENDING, CapfAuthMode
from tokenless.protocol.trust.anchor_records import certificates_of
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.answers import Answer

_SHOWN_LETTERS: Final = 64
"""Of a certHash: a real one has 32."""
_NEED_A_PERSON: Final = frozenset({NOTHING_PENDING, CapfAuthMode.STRING})
"""Modes in which a phone gets no certificate by itself."""


def capf_findings(seen: Observation) -> Iterator[Finding]:
    """Return the findings about CAPF servers, by the lists of every node."""
    if not seen.capf and any(_lists_capf(node) for node in seen.nodes):
        words = "the lists have a CAPF, and no configuration names one"
        yield finding(Code.CAPF_NOT_ASKED, "", f"{words}: it was not asked")
    for capf in seen.capf:
        if capf.certificate is None:
            reason = printable(capf.reason or "it cannot be reached")
            port = str(capf.server.port)
            yield finding(Code.CAPF_UNREACHABLE, capf, reason, port=port)
            continue
        by_vouching = _is_vouched_for(seen, capf)
        refusing = [
            f"the {kind} of {node}"
            for node in seen.nodes
            if (kind := _refusing_list(node, capf.certificate, by_vouching=by_vouching))
        ]
        if refusing:
            yield finding(
                Code.CAPF_UNLISTED,
                capf,
                f"the server shows {_describe(capf.certificate)}, which is not a "
                f"CAPF record of {', '.join(refusing)}",
            )


def _lists_capf(node: Node) -> bool:
    return any(certificates_of(held, Role.CAPF) for held in (node.ctl, node.itl))


def _refusing_list(node: Node, shown: Certificate, *, by_vouching: bool) -> str | None:
    """Return which list of a node makes its phones refuse CAPF; None when none does."""
    of_ctl = certificates_of(node.ctl, Role.CAPF)
    if of_ctl:
        return None if shown.der in of_ctl else "CTL"
    if node.itl is None:
        return None  # without any list there is nothing to compare with
    if shown.der in certificates_of(node.itl, Role.CAPF) or by_vouching:
        return None
    return "ITL"


def _is_vouched_for(seen: Observation, capf: CapfView) -> bool:
    """Tell whether a phone that asks TVS would believe it, by the members' answers."""
    return any(
        isinstance(answer, Answer) and answer.is_trusted and Role.CAPF in answer.roles
        for member in seen.members
        for subject, answer in member.answers.items()
        if subject == capf.subject
    )


def hash_findings(seen: Observation, lsc: Certificate | None) -> Iterator[Finding]:
    """Return where certHash is another than that of the phone's certificate."""
    if lsc is None:
        return
    for node in seen.nodes:
        found = _configuration(node)
        if found is not None and not is_hash_of(found[1], lsc.md5):
            yield _differs(node, *found, lsc)


def _configuration(node: Node) -> tuple[str, PhoneConfig] | None:
    """Return what it is called, and the configuration that says a certHash."""
    is_plain = isinstance(node.find(FileKind.CONFIGURATION), bytes)
    name = "configuration" if is_plain else "signed configuration"
    if node.configuration is not None:
        return name, node.configuration
    signed = node.signed_configuration
    decoded = None if signed is None else decode_configuration(signed.payload)
    return None if decoded is None else ("signed configuration", decoded)


def _differs(node: Node, name: str, config: PhoneConfig, lsc: Certificate) -> Finding:
    said = printable(config.certificate_hash[:_SHOWN_LETTERS]) or "empty"
    is_stuck = config.encrypted and config.capf_auth_mode in _NEED_A_PERSON
    return finding(
        Code.CERT_HASH_DIFFERS,
        node,
        f"certHash of the {name} is {said}, the phone's certificate "
        f"{_describe(lsc)} has {lsc.md5}",
        is_mild=not is_stuck,
    )


def _describe(certificate: Certificate) -> str:
    """Return `CN=… (serial …)`."""
    name = printable(short_name(certificate.subject_text))
    return f"{name} (serial {certificate.serial_hex})"
