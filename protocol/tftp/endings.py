"""When a transfer sends again and when it is given up; how it has ended."""

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class TransferOutcome(StrEnum):
    """Results of a transfer."""

    COMPLETE = "complete"
    UNCONFIRMED = "unconfirmed"
    """All was sent, but the last block's ACK never came (phones close early)."""
    NO_ANSWER = "no-answer"
    """The client never answered: it is gone, or the request was forged."""
    STALLED = "stalled"
    """The client fell silent on the way."""
    CLIENT_ERROR = "client-error"
    FILE_ERROR = "file-error"
    """The file could not be read to its end, or was changed meanwhile."""
    REPLACED = "replaced"
    """The client asked again from the same port after it had made progress."""
    DISPLACED = "displaced"
    """The table was full and a new client asked: it had not begun, or was without
    progress for longest."""
    STOPPED = "stopped"
    """The server was stopped."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Time-outs of a transfer: to send again, and to give up."""

    timeout_s: float = 0.3
    max_timeout_s: float = 3.0
    """From the second retransmit on the time-out doubles, up to this; an agreed
    `timeout` option stays as it is."""
    retransmits: int = 6
    """In a row, without progress."""
    retransmits_before_answer: int = 1
    patience_s: float = 5.0
    """The time to wait in silence for the first answer then: the client may hold what
    was sent, lose its ACKs, and repeat them at its own time-outs."""
    silence_s: float = 12.0
    """The longest time of a transfer without any progress."""

    def first_s(self, asked_s: int | None) -> float:
        """Return a transfer's first time-out; its client may have asked for one."""
        return self.timeout_s if asked_s is None else min(asked_s, self.silence_s)

    def tries(self, *, answered: bool) -> int:
        """Return how many retransmits a client gets, and one that never answered."""
        return self.retransmits if answered else self.retransmits_before_answer


def outcome_of_silence(*, answered: bool, is_all_sent: bool) -> TransferOutcome:
    """Return the result of a transfer whose client says nothing any more."""
    if not answered:
        return TransferOutcome.NO_ANSWER
    # Phones often close their socket after the last block without the last ACK: that
    # is not a failure of the transfer.
    return TransferOutcome.UNCONFIRMED if is_all_sent else TransferOutcome.STALLED
