"""Report of a boot: result of each file, TVS queries, outcome.

`to_json` is what `phone boot --json` prints: others rely on its keys.
"""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

from tokenless.protocol.checksums import md5_of, sha1_of
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason


@unique
class FileAction(StrEnum):
    """The result for one file."""

    INSTALLED = "installed"
    """There was none before."""
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """The server serves what the phone holds (rule 8)."""
    REJECTED = "rejected"
    ABSENT = "absent"
    """The server does not have it; the installed one stays (rule 1)."""
    FAILED = "failed"
    """It could not be downloaded; the installed one stays (rule 1)."""


@unique
class Outcome(StrEnum):
    """The result of the whole boot."""

    OK = "ok"
    """The phone holds what the server serves."""
    DEGRADED = "degraded"
    """Something that the phone needs is missing, nothing was rejected."""
    REJECTED = "rejected"
    """The phone refused a file and works with its old one."""
    UNREACHABLE = "unreachable"
    """No TFTP server answered."""


@unique
class LscState(StrEnum):
    """The state of a phone's LSC after a boot."""

    NONE = "none"
    INSTALLED = "installed"
    EXPIRED = "expired"


CHANGED: Final = frozenset({FileAction.INSTALLED, FileAction.UPDATED})
"""The phone took the file."""


@dataclass(slots=True)
class FileReport:
    """One file's fate."""

    action: FileAction = FileAction.FAILED
    requested: str | None = None
    """The last name that the phone asked for."""
    held: bytes | None = field(default=None, repr=False)
    """The file that the phone holds after the boot."""
    signer: str | None = None
    """The signer that the downloaded file names."""
    verified_by: VerifiedBy | None = None
    rule: int | None = None
    """The rule of REFERENCE 4.2 that decided."""
    code: Reason | None = None
    """The reason why it was rejected or not downloaded."""
    reason: str | None = None
    """The same for a person; it may quote what a server wrote."""
    finding: str | None = None

    @property
    def md5(self) -> str | None:
        """The MD5 of what the phone holds, None when it holds nothing."""
        return None if self.held is None else md5_of(self.held)

    @property
    def sha1(self) -> str | None:
        """The SHA-1 of what the phone holds, None when it holds nothing."""
        return None if self.held is None else sha1_of(self.held)

    def to_json(self) -> dict[str, Any]:
        """Return one of `files` of `phone boot --json`."""
        return {
            "action": self.action.value,
            "requested": self.requested,
            "md5": self.md5,
            "sha1": self.sha1,
            "signer": self.signer,
            "verified_by": None if self.verified_by is None else self.verified_by.value,
            "reason": self.reason,
            "reason_code": None if self.code is None else self.code.value,
            "rule": self.rule,
            "finding": self.finding,
        }


@dataclass(frozen=True, slots=True)
class TvsReport:
    """One QUERY to one server."""

    server: str
    serial: str
    issuer: str
    status: str
    """`trusted`, `untrusted` or `unreachable`."""
    roles: tuple[int, ...]
    ttl: int | None
    milliseconds: float
    reason: str | None = None
    code: Reason | None = None
    """The reason why it could not be used."""

    def to_json(self) -> dict[str, Any]:
        """Return one of `tvs` of `phone boot --json`."""
        return {
            "server": self.server,
            "request": "query",
            "serial": self.serial,
            "issuer": self.issuer,
            "status": self.status,
            "roles": list(self.roles),
            "ttl": self.ttl,
            "milliseconds": round(self.milliseconds, 1),
            "reason": self.reason,
            "reason_code": None if self.code is None else self.code.value,
        }


@dataclass(slots=True)
class BootReport:
    """One phone's boot."""

    device: str
    model: str
    files: dict[FileKind, FileReport] = field(default_factory=dict)
    tvs: list[TvsReport] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    """Status messages with the Unix seconds at which the phone showed them."""
    needs_ctl: bool = False
    """The accepted configuration asks for security, but no CTL is installed."""
    configuration: PhoneConfig | None = None
    """The last one that passed, whole or small; CAPF goes by it."""
    decrypt_failed: bool = False
    """True if the phone's key did not open its encrypted configuration."""
    opened: bool = False
    """True if it opened an encrypted configuration."""
    lsc: LscState = LscState.NONE
    capf: dict[str, Any] | None = None
    """The result of the connection to CAPF after the boot; None: there was none."""
    console_log: str | None = None

    @property
    def status_messages(self) -> list[str]:
        """Return the messages on the phone's screen, in order."""
        return [text for _, text in self.said]

    @property
    def outcome(self) -> Outcome:
        """Judge the boot by its files."""
        actions = {report.action for report in self.files.values()}
        configuration = self.files.get(FileKind.CONFIGURATION)
        if actions <= {FileAction.FAILED}:
            return Outcome.UNREACHABLE
        if FileAction.REJECTED in actions:
            return Outcome.REJECTED
        has_configuration = configuration is not None and (
            configuration.action in CHANGED | {FileAction.UNCHANGED}
        )
        if FileAction.FAILED in actions or not has_configuration or self.needs_ctl:
            return Outcome.DEGRADED
        return Outcome.OK

    @property
    def holds_what_is_served(self) -> bool:
        """Tell whether no file was refused or missing; the opposite of stuck."""
        return not any(
            report.action in (FileAction.REJECTED, FileAction.FAILED)
            for report in self.files.values()
        )

    def include(self, earlier: "BootReport") -> None:
        """Take in the boot before this one, which did not get every file.

        What that one installed, this one finds unchanged; it still was news.
        """
        for kind, before in earlier.files.items():
            now = self.files.get(kind)
            if now and now.action is FileAction.UNCHANGED and before.action in CHANGED:
                self.files[kind] = before
        self.tvs[:0] = earlier.tvs
        self.said[:0] = earlier.said

    def file(self, kind: FileKind) -> FileReport:
        """Return the report of one file; `failed` before anything is known."""
        return self.files.setdefault(kind, FileReport())

    def to_json(self) -> dict[str, Any]:
        """Return the object that `phone boot --json` prints."""
        names = {FileKind.CONFIGURATION: f"{self.device}.cnf.xml"}
        return {
            "device": self.device,
            "model": self.model,
            "outcome": self.outcome.value,
            "files": {
                names.get(kind, kind.value): report.to_json()
                for kind, report in self.files.items()
            },
            "tvs": [query.to_json() for query in self.tvs],
            **({} if self.capf is None else {"capf": self.capf}),
            "status_messages": self.status_messages,
            "console_log": self.console_log,
        }
