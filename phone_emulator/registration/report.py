"""The result of a registration, as values for reports and programs.

`RegistrationReport` says at which node a phone is registered and whether securely, and
for every node that it tried before why that one was not it.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

from tokenless.protocol.phones.registration import Signalling


@unique
class Failure(StrEnum):
    """Reasons why a phone is not registered at a node: reason codes of reports."""

    NO_CONFIGURATION = "no-configuration"
    """The phone has never accepted a configuration."""
    NO_CALLMANAGER = "no-callmanager"
    """Its configuration names no CallManager."""
    UNREACHABLE = "unreachable"
    """Nothing listens there, or the name is not known."""
    SILENT = "silent"
    """The server does not answer in time."""
    CLOSED = "closed"
    """The server closed the connection."""
    NOT_IN_CTL = "not-in-ctl"
    """The server's certificate is no CCM record of the installed CTL: a stale CTL."""
    NOT_IN_ITL = "not-in-itl"
    """The case of `NOT_IN_CTL` for a phone without a CTL."""
    NO_COMMON_TLS_VERSION = "no-common-tls-version"
    NO_COMMON_CIPHER = "no-common-cipher"
    NO_OWN_CERTIFICATE = "no-own-certificate"
    """The server wants a certificate; the phone has neither LSC nor MIC."""
    OWN_CERTIFICATE_REFUSED = "own-certificate-refused"
    """The server does not trust the issuer of the phone's LSC or MIC."""
    TLS_FAILED = "tls-failed"
    """The handshake failed in another way."""
    REJECTED = "rejected"
    """The server refused the registration; `said` has its words."""


@unique
class RegistrationOutcome(StrEnum):
    """The result of a registration, as a person at the phone sees it."""

    REGISTERED_SECURE = "registered secure"
    REGISTERED = "registered"
    NOT_REGISTERED = "not registered"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One node that a phone tried in vain.

    Attributes:
        node: Its name in the configuration.
        address: Host and port.
        is_secure: Whether the phone tried TLS.
        failure: Why it is not registered there.
        said: The server's words, or what the phone saw; anybody's text.
    """

    node: str
    address: str
    is_secure: bool
    failure: Failure
    said: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return {
            "node": self.node,
            "address": self.address,
            "secure": self.is_secure,
            "reason_code": self.failure.value,
            "said": self.said,
        }


@dataclass(frozen=True, slots=True)
class RegistrationReport:
    """The node at which a phone is registered, or the reason why it is not.

    Attributes:
        device: The phone's name.
        model: Its model.
        signalling: What it speaks; None without a configuration.
        node: The name of the node that it is registered at; None: at none.
        address: That node's host and port.
        priority: The place of the node in the phone's group; 0 is the first.
        cipher: Of TLS; None in clear.
        number: The phone's directory number.
        attempts: The nodes that were tried before.
    """

    device: str
    model: str
    signalling: Signalling | None = None
    node: str | None = None
    address: str = ""
    priority: int = 0
    cipher: str | None = None
    number: str = ""
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_registered(self) -> bool:
        """Return whether the phone has dial tone."""
        return self.node is not None

    @property
    def is_secure(self) -> bool:
        """Return whether it is registered over TLS."""
        return self.is_registered and self.cipher is not None

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether it is registered at another node than the first of its group."""
        return self.is_registered and self.priority > 0

    @property
    def failure(self) -> Failure | None:
        """Return why it is not registered at the first node of its group, or None."""
        return self.attempts[0].failure if self.attempts else None

    @property
    def outcome(self) -> RegistrationOutcome:
        """Return the result, as a person at the phone sees it."""
        if not self.is_registered:
            return RegistrationOutcome.NOT_REGISTERED
        return (
            RegistrationOutcome.REGISTERED_SECURE
            if self.is_secure
            else RegistrationOutcome.REGISTERED
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "device": self.device,
            "model": self.model,
            "protocol": None if self.signalling is None else self.signalling.value,
            "outcome": self.outcome.value,
            "node": self.node,
            "address": self.address or None,
            "secure": self.is_secure,
            "cipher": self.cipher,
            "elsewhere": self.is_elsewhere,
            "number": self.number or None,
            "reason_code": None if self.failure is None else self.failure.value,
            "attempts": [each.to_json() for each in self.attempts],
        }
