"""Memory of SECD during one boot, and the functions that change it."""

from datetime import UTC, datetime

from tokenless.phone_emulator.secd import status_messages
from tokenless.phone_emulator.secd.events import (
    Effect,
    FlashContents,
    Install,
    PhoneIdentity,
)
from tokenless.phone_emulator.secd.handlers.search import (
    FileSearch,
    Inquiry,
    ServerChoice,
)
from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.phone_emulator.secd.report import BootReport, FileAction, FileReport
from tokenless.phone_emulator.secd.states import KINDS, State, Transition
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.phones.models import Transport
from tokenless.protocol.trust.anchors import FileKind, Refuse, TrustAnchors
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID


class BootMemory:
    """The memory of one boot; `fetching`, `judging` and `asking` work on it."""

    def __init__(
        self, identity: PhoneIdentity, contents: FlashContents, cache: TvsCache
    ) -> None:
        self.identity = identity
        self.model = identity.model
        self.cache = cache
        self.state = State.OFF
        self.now = 0.0
        self.held: dict[FileKind, bytes | None] = {
            FileKind.CTL: contents.ctl,
            FileKind.ITL: contents.itl,
            FileKind.CONFIGURATION: contents.configuration,
        }
        self.certificate_hash = contents.certificate_hash
        self.encrypted: bytes | None = None
        """The verified encrypted configuration that waits to be opened."""
        self.encrypted_rule = 0
        """The rule that verified it."""
        self.anchors = TrustAnchors()
        self.configuration: PhoneConfig | None = None
        """The last accepted one of earlier boots: it names the TVS servers."""
        self.servers = ServerChoice(identity.servers)
        self.search = FileSearch((), ())
        self.inquiry: Inquiry | None = None
        self.transport = Transport.TFTP
        """The way that the last file came."""
        self.session_id = FIRST_SESSION_ID
        self.report = BootReport(identity.device, identity.model_name)
        self.log: list[LogEntry] = []
        self.effects: list[Effect] = []

    @property
    def kind(self) -> FileKind:
        """The file that the present state is about."""
        return KINDS[self.state]

    @property
    def file_report(self) -> FileReport:
        """The report of that file."""
        return self.report.file(self.kind)

    @property
    def contents(self) -> FlashContents:
        """Return the content of the phone's flash."""
        held = self.held
        return FlashContents(
            held[FileKind.CTL],
            held[FileKind.ITL],
            held[FileKind.CONFIGURATION],
            self.certificate_hash,
        )

    @property
    def judging_date(self) -> datetime | None:
        """The date for signers' certificates, None where dates do not count."""
        if not self.identity.habits.refuses_expired_signers:
            return None
        return datetime.fromtimestamp(self.now, UTC)

    def note(self, moment: LogEvent, **details: str) -> None:
        """Remember a moment for the console log."""
        self.log.append(LogEntry(moment, self.now, details))

    def say(self, message: str) -> None:
        """Show a status message."""
        self.report.said.append((self.now, message))

    def settle(self, action: FileAction, *, rule: int) -> Transition:
        """Close the present file."""
        report = self.file_report
        report.action, report.rule = action, rule
        report.held = self.held[self.kind]
        return Transition.SETTLED

    def refuse(self, verdict: Refuse, message: str | None = None) -> Transition:
        """End the present file; the installed one stays.

        Args:
            verdict: Why.
            message: What the phone shows of a configuration, instead of a TFTP error.
        """
        self.note(LogEvent.REFUSED, kind=self.kind, reason=verdict.reason)
        if self.kind is FileKind.CONFIGURATION:
            name = self.file_report.requested or f"{self.identity.device}.cnf.xml"
            self.say(message or status_messages.configuration_refused(name))
            if self.held[self.kind] is not None:
                self.note(LogEvent.CACHED_CONFIGURATION)
        self._explain(verdict.code, verdict.reason)
        return self.settle(FileAction.REJECTED, rule=verdict.rule)

    def fail(self, code: Reason, reason: str) -> Transition:
        """Close the present file, which did not arrive (rule 1)."""
        self._explain(code, reason)
        return self.settle(FileAction.FAILED, rule=1)

    def _explain(self, code: Reason, reason: str) -> None:
        """Note why there is no new file; reasons may quote what a server wrote."""
        report = self.file_report
        report.code, report.reason = code, printable(reason)

    def replace(self, data: bytes) -> FileAction:
        """Put new contents into the flash; say whether there were any before."""
        action = FileAction.UPDATED if self.held[self.kind] else FileAction.INSTALLED
        self.held[self.kind] = data
        self.effects.append(Install(self.kind, data))
        return action
