"""All findings about a cluster that was seen."""

from collections.abc import Sequence
from typing import Any

from tokenless.phone_emulator.check.findings.callmanager import (
    answer_to,
    callmanager_findings,
)
from tokenless.phone_emulator.check.findings.capf import capf_findings, hash_findings
from tokenless.phone_emulator.check.findings.files import file_findings
from tokenless.phone_emulator.check.findings.finding import (
    Finding,
    Severity,
    by_severity,
)
from tokenless.phone_emulator.check.findings.nodes import http_findings, node_findings
from tokenless.phone_emulator.check.findings.phones import phone_findings
from tokenless.phone_emulator.check.findings.tvs import tvs_findings
from tokenless.phone_emulator.check.observing.observation import (
    CallManagerView,
    CapfView,
    Member,
    Missing,
    Node,
    Observation,
)
from tokenless.phone_emulator.screen import summary_of
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.answers import Answer


def inspect(
    seen: Observation, models: Sequence[str], lsc: Certificate | None = None
) -> list[Finding]:
    """Return the findings, the worst first.

    Args:
        seen: The cluster.
        models: The phone models that there are.
        lsc: The certificate of the phone whose files were fetched, where it is known.
    """
    if not is_answered(seen):
        # Of a cluster of which nothing was seen, nothing else is known.
        return by_severity(file_findings(seen))
    return by_severity(
        [
            *file_findings(seen),
            *node_findings(seen),
            *http_findings(seen),
            *tvs_findings(seen, models),
            *capf_findings(seen),
            *hash_findings(seen, lsc),
            *callmanager_findings(seen),
            *phone_findings(seen, models),
        ]
    )


def is_answered(seen: Observation) -> bool:
    """Tell whether any TFTP node answered; else nothing can be told of the cluster."""
    return not all(node.is_silent for node in seen.nodes)


def why_unknown(seen: Observation) -> str | None:
    """Return why nothing can be told of the phones; None when something can.

    A server that has no list and no configuration may be anybody's.
    """
    if not is_answered(seen):
        return "no TFTP node answered"
    found = (file for node in seen.nodes for file in node.files.values())
    if all(isinstance(file, Missing) and file.is_absent for file in found):
        return "no TFTP node serves a list or a configuration"
    return None


def locks_phones_out(findings: Sequence[Finding]) -> bool:
    """Return whether any finding is an error: phones are, or will be, locked out."""
    return any(each.severity is Severity.ERROR for each in findings)


def to_json(seen: Observation, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the object that `check --json` prints."""
    return {
        "ok": why_unknown(seen) is None and not locks_phones_out(findings),
        "answered": is_answered(seen),
        "counts": {
            severity.value: sum(each.severity is severity for each in findings)
            for severity in Severity
        },
        "nodes": [_node_json(node) for node in seen.nodes],
        "tvs": [_member_json(member) for member in seen.members],
        "capf": [_capf_json(each) for each in seen.capf],
        "callmanagers": [_callmanager_json(each, seen) for each in seen.callmanagers],
        "findings": [each.to_json() for each in findings],
    }


def _node_json(node: Node) -> dict[str, Any]:
    configuration = node.find(FileKind.CONFIGURATION)
    return {
        "server": str(node.server),
        "name": str(node),
        "reachable": not node.is_silent,
        "ctl": _list_json(node.ctl),
        "itl": _list_json(node.itl),
        "configuration": not isinstance(configuration, Missing),
        "signed_configuration": node.signed_configuration is not None,
        "tvs": [
            join_host_port(member.address, member.port)
            for member in (node.configuration.tvs if node.configuration else ())
        ],
    }


def _list_json(trust_list: TrustList | None) -> dict[str, Any] | None:
    if trust_list is None:
        return None
    return {**summary_of(trust_list), "records": len(trust_list.records)}


def _member_json(member: Member) -> dict[str, Any]:
    return {
        "server": str(member.server),
        "reachable": member.certificate is not None,
        "reason": member.reason,
        "tls": list(member.versions),
        "answers": [
            {
                "subject": subject.subject,
                "issuer": subject.issuer,
                "serial": subject.serial_hex,
                **_answer_json(answer),
            }
            for subject, answer in member.answers.items()
        ],
    }


def _callmanager_json(each: CallManagerView, seen: Observation) -> dict[str, Any]:
    shown = each.certificate
    return {
        "node": printable(each.name),
        "server": str(each.server),
        "signalling": each.signalling.value,
        "reachable": shown is not None,
        "reason": each.reason,
        "subject": None if shown is None else printable(shown.subject_text),
        "serial": None if shown is None else shown.serial_hex,
        "tls": list(each.versions),
        "models": {model: answer_to(each, model, seen.nodes) for model in each.models},
    }


def _capf_json(capf: CapfView) -> dict[str, Any]:
    shown = capf.certificate
    return {
        "server": str(capf.server),
        "reachable": shown is not None,
        "reason": capf.reason,
        "subject": None if shown is None else printable(shown.subject_text),
        "serial": None if shown is None else shown.serial_hex,
    }


def _answer_json(answer: Answer | str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"status": "unreachable", "roles": [], "reason": answer}
    status = "trusted" if answer.is_trusted else "untrusted"
    return {"status": status, "roles": list(answer.roles), "reason": None}
