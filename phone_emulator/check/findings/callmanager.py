"""Findings about CallManager's secure ports: would phones register there?

A phone registers over TLS only where the certificate shown is, byte for byte, a CCM
record of its CTL, or of its ITL without a CTL (REFERENCE-3 4.7).
"""

from collections.abc import Iterator, Sequence

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.callmanager import (
    NOT_ASKED,
    listed_callmanagers,
)
from tokenless.phone_emulator.check.observing.observation import (
    CallManagerView,
    Node,
    Observation,
)
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import short_name
from tokenless.protocol.phones.models import PHONE_MODELS


def callmanager_findings(seen: Observation) -> Iterator[Finding]:
    """Return the findings about the secure ports of CallManagers."""
    yield from _without_a_group(seen)
    told: set[tuple[str, bytes]] = set()
    for each in seen.callmanagers:
        shown = each.certificate
        if shown is None:
            # Of a known one whose port no configuration says, the table tells it.
            if each.reason != NOT_ASKED:
                yield _not_seen(each, is_guess=not _is_group_known(seen))
            continue
        refusing = refusing_lists(seen.nodes, shown)
        if refusing and (str(each), shown.der) not in told:
            told.add((str(each), shown.der))
            words = f"{short_name(shown.subject_text)} (serial {shown.serial_hex})"
            yield finding(
                Code.CALLMANAGER_UNLISTED,
                each,
                f"the server shows {words}, which is not a CCM record of "
                f"{', '.join(refusing)}",
            )
        shut_out = [model for model, agrees in each.models.items() if not agrees]
        if shut_out:
            offered = ", ".join(each.versions) or "no version"
            yield finding(
                Code.CALLMANAGER_TLS,
                each,
                f"a {', '.join(shut_out)} has no TLS version and cipher in common with "
                f"{each.signalling} over TLS (the server accepts TLS {offered})",
            )


def _is_group_known(seen: Observation) -> bool:
    return any(node.knows_callmanagers for node in seen.nodes)


def _without_a_group(seen: Observation) -> Iterator[Finding]:
    """Say it where secure phones register, and no configuration says at which node."""
    is_mixed = any(listed_callmanagers(node) for node in seen.nodes)
    if not is_mixed or _is_group_known(seen):
        return
    why = (
        "the configuration that lists CallManagers is encrypted"
        if any(node.is_encrypted for node in seen.nodes)
        else "no configuration lists CallManagers"
    )
    if seen.callmanagers:
        words = "those of the lists were looked at, at their usual ports"
        yield finding(Code.CALLMANAGER_GUESSED, "", f"{why}; {words}")
    else:
        words = "no secure port was looked at"
        yield finding(Code.CALLMANAGER_NOT_ASKED, "", f"{why}; {words}")


def _not_seen(each: CallManagerView, *, is_guess: bool) -> Finding:
    reason = printable(each.reason or "no answer")
    if is_guess:
        words = f"{each.signalling} over TLS was not seen at {each.server.port}: "
        return finding(Code.CALLMANAGER_NOT_ASKED, each, f"{words}{reason}")
    return finding(
        Code.CALLMANAGER_UNREACHABLE,
        each,
        f"{each.signalling} over TLS: {reason}",
        port=str(each.server.port),
    )


def refusing_lists(nodes: Sequence[Node], shown: Certificate) -> list[str]:
    """Return the lists whose phones refuse a CallManager's certificate."""
    return [
        f"the {'ITL' if node.ctl is None else 'CTL'} of {node}"
        for node in nodes
        if (records := listed_callmanagers(node)) and shown.der not in records
    ]


def answer_to(each: CallManagerView, model: str, nodes: Sequence[Node]) -> str:
    """Return what a phone of a model would say: `registers`, or a reason code."""
    if each.certificate is None:
        return "not-asked" if each.reason == NOT_ASKED else "unreachable"
    if refusing_lists(nodes, each.certificate):
        return "not-in-ctl"
    oldest, newest = PHONE_MODELS[model].tls
    if not any(oldest <= version <= newest for version in each.versions):
        return "no-common-tls-version"
    return "registers" if each.models.get(model) else "no-common-cipher"
