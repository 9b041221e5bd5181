"""The log of a TFTP server: one line a transfer, but never more than a few a second.

A boot storm would write ten thousand lines a second, and a flood of hostile datagrams
as many as somebody likes. What exceeds the rate is summed up in one line a second.
"""

from typing import Final

import structlog

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tftp_packets import TftpError
from tokenless.services.tftp.session import Session
from tokenless.services.tftp.sockets import Peer

_SUMMARY_EVERY_S: Final = 1.0
_MAX_NAME: Final = 128


class Journal:
    """Writes lines while the second's budget lasts, then counts."""

    def __init__(
        self, logger: structlog.typing.FilteringBoundLogger, lines_per_s: int
    ) -> None:
        self._log = logger
        self._budget = self._lines_per_s = lines_per_s
        self._period_ends = 0.0
        self._unlisted: dict[str, int] = {}

    def change_rate(self, lines_per_s: int) -> None:
        """Write at most so many lines a second, from the next second on."""
        self._lines_per_s = lines_per_s

    @property
    def summary_at(self) -> float:
        """When `summarise` has something to say; infinity when it has not."""
        return self._period_ends if self._unlisted else float("inf")

    def ended(self, session: Session, now: float) -> None:
        """Write how a transfer ended."""
        transfer = session.transfer
        outcome = transfer.outcome
        kind = "transfers" if outcome is None else str(outcome)
        if not self._may_write(kind, now):
            return
        details = {}
        if transfer.client_error is not None:
            details["error"] = transfer.client_error.message
        self._log.info(
            "tftp transfer",
            file=session.filename[:_MAX_NAME],
            client=printable(session.peer),
            bytes=transfer.bytes_acknowledged,
            blocks=transfer.blocks_acknowledged,
            retransmits=transfer.retransmits,
            seconds=round(now - session.started, 3),
            outcome=outcome,
            **details,
        )

    def refused(self, peer: Peer, error: ProtocolError, name: str, now: float) -> None:
        """Write that a request was answered with an error, or could not be read."""
        if not self._may_write("refused", now):
            return
        code = int(error.code) if isinstance(error, TftpError) else None
        self._log.info(
            "tftp refused",
            file=name[:_MAX_NAME],
            client=printable(peer),
            code=code,
            reason=error.message if isinstance(error, TftpError) else str(error),
        )

    def dropped(self, peer: Peer, reason: str, now: float) -> None:
        """Write that a request got no answer: a limit, or a network not allowed."""
        if self._may_write("dropped", now):
            self._log.warning("tftp dropped", client=printable(peer), reason=reason)

    def summarise(self, now: float) -> None:
        """Write what was not listed in the last second, when that second is over."""
        if now < self._period_ends:
            return
        if self._unlisted:
            self._log.info("tftp, not listed one by one", **self._unlisted)
            self._unlisted = {}
        self._budget = self._lines_per_s
        self._period_ends = now + _SUMMARY_EVERY_S

    def _may_write(self, kind: str, now: float) -> bool:
        if now >= self._period_ends:
            self.summarise(now)
        if self._budget > 0:
            self._budget -= 1
            return True
        self._unlisted[kind] = self._unlisted.get(kind, 0) + 1
        return False


def printable(peer: Peer) -> str:
    """Return a client's address as it is written in logs."""
    host, port = peer[0], peer[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
