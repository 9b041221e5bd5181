"""A refusal: which file a phone does not have, by which rule and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

_REFUSED: Final = frozenset({FileAction.REJECTED, FileAction.FAILED})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused file, or one that would be refused now, with the reason."""

    file: FileKind
    rule: int | None
    """Of REFERENCE 4.2."""
    code: Reason
    reason: str
    """The same in the words of the phone's log."""
    node: str | None = None
    """The TFTP node where phones would refuse it; None for what happened."""
    signer: SignerId | None = field(default=None, repr=False, compare=False)
    """The signer that the file names; None when it could not be read."""

    def __str__(self) -> str:
        """Write it as one line."""
        where = "" if self.node is None else f" at {self.node}"
        return f"{self.file}{where}: rule {self.rule}: {self.reason}"


def refusals_of(report: BootReport, node: str | None = None) -> Iterator[Refusal]:
    """Return why a phone refused files during a boot."""
    for kind, file in report.files.items():
        if file.action in _REFUSED:
            code = file.code or Reason.NOT_DOWNLOADED
            reason = file.reason or "it could not be downloaded"
            yield Refusal(kind, file.rule, code, reason, node, file.signer_id)
