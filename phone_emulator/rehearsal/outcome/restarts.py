"""Restarts of phones in a step: ordered ones, and those by themselves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.rig.clusters.race import (
    Moment,
    Race,
    moments_words,
)


@dataclass(frozen=True, slots=True)
class Restarts:
    """The numbers of restarts of phones that had booted before."""

    by_hand: int = 0
    """By lines of the script, a phone each."""
    races: tuple[Race, ...] = ()
    """Changes that reset phones by themselves."""
    unregistered: int = 0
    """The most phones without dial tone when such a change came."""

    @classmethod
    def total(cls, parts: Iterable["Restarts"]) -> "Restarts":
        """Add up the restarts of several steps."""
        every = list(parts)
        return cls(
            by_hand=sum(each.by_hand for each in every),
            races=tuple(race for each in every for race in each.races),
            unregistered=max((each.unregistered for each in every), default=0),
        )

    @property
    def automatic(self) -> int:
        """Return the number of automatic resets of phones."""
        return sum(race.resets for race in self.races)

    @property
    def moments(self) -> Counter[Moment]:
        """These resets by the moment at which the phones booted."""
        counts: Counter[Moment] = Counter()
        for race in self.races:
            counts.update(race.moments)
        return counts

    @property
    def at_risk(self) -> Counter[str]:
        """By group: phones that would have refused something at some moment."""
        most: Counter[str] = Counter()
        for race in self.races:
            for name, count in race.at_risk.items():
                most[name] = max(most[name], count)
        return most

    def to_json(self) -> dict[str, Any]:
        """Return the `restarts` of `rehearse run --json`."""
        return {
            "automatic": self.automatic,
            "by_hand": self.by_hand,
            "unregistered_meanwhile": self.unregistered,
            "races": [race.to_json() for race in self.races],
        }

    def words(self) -> str:
        """Say what phones did by themselves."""
        return (
            f"{counted(self.automatic, 'reset')} after "
            f"{counted(len(self.races), 'change')}: "
            f"{moments_words(self.moments)}"
        )
