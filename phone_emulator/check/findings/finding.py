"""A finding: problem, effect, fix."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from tokenless.phone_emulator.check.findings.catalogue import CATALOGUE
from tokenless.phone_emulator.check.findings.codes import Code
from tokenless.protocol.trust.lint import Severity

__all__ = ["Code", "Finding", "Severity", "by_severity", "finding"]

_ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a cluster."""

    severity: Severity
    """ERROR: phones are locked out, or will be when they next start."""
    code: Code
    where: str
    """The node or TVS member that it is about; empty: the cluster."""
    message: str
    consequence: str = ""
    """The effect on phones."""
    advice: str = ""
    """The remedy."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `check --json` lists."""
        return {
            "severity": self.severity.value,
            "code": self.code.value,
            "where": self.where or None,
            "message": self.message,
            "consequence": self.consequence or None,
            "advice": self.advice or None,
        }


def finding(
    code: Code, where: object, message: str, *, is_mild: bool = False, **details: str
) -> Finding:
    """Return a finding with what the catalogue says of it.

    Args:
        code: What was found.
        where: The node or TVS member; empty: the cluster.
        message: What was seen there.
        is_mild: Whether it is the case that the catalogue counts for less.
        details: What stands for the words in braces.
    """
    entry = CATALOGUE[code]
    milder = entry.milder if is_mild else None
    return Finding(
        entry.severity if milder is None else milder,
        code,
        str(where),
        message,
        entry.consequence.format_map(details),
        entry.advice.format_map(details),
    )


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return them with the worst first; one that many nodes share is said once."""
    places: dict[Finding, list[str]] = {}
    for each in findings:
        nowhere = replace(each, where="")
        here = places.setdefault(nowhere, [])
        if each.where not in here:
            here.append(each.where)
    merged = [
        replace(each, where=", ".join(filter(None, where)))
        for each, where in places.items()
    ]
    return sorted(merged, key=lambda each: _ORDER[each.severity])
