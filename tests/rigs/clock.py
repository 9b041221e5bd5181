"""A clock that stands still until a test moves it."""

from dataclasses import dataclass

START = 1_425_667_513.0  # Fri Mar 06 2015, the vendor document's evening


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
