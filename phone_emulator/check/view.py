"""Printed result of a check: a table of the nodes, the findings, a verdict."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell, cells
from tokenless.phone_emulator.check.findings.callmanager import answer_to
from tokenless.phone_emulator.check.findings.finding import Code, Finding, Severity
from tokenless.phone_emulator.check.inspect import why_unknown
from tokenless.phone_emulator.check.observing.observation import (
    CapfView,
    Member,
    Missing,
    Node,
    Observation,
)
from tokenless.protocol.certificates.names import short_name
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.tvs.answers import Answer

_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
WIDTH_IN_FILES: Final = 120
"""Columns of the tables where there is no terminal: one can read that much."""


def check_view(seen: Observation, findings: Sequence[Finding]) -> Group:
    """Draw the observed cluster and its faults."""
    unknown = why_unknown(seen)
    last = _sum(findings) if unknown is None else _not_told(unknown)
    tables = [_nodes(seen.nodes), _members(seen.members)]
    if seen.capf:
        tables.append(_capf(seen.capf))
    if seen.callmanagers:
        tables.append(_callmanagers(seen))
    return Group(*tables, *_findings(findings), last)


def _not_told(why: str) -> Text:
    return Text(f"Nothing was checked: {why}", "bold red")


def _nodes(nodes: Sequence[Node]) -> Table:
    table = Table(header_style="bold", show_lines=True)
    for title in ("TFTP node", "CTL", "ITL", "configuration"):
        table.add_column(title, overflow="fold")
    for node in nodes:
        table.add_row(
            cells((node.name, node.server)),
            _list(node, FileKind.CTL),
            _list(node, FileKind.ITL),
            _configuration(node),
        )
    return table


def _list(node: Node, kind: FileKind) -> str:
    file = node.find(kind)
    decoded = node.ctl if kind is FileKind.CTL else node.itl
    if isinstance(file, Missing):
        return "none" if file.is_absent else "unreachable"
    if decoded is None:
        return "malformed"
    return f"{len(file)} bytes, {len(decoded.records)} records\n{decoded.md5} (MD5)"


def _configuration(node: Node) -> str:
    forms = [
        name
        for name, there in (
            ("plain", _has_plain(node)),
            ("signed", node.signed_configuration is not None),
        )
        if there
    ]
    said = " and ".join(forms) or "none"
    return f"{said}, encrypted" if node.is_encrypted else said


def _has_plain(node: Node) -> bool:
    is_there = isinstance(node.find(FileKind.CONFIGURATION), bytes)
    return is_there and node.configuration is not None


def _members(members: Sequence[Member]) -> Table:
    table = Table(header_style="bold")
    for title in ("TVS member", "TLS", "asked", "vouched for"):
        table.add_column(title, overflow="fold")
    for member in members:
        answers = member.answers.values()
        trusted = sum(isinstance(a, Answer) and a.is_trusted for a in answers)
        table.add_row(
            cell(member.server),
            ", ".join(member.versions) or "none",
            str(len(answers)),
            str(trusted),
        )
    return table


def _capf(servers: Sequence[CapfView]) -> Table:
    table = Table(header_style="bold")
    for title in ("CAPF server", "shows"):
        table.add_column(title, overflow="fold")
    for capf in servers:
        shown = capf.certificate
        words = "unreachable" if shown is None else short_name(shown.subject_text)
        table.add_row(cell(capf.server), cell(words))
    return table


def _callmanagers(seen: Observation) -> Table:
    table = Table(header_style="bold")
    for title in ("CallManager, secure", "TLS", "shows", "phones"):
        table.add_column(title, overflow="fold")
    for each in seen.callmanagers:
        shown = each.certificate
        where = f"{each.signalling} {each.server}" if each.server.port else "SCCP"
        said = [f"{m}: {answer_to(each, m, seen.nodes)}" for m in each.models]
        table.add_row(
            cells((each.name, where)),
            ", ".join(each.versions) or "none",
            cell(each.reason if shown is None else short_name(shown.subject_text)),
            cells(said),
        )
    return table


def _findings(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    for each in findings:
        head = Text(f"{each.severity.value}: ", _STYLES[each.severity])
        where = f"{each.where}: " if each.where else ""
        head.append_text(cell(f"{where}{each.message} [{each.code.value}]", "default"))
        yield head
        if each.consequence:
            yield cell(f"    effect: {each.consequence}")
        if each.advice:
            yield cell(f"    fix: {each.advice}")


def _sum(findings: Sequence[Finding]) -> Text:
    counts = {
        severity: sum(each.severity is severity for each in findings)
        for severity in Severity
    }
    warnings = counted(counts[Severity.WARNING], "warning")
    notes = counted(counts[Severity.NOTE], "note")
    codes = {each.code for each in findings if each.severity is Severity.ERROR}
    if codes == {Code.TFTP_UNREACHABLE}:
        nodes = counted(counts[Severity.ERROR], "TFTP node")
        words = f"{nodes} did not answer; the other nodes have {warnings}, {notes}"
        return Text(words, "bold red")
    if codes == {Code.CALLMANAGER_UNLISTED}:
        errors = counted(counts[Severity.ERROR], "error")
        words = f"Secure phones do not register: {errors}, {warnings}, {notes}"
        return Text(words, "bold red")
    if counts[Severity.ERROR]:
        errors = counted(counts[Severity.ERROR], "error")
        return Text(f"Phones are locked out: {errors}, {warnings}, {notes}", "bold red")
    if counts[Severity.WARNING]:
        return Text(f"No phone is locked out; {warnings}, {notes}", "yellow")
    return Text(f"No findings; {notes}", "green")
