"""The registrations of phones after a step, made with copies of the phones.

Registered phones send no more than a keep-alive; whether they could register now is
what people ask on the morning after. So copies register over the real services, with
what the phones hold: phones that hold the same and have the same certificates do the
same, and one copy stands for all of them. The phones and their flash stay as they are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final, Self

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.registration.register import register_once
from tokenless.phone_emulator.registration.report import (
    Attempt,
    Failure,
    RegistrationReport,
)
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import CopiedFlash, Waiting

_AT_ONCE: Final = 64
_TIMEOUT_S: Final = 10.0


@unique
class DialTone(StrEnum):
    """The state of a phone's registration, for tables."""

    SECURE = "registered secure"
    PLAIN = "registered"
    SECURE_ELSEWHERE = "registered secure at another node"
    """Not at the first node of its group, which would not take it."""
    ELSEWHERE = "registered at another node"
    NONE = "not registered"


@dataclass(frozen=True, slots=True)
class RegistrationFailure:
    """The reason why a node did not accept a phone."""

    failure: Failure
    node: str
    said: str

    def __str__(self) -> str:
        """Write it as one sentence."""
        at = f"{self.node}: " if self.node else ""
        said = f" ({self.said})" if self.said and self.failure in _SAID else ""
        return f"{at}{FAILURE_WORDS[self.failure]}{said}"

    @property
    def fix(self) -> str:
        """The remedy."""
        return FIXES[self.failure]


_SAID: Final = frozenset({Failure.REJECTED, Failure.TLS_FAILED})
"""Failures that the words of a server explain; of the others the code says all."""
FAILURE_WORDS: Final = {
    Failure.NO_CONFIGURATION: "the phone has no configuration",
    Failure.NO_CALLMANAGER: "its configuration names no CallManager",
    Failure.UNREACHABLE: "nothing listens",
    Failure.SILENT: "no answer",
    Failure.CLOSED: "the connection was closed",
    Failure.NOT_IN_CTL: (
        "the server's certificate is not in the phone's CTL: the CTL is too old"
    ),
    Failure.NOT_IN_ITL: "the server's certificate is not in the phone's ITL",
    Failure.NO_COMMON_TLS_VERSION: "no TLS version in common",
    Failure.NO_COMMON_CIPHER: "no TLS cipher in common",
    Failure.NO_OWN_CERTIFICATE: "the phone has neither an LSC nor a MIC",
    Failure.OWN_CERTIFICATE_REFUSED: "the phone's certificate is not trusted",
    Failure.TLS_FAILED: "the TLS handshake failed",
    Failure.REJECTED: "the registration was refused",
}
"""The reason codes of registrations in plain words."""
FIXES: Final = {
    Failure.NO_CONFIGURATION: "reset the phones",
    Failure.NO_CALLMANAGER: "give their device pool a CallManager group",
    Failure.UNREACHABLE: "start Cisco CallManager, or the node",
    Failure.SILENT: "look at the node: its Cisco CallManager hangs",
    Failure.CLOSED: "look at the node's log",
    Failure.NOT_IN_CTL: (
        "`utils ctl update CTLFile`, restart Cisco Tftp, reset the phones; where the "
        "CTL is new already, restart Cisco CallManager"
    ),
    Failure.NOT_IN_ITL: "restart Cisco Tftp, reset the phones",
    Failure.NO_COMMON_TLS_VERSION: (
        "lower the TLS minimum of Cisco CallManager, or replace the phones"
    ),
    Failure.NO_COMMON_CIPHER: (
        "let Cisco CallManager offer a cipher that the phones know, or replace them"
    ),
    Failure.NO_OWN_CERTIFICATE: "let CAPF issue LSCs to the phones",
    Failure.OWN_CERTIFICATE_REFUSED: (
        "upload the issuer of their certificates to CallManager-trust and restart "
        "Cisco CallManager, or let CAPF issue new LSCs"
    ),
    Failure.TLS_FAILED: "look at the node's log",
    Failure.REJECTED: "compare the device's security profile with what the phone does",
}
"""Remedies for phones that a node did not accept."""


@dataclass(frozen=True, slots=True)
class Registrations:
    """The registrations of the phones of a group that are on."""

    counts: Mapping[DialTone, int] = field(default_factory=dict)
    failures: Mapping[RegistrationFailure, int] = field(default_factory=dict)
    """The reasons why first nodes did not accept phones, by cause."""
    nodes: Mapping[str, int] = field(default_factory=dict)
    """Phones by the node that they are registered at."""
    secure: int = 0

    @classmethod
    def of(cls, reports: Iterable[RegistrationReport]) -> "Registrations":
        """Sum up the registrations of a group."""
        counts: Counter[DialTone] = Counter()
        failures: Counter[RegistrationFailure] = Counter()
        nodes: Counter[str] = Counter()
        secure = 0
        for report in reports:
            counts[dial_tone_of(report)] += 1
            secure += report.is_secure
            if report.node is not None:
                nodes[report.node] += 1
            if report.attempts:
                failures[_failure(report.attempts[0])] += 1
        return cls(counts, failures, nodes, secure)

    @property
    def phones(self) -> int:
        """Return the number of phones that are on and have booted."""
        return sum(self.counts.values())

    @property
    def without(self) -> int:
        """Return the number of them that have no dial tone."""
        return self.counts.get(DialTone.NONE, 0)

    def to_json(self) -> dict[str, Any]:
        """Return the `registration` of a group in `rehearse run --json`."""
        return {
            "states": {state.value: count for state, count in self.counts.items()},
            "nodes": dict(self.nodes),
            "secure": self.secure,
            "causes": [
                {
                    "reason_code": cause.failure.value,
                    "node": cause.node,
                    "said": cause.said,
                    "phones": count,
                }
                for cause, count in self.failures.items()
            ],
        }


def dial_tone_of(report: RegistrationReport) -> DialTone:
    """Return how a table names a registration."""
    if not report.is_registered:
        return DialTone.NONE
    if report.is_elsewhere:
        secure = report.is_secure
        return DialTone.SECURE_ELSEWHERE if secure else DialTone.ELSEWHERE
    return DialTone.SECURE if report.is_secure else DialTone.PLAIN


def _failure(attempt: Attempt) -> RegistrationFailure:
    return RegistrationFailure(attempt.failure, attempt.node, attempt.said)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that decides how a phone registers."""

    model: str
    ctl: bytes | None
    itl: bytes | None
    configuration: bytes | None
    certificate: str
    """The hash of its own certificate."""

    @classmethod
    def of(cls, phone: Waiting) -> Self:
        """Return the case of a phone."""
        model, held = phone.identity.model_name, phone.contents
        own = phone.certificates.certificate_hash
        return cls(model, held.ctl, held.itl, held.configuration, own)


async def register_copies(
    phones: Mapping[str, Waiting],
    *,
    secure_ports: SecurePorts,
    clock: Callable[[], float],
) -> dict[str, RegistrationReport]:
    """Return how phones would be registered now, by device.

    Args:
        phones: The phones that are on, by device.
        secure_ports: Where nodes listen for SCCP over TLS.
        clock: What the phones take for the time.
    """
    cases: dict[_Case, Waiting] = {}
    of_phone: dict[str, _Case] = {}
    for device, phone in phones.items():
        case = of_phone[device] = _Case.of(phone)
        cases.setdefault(case, phone)
    reports: dict[_Case, RegistrationReport] = {}
    limiter = trio.CapacityLimiter(_AT_ONCE)

    async def register(case: _Case, network: Network) -> None:
        phone = cases[case]
        async with limiter:
            copy = Phone(
                phone.identity, CopiedFlash(phone.contents), phone.certificates
            )
            reports[case] = await register_once(copy, network)

    if cases:
        async with (
            open_network(
                clock=clock, secure_ports=secure_ports, register_timeout_s=_TIMEOUT_S
            ) as network,
            trio.open_nursery() as nursery,
        ):
            for case in cases:
                nursery.start_soon(register, case, network)
    return {device: reports[case] for device, case in of_phone.items()}
