"""The impact of a step on phones, whatever its script foresaw.

Impact and expectation are two verdicts. This one counts phones: those that are stuck,
those that would be if they started now, and those that nothing on a server can free;
then calls that fail, or are less secure than before.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from tokenless.ground.counting import counted


@dataclass(frozen=True, slots=True)
class Impact:
    """The effect of a change on some phones."""

    stuck: int = 0
    """Phones whose last boot refused a file, or did not get one."""
    would_be_stuck: int = 0
    """Further phones that are off, or were not restarted since a change, and would be
    stuck at one of their servers if they started now."""
    locked_out: int = 0
    """Those of both that no server can bring back: no anchor, no TVS member."""
    locked_out_later: int = 0
    """Those of the locked out that are not stuck yet."""
    by_hand: int = 0
    """Those of the locked out whose model never asks TVS: the vendor's procedures, too,
    have their CTL deleted by hand."""
    waiting: int = 0
    """Phones that are off or were not restarted, and would accept the served files."""
    unregistered: int = 0
    """Phones that are on and have no dial tone: no node takes their registration."""
    failed_calls: int = 0
    """Pairs of groups whose last call failed."""
    weaker_calls: int = 0
    """Pairs of groups whose last call was less secure than one before."""
    of: int = 0
    """All phones."""

    @classmethod
    def total(cls, parts: Iterable["Impact"]) -> Self:
        """Add up the impact on groups."""
        names = cls.__slots__
        sums = dict.fromkeys(names, 0)
        for part in parts:
            for name in names:
                sums[name] += getattr(part, name)
        return cls(**sums)

    @property
    def is_safe(self) -> bool:
        """Tell whether no phone is stuck or would be, and none is without dial tone.

        Nor may a call have failed, or be less secure than before.
        """
        lost = self.unregistered + self.failed_calls + self.weaker_calls
        return not self.has_stuck and not lost

    @property
    def has_stuck(self) -> bool:
        """Return whether a phone is stuck or would be."""
        return bool(self.stuck or self.would_be_stuck)

    @property
    def weight(self) -> tuple[int, int, int, int, int, int]:
        """Return the severity, for comparison."""
        stuck = self.stuck + self.would_be_stuck
        calls = self.failed_calls, self.weaker_calls
        return self.locked_out, stuck, self.unregistered, *calls, self.stuck

    def to_json(self) -> dict[str, Any]:
        """Return the `impact` of `rehearse run --json`."""
        return {
            "stuck": self.stuck,
            "locked_out": self.locked_out,
            "unregistered": self.unregistered,
            "would_be_stuck": self.would_be_stuck,
            "by_hand": self.by_hand,
            "failed_calls": self.failed_calls,
            "weaker_calls": self.weaker_calls,
            "of": self.of,
        }

    def __str__(self) -> str:
        """Return the headline: `LOCKED OUT 400 of 400 phones`."""
        first, *others = self.parts()
        return f"{first}: {'; '.join(others)}" if others else first

    def parts(self) -> Iterator[str]:
        """Return what there is to say, what matters most first."""
        headline, *lost = self._losses()
        yield headline
        yield from lost
        if not self.has_stuck:
            yield f"none of {counted(self.of, 'phone')} is stuck"
        else:
            yield from self._others()
        if self.waiting:
            yield f"{self.waiting} off or not restarted: a copy booted well"

    def _losses(self) -> Iterator[str]:
        """Return the headline, and in few words what else is lost beside it."""
        losses = []
        if self.has_stuck:
            losses.append((self._stuck_headline(), ""))
        if count := self.unregistered:
            silent = f"WITHOUT DIAL TONE: {count} of {counted(self.of, 'phone')}"
            losses.append((silent, f"{count} without dial tone"))
        if count := self.failed_calls:
            losses.append(
                (f"CALLS FAILED: {count}", f"{counted(count, 'call')} failed")
            )
        if count := self.weaker_calls:
            words = f"{counted(count, 'call')} less secure than before"
            losses.append((f"CALLS LESS SECURE THAN BEFORE: {count}", words))
        yield losses[0][0] if losses else "SAFE"
        yield from (words for _, words in losses[1:])

    def _stuck_headline(self) -> str:
        all_phones = counted(self.of, "phone")
        later = "" if self.stuck else " when they next start"
        if self.locked_out > self.by_hand:
            return f"LOCKED OUT {self.locked_out} of {all_phones}{later}"
        if self.by_hand == self.stuck + self.would_be_stuck:
            return f"{counted(self.by_hand, 'phone')} must be recovered by hand{later}"
        if self.stuck:
            return f"STUCK {self.stuck} of {all_phones}"
        return f"WOULD BE STUCK {self.would_be_stuck} of {all_phones}{later}"

    def _others(self) -> Iterator[str]:
        """Say of phones that are stuck what the headline does not."""
        if self.locked_out > self.by_hand:
            stuck = self.stuck - (self.locked_out - self.locked_out_later)
            if stuck:
                yield f"{stuck} more stuck"
            yield from self._later(self.would_be_stuck - self.locked_out_later)
        elif self.by_hand == self.stuck + self.would_be_stuck:
            if others := self.of - self.by_hand:
                yield f"the other {others} are not stuck"
        else:
            if self.stuck:
                yield from self._later(self.would_be_stuck)
            if self.by_hand:
                yield f"{self.by_hand} of them must be recovered by hand"

    @staticmethod
    def _later(count: int) -> Iterator[str]:
        if count:
            yield f"{count} more would be stuck when they next start"
