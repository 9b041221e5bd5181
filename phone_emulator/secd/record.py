"""A boot on record: every event with its time, so that it can be replayed.

One JSON object a line: first what the phone was and held, then each event with the
state and the effects that followed, last the report. Replaying feeds the same events to
a new machine and compares; the machine has no other input.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.events import (
    Effect,
    Event,
    FlashContents,
    Install,
    PhoneIdentity,
)
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.states import State
from tokenless.phone_emulator.secd.tvs_cache import CacheEntry, TvsCache
from tokenless.protocol.phones.models import PHONE_MODELS, hint_for_unknown_models

FORMAT: Final = 2
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
_MIN_LINES: Final = 2
_MAX_LINES: Final = 10_000
_HINT: Final = "name the `last-boot.jsonl` of a phone's flash, unchanged"


class RecordedStart(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: all that the machine begins with."""

    format: int = FORMAT
    identity: PhoneIdentity
    contents: FlashContents
    cache: tuple[CacheEntry, ...] = ()


class RecordedStep(msgspec.Struct, frozen=True):
    """One event, and what the machine made of it."""

    now: float
    event: Event
    state: State
    effects: tuple[str, ...]


class RecordedEnd(msgspec.Struct, frozen=True):
    """The last line."""

    report: dict[str, Any]


class BootRecorder:
    """Collects the lines of a record while a phone boots."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def start(
        self, identity: PhoneIdentity, contents: FlashContents, cache: TvsCache
    ) -> None:
        """Begin with what the phone is and holds."""
        first = RecordedStart(
            identity=identity, contents=contents, cache=cache.entries()
        )
        self._lines = [msgspec.json.encode(first)]

    def add(
        self, event: Event, now: float, state: State, effects: Sequence[Effect]
    ) -> None:
        """Add an event that was handled."""
        step = RecordedStep(now, event, state, _in_words(effects))
        self._lines.append(msgspec.json.encode(step))

    def finish(self, report: dict[str, Any]) -> bytes:
        """Add the report, return the record."""
        end = msgspec.json.encode(RecordedEnd(report))
        return b"\n".join((*self._lines, end, b""))


class ReplayedStep(msgspec.Struct, frozen=True):
    """One event of a replay."""

    number: int
    event: str
    state: State
    effects: tuple[str, ...]
    differs: bool
    """True if the machine did something else than on record."""


class Replay:
    """A record that is played again.

    Iterate over the steps; then `secd` holds the machine, `is_same` the verdict.
    """

    def __init__(self, record: bytes) -> None:
        """Read a record.

        Raises:
            PhoneError: When it is none.
        """
        lines = record.splitlines()
        if not _MIN_LINES <= len(lines) <= _MAX_LINES:
            raise PhoneError(f"the record has {len(lines)} lines", hint=_HINT)
        try:
            self.start = decode_json(lines[0], RecordedStart)
            self._steps = [decode_json(line, RecordedStep) for line in lines[1:-1]]
            self._report = decode_json(lines[-1], RecordedEnd).report
        except msgspec.DecodeError as error:
            raise PhoneError(f"no record of a boot: {error}", hint=_HINT) from error
        if self.start.format != FORMAT:
            raise PhoneError(
                f"a record of format {self.start.format}, not {FORMAT}",
                hint="boot the phone again with this version",
            )
        if (name := self.start.identity.model_name) not in PHONE_MODELS:
            raise PhoneError(
                f"the record's model {name} is not known",
                hint=hint_for_unknown_models(name),
            )
        cache = TvsCache(self.start.cache)
        self.secd = Secd(self.start.identity, self.start.contents, cache)
        self._has_differed = False

    def __iter__(self) -> Iterator[ReplayedStep]:
        for number, step in enumerate(self._steps, 1):
            try:
                effects = _in_words(self.secd.handle(step.event, step.now))
            except RuntimeError as error:
                raise PhoneError(
                    f"the record's event {number}: {error}", hint=_HINT
                ) from error
            differs = (self.secd.state, effects) != (step.state, step.effects)
            self._has_differed |= differs
            name = type(step.event).__name__
            yield ReplayedStep(number, name, self.secd.state, effects, differs)

    @property
    def is_same(self) -> bool:
        """Return whether everything so far was as on record, and the report is, too."""
        # Through JSON, as the record went: tuples and enums become lists and text.
        report = msgspec.json.decode(msgspec.json.encode(self.secd.report.to_json()))
        kept = {**self._report, "console_log": report["console_log"]}
        kept.pop("capf", None)  # it came after the boot
        return not self._has_differed and report == kept


def _in_words(effects: Sequence[Effect]) -> tuple[str, ...]:
    """Name effects for comparison; contents are compared by the report's checksums."""
    return tuple(
        f"Install {effect.kind}" if isinstance(effect, Install) else _plain(effect)
        for effect in effects
    )


def _plain(effect: Effect) -> str:
    server = getattr(effect, "server", "")
    return f"{type(effect).__name__} {getattr(effect, 'name', '')} {server}".strip()
