"""Differences between a node's files over HTTP and over TFTP.

Most phones try HTTP 6970 first and fall back to TFTP (REFERENCE-3 1.2), so what stands
there is what they get; where nothing answers, they are delayed and lose nothing.
"""

from collections.abc import Iterator

from tokenless.phone_emulator.check.findings.finding import Code, Finding, finding
from tokenless.phone_emulator.check.observing.observation import (
    Missing,
    Node,
    Observation,
)


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
