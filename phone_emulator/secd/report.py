"""Report of a boot: result of each file, TVS queries, outcome, and advice in words.

`to_json` is what `phone boot --json` prints: others rely on its keys. The advice is
told from one phone's report alone. Rehearsals know the cluster as well, and name what
certainly helps (`rehearsal/outcome/remedies`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

from tokenless.protocol.checksums import md5_of, sha1_of
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason

_START_TFTP: Final = "start Cisco Tftp of a node that the phone asks"
_START_TVS: Final = (
    "start Cisco Trust Verification Service of a node that the phone's ITL names"
)
_UPLOAD: Final = (
    "sign the file with a key that the phone knows (`utils itl reset localkey`, "
    "`utils ctl reset localkey`), or upload the signer's certificate to "
    "Phone-SAST-trust of the cluster whose TVS the phone asks"
)
_DELETE: Final = "delete the lists on the phone (`delete_trust()`)"
_SERVE_AGAIN: Final = "have the node make and sign the file again: restart Cisco Tftp"
_OTHER_MODEL: Final = "choose a digest or a size that the model knows"

ADVICE: Final = {
    Reason.UNKNOWN_SIGNER: _SERVE_AGAIN,
    Reason.NOT_VOUCHED: _UPLOAD,
    Reason.WRONG_ROLE: _UPLOAD,
    Reason.OTHER_CERTIFICATE: "look at the TVS server: it answers for another one",
    Reason.BAD_SIGNATURE: _SERVE_AGAIN,
    Reason.EXPIRED: "regenerate the certificate of the signer",
    Reason.WRONG_NAME: _SERVE_AGAIN,
    Reason.DIGEST: _OTHER_MODEL,
    Reason.TOO_LONG: "delete certificates that the list need not have",
    Reason.MALFORMED: _SERVE_AGAIN,
    Reason.CANNOT_ASK: _DELETE,
    Reason.NO_TVS_LISTED: _DELETE,
    Reason.NO_TVS_CONFIGURED: _DELETE,
    Reason.TVS_UNUSABLE: _START_TVS,
    Reason.TVS_NOT_IN_ITL: (
        "let the phone fetch the ITL that has the certificate of TVS while a TVS "
        "that it knows still answers"
    ),
    Reason.TVS_TLS: "lower [tvs] tls_minimum to what the model knows",
    Reason.NOT_AUTHORISED: (
        "`utils ctl update CTLFile`, so that the CTL names the TFTP server"
    ),
    Reason.NO_SERVER: _START_TFTP,
    Reason.NOT_DOWNLOADED: _START_TFTP,
    Reason.NOT_DECRYPTED: (
        "let the phone get an LSC from CAPF, or take encryption out of its profile"
    ),
}
"""The remedy for each reason, as far as the phone's report alone can tell."""


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
    signer_id: SignerId | None = field(default=None, repr=False)
    """The same with its serial number."""
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
    http: dict[str, str] = field(default_factory=dict)
    """Servers that listen for HTTP, and why their answers were of no use."""
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

    @property
    def found_nothing(self) -> bool:
        """Tell whether no server that answered has a file for the phone.

        It may be a server of another cluster, so whether the phone holds what its own
        one serves cannot be told.
        """
        return {report.action for report in self.files.values()} == {FileAction.ABSENT}

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
        self.http = earlier.http | self.http

    def file(self, kind: FileKind) -> FileReport:
        """Return the report of one file; `failed` before anything is known."""
        return self.files.setdefault(kind, FileReport())

    def name_of(self, kind: FileKind) -> str:
        """Return the name of a file: `CTLFile.tlv`, `SEP001122334455.cnf.xml`."""
        is_own = kind is FileKind.CONFIGURATION
        return f"{self.device}.cnf.xml" if is_own else kind.value

    def assert_ok(self) -> None:
        """Check that the phone holds what is served.

        Raises:
            AssertionError: When it does not; has each file, the reason and what helps.
        """
        if self.outcome is not Outcome.OK:
            head = f"the boot of {self.device} ended {self.outcome.value}"
            raise AssertionError(failure_text(head, (self,)))

    def to_json(self) -> dict[str, Any]:
        """Return the object that `phone boot --json` prints."""
        return {
            "device": self.device,
            "model": self.model,
            "outcome": self.outcome.value,
            "files": {
                self.name_of(kind): report.to_json()
                for kind, report in self.files.items()
            },
            "tvs": [query.to_json() for query in self.tvs],
            **({"http": self.http} if self.http else {}),
            **({} if self.capf is None else {"capf": self.capf}),
            "status_messages": self.status_messages,
            "console_log": self.console_log,
        }


def troubles_of(report: BootReport) -> Iterator[str]:
    """Yield a line for each file that a phone refused or did not get, with its remedy.

    Args:
        report: Of the phone's boot.
    """
    for kind, file in report.files.items():
        if file.code is None:
            continue
        name = report.name_of(kind)
        quoted = f": {file.reason}" if file.reason else ""
        yield (
            f"{report.device} ({report.model}): {name} {file.action.value}, "
            f"{file.code.value}{quoted}; what helps: {ADVICE[file.code]}"
        )
    if report.needs_ctl:
        yield (
            f"{report.device} ({report.model}): its configuration asks for security, "
            f"and it holds no {FileKind.CTL.value}; what helps: switch mixed mode on, "
            "restart Cisco Tftp, and boot the phone again"
        )


def failure_text(head: str, reports: Iterable[BootReport]) -> str:
    """Return the text of a failed assertion.

    Args:
        head: The first line.
        reports: Of the phones that it tells of.
    """
    lines = [head]
    for report in reports:
        told = list(troubles_of(report))
        usual = f"{report.device} ({report.model}): {report.outcome.value}"
        lines += [f"  {line}" for line in told or [usual]]
    return "\n".join(lines)
