"""What TVS vouched for, remembered as long as it said (REFERENCE 4.2: 24 hours)."""

from protocol.header_fields import SignerId
from protocol.tvs_messages import DEFAULT_TTL_S, Answer

_MAX_ENTRIES = 64


class TvsCache:
    """Positive answers by the issuer and serial that were asked about.

    It lives in the phone's memory: power off or a flush after a list update empties it.
    Negative answers are not remembered.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, bytes], tuple[float, Answer]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, signer: SignerId, now: float) -> Answer | None:
        """Return an answer that has not expired."""
        key = (signer.issuer, signer.serial)
        expires, answer = self._answers.get(key, (now, None))
        if expires <= now:
            self._answers.pop(key, None)
            return None
        return answer

    def add(self, signer: SignerId, answer: Answer, now: float) -> float:
        """Remember a positive answer; return for how many seconds."""
        ttl = DEFAULT_TTL_S if answer.ttl is None else answer.ttl
        while len(self._answers) >= _MAX_ENTRIES:
            self._answers.pop(next(iter(self._answers)))
        self._answers[signer.issuer, signer.serial] = (now + ttl, answer)
        return ttl

    def flush(self) -> None:
        """Forget everything."""
        self._answers.clear()
