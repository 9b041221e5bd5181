"""The log of a TFTP server: one line a transfer, but never more than a few a second."""

import structlog

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.host_port import join_host_port
from tokenless.protocol.tftp.packets import TftpError
from tokenless.services.limited_log import LONGEST_NAME, LimitedLog
from tokenless.services.tftp.sockets.listener import Peer
from tokenless.services.tftp.transfers.session import Session


class TransferLog(LimitedLog):
    """Writes lines while the second's budget lasts, then counts."""

    def __init__(
        self, logger: structlog.typing.FilteringBoundLogger, lines_per_s: int
    ) -> None:
        super().__init__(logger, lines_per_s, summary="tftp, not listed one by one")

    def ended(self, session: Session, now: float) -> None:
        """Write how a transfer ended."""
        transfer = session.transfer
        outcome = transfer.outcome
        kind = "transfers" if outcome is None else str(outcome)
        if not self.may_write(kind, now):
            return
        details = {}
        if transfer.client_error is not None:
            details["error"] = transfer.client_error.message
        self.log.info(
            "tftp transfer",
            file=session.filename[:LONGEST_NAME],
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
        if not self.may_write("refused", now):
            return
        code = int(error.code) if isinstance(error, TftpError) else None
        self.log.info(
            "tftp refused",
            file=name[:LONGEST_NAME],
            client=printable(peer),
            code=code,
            reason=error.message if isinstance(error, TftpError) else str(error),
        )

    def dropped(self, peer: Peer, reason: str, now: float) -> None:
        """Write that a request got no answer: a limit, or a network not allowed."""
        if self.may_write("dropped", now):
            self.log.warning("tftp dropped", client=printable(peer), reason=reason)


def printable(peer: Peer) -> str:
    """Return a client's address as it is written in logs."""
    return join_host_port(peer[0], peer[1])
