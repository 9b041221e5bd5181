"""The studies of a folder: each in a folder of its own, whole or absent.

studies/ID/study.json      the study, without its runs
studies/ID/runs/RUN.json   one run each
studies/ID/sources/N-NAME  what was given, as it was given
"""

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from tokenless.ground.files import PRIVATE, TooLongError, read_bounded, replace_file
from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.study import (
    MAX_RUNS,
    MAX_STUDY_BYTES,
    Change,
    RunResult,
    Study,
    Verdict,
)
from tokenless.protocol.certificates.name_text import printable

MAX_STUDIES: Final = 500
MAX_SOURCES: Final = 60
_ID: Final = re.compile("[0-9a-f]{16}")
_NAME_LENGTH: Final = 60


class StepSummary(msgspec.Struct, frozen=True):
    """A step, as lists of runs show it."""

    number: int
    injected: tuple[str, ...]


class RunSummary(msgspec.Struct, frozen=True):
    """A run, as lists show it; the rest of its file is passed over."""

    id: str
    order: str
    began: datetime
    state: str
    total: int
    steps: tuple[StepSummary, ...]
    verdicts: tuple[Verdict, ...]
    digest: str

    @property
    def injected(self) -> int:
        """Return how many faults a person put in."""
        return sum(len(step.injected) for step in self.steps)


class StudySummary(msgspec.Struct, frozen=True):
    """A study, as the list of studies shows it."""

    name: str
    made: datetime
    nodes: int
    """0: no cluster was given yet."""
    version: str
    change: Change
    last: str
    """The newest line of the history."""


_Run = TypeVar("_Run", RunResult, RunSummary)


def summary_of(study: Study) -> StudySummary:
    """Return what the list of studies shows."""
    cluster = study.cluster
    return StudySummary(
        study.name,
        study.made,
        0 if cluster is None else len(cluster.nodes),
        "" if cluster is None else cluster.version,
        replace(study.change, text="", steps=()),
        study.history[-1].text if study.history else "",
    )


@dataclass(frozen=True, slots=True)
class GivenSource:
    """A file or a paste, as it was given."""

    name: str
    data: bytes


class StudyArchive:
    """The studies of one studio."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "studies"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._summaries: dict[str, tuple[tuple[int, int], StudySummary]] = {}

    def all(self) -> tuple[list[tuple[str, StudySummary]], dict[str, str]]:
        """Return the studies, the newest first, and the reason of each damaged one.

        Studies are pairs of id and summary; damaged ones are reasons by id.
        """
        found, damaged = [], {}
        for path in sorted(self._folder.iterdir()):
            if _ID.fullmatch(path.name):
                try:
                    found.append((path.name, self._summary(path.name)))
                except PhoneError as error:
                    damaged[path.name] = error.explain()
        return sorted(found, key=lambda each: each[1].made, reverse=True), damaged

    def _summary(self, name: str) -> StudySummary:
        """Return a summary; a file is read again when it was replaced."""
        try:
            file = (self._folder / name / "study.json").stat()
        except OSError:
            return summary_of(self._read(name))
        stamp = (file.st_ino, file.st_mtime_ns)
        known = self._summaries.get(name)
        if known is None or known[0] != stamp:
            known = stamp, summary_of(self._read(name))
            self._summaries[name] = known
        return known[1]

    def add(self, study: Study) -> str:
        """Keep a new study; return its id.

        Raises:
            PhoneError: When there are too many.
        """
        if sum(1 for _ in self._folder.iterdir()) >= MAX_STUDIES:
            raise PhoneError(
                f"there are {MAX_STUDIES} studies", hint="delete some of them"
            )
        name = secrets.token_hex(8)
        for part in ("runs", "sources"):
            (self._folder / name / part).mkdir(mode=0o700, parents=True)
        self.save(name, study)
        for run in study.runs:
            self.save_run(name, run)
        return name

    def load(self, name: str) -> Study:
        """Return a study, without its runs.

        Raises:
            PhoneError: When there is none, or its file is damaged.
        """
        self.check_known(name)
        return self._read(name)

    def save(self, name: str, study: Study) -> None:
        """Replace a study's file; its runs are files of their own.

        Raises:
            OSError: When it cannot be written; the old one is intact then.
        """
        plain = msgspec.structs.replace(study, runs=())
        path = self._folder / name / "study.json"
        replace_file(path, msgspec.json.encode(plain), mode=PRIVATE)

    def delete(self, name: str) -> None:
        """Delete a study with all that belongs to it, be it damaged or not.

        Raises:
            PhoneError: When there is none.
            OSError: When a file of it cannot be deleted.
        """
        self.check_known(name)
        shutil.rmtree(self._folder / name)
        self._summaries.pop(name, None)

    def save_run(self, name: str, run: RunResult) -> None:
        """Keep a run; the oldest go when there are too many.

        Of one that is too long to be read again, the logs of phones are left out.

        Raises:
            OSError: When it cannot be written.
        """
        folder = self._folder / name / "runs"
        replace_file(folder / f"{run.id}.json", _readable(run), mode=PRIVATE)
        for old in self.runs(name)[MAX_RUNS:]:
            (folder / f"{old.id}.json").unlink(missing_ok=True)

    def runs(self, name: str) -> list[RunSummary]:
        """Return the runs of a study, the newest first; damaged files are left out."""
        paths = (self._folder / name / "runs").glob("*.json")
        found = [_read_run(path, RunSummary) for path in paths]
        return sorted(filter(None, found), key=lambda run: run.began, reverse=True)

    def run(self, name: str, run_id: str) -> RunResult | None:
        """Return one run, None when there is none of that id, or it is damaged."""
        if not (_ID.fullmatch(name) and _ID.fullmatch(run_id)):
            return None
        return _read_run(self._folder / name / "runs" / f"{run_id}.json", RunResult)

    def sources(self, name: str) -> list[GivenSource]:
        """Return what was given, in order."""
        return [
            GivenSource(path.name.partition("-")[2], path.read_bytes())
            for path in _numbered(self._folder / name / "sources").values()
        ]

    def replace_sources(self, name: str, given: Sequence[GivenSource]) -> None:
        """Keep what is given from now on.

        The new files are all written before an old one goes: a full disk costs none.

        Raises:
            PhoneError: When there are too many.
            OSError: When a file cannot be written; the old ones are intact then.
        """
        if len(given) > MAX_SOURCES:
            raise PhoneError(
                f"over {MAX_SOURCES} files were given", hint="leave some of them out"
            )
        folder = self._folder / name / "sources"
        old = _numbered(folder)
        first = 1 + max(old, default=-1)
        new = [
            folder / f"{number:02}-{plain_name(each.name)}"
            for number, each in enumerate(given, first)
        ]
        try:
            for path, each in zip(new, given, strict=True):
                replace_file(path, each.data, mode=PRIVATE)
        except BaseException:
            for path in new:
                path.unlink(missing_ok=True)
            raise
        for path in old.values():
            path.unlink()

    def check_known(self, name: str) -> None:
        """Raise PhoneError when there is no such study, be it damaged or not."""
        if not _ID.fullmatch(name) or not (self._folder / name).is_dir():
            raise PhoneError("there is no such study", hint="choose one of the list")

    def _read(self, name: str) -> Study:
        try:
            data = read_bounded(self._folder / name / "study.json", MAX_STUDY_BYTES)
            return decode_json(data, Study)
        except (OSError, TooLongError, msgspec.MsgspecError) as error:
            raise PhoneError(
                f"the study {name} cannot be read: {error}",
                hint="restore its folder from a backup, or delete it",
            ) from None


def _readable(run: RunResult) -> bytes:
    """Return a run's file, no longer than is read again."""
    data = msgspec.json.encode(run)
    if len(data) <= MAX_STUDY_BYTES:
        return data
    replace = msgspec.structs.replace
    # The page begins with the last step: its logs go last.
    for kept in (run.steps[-1:], ()):
        steps = tuple(s if s in kept else replace(s, logs=()) for s in run.steps)
        data = msgspec.json.encode(replace(run, steps=steps))
        if len(data) <= MAX_STUDY_BYTES:
            break
    return data


def _read_run(path: Path, kind: type[_Run]) -> _Run | None:
    try:
        return decode_json(read_bounded(path, MAX_STUDY_BYTES), kind)
    except (OSError, TooLongError, msgspec.MsgspecError):
        return None


def _numbered(folder: Path) -> dict[int, Path]:
    """Return the sources of a folder by number, in order; unfinished ones are not."""
    found = {}
    for path in folder.iterdir():
        number, _, name = path.name.partition("-")
        if name and number.isascii() and number.isdigit():
            found[int(number)] = path
    return dict(sorted(found.items()))


def plain_name(text: str) -> str:
    """Return a name that no file system takes for a path."""
    plain = "".join(_letters(printable(text.replace("\\", "/").rpartition("/")[2])))
    return plain.strip(".")[-_NAME_LENGTH:] or "file"


def _letters(text: str) -> Iterator[str]:
    for letter in text:
        is_plain = letter.isascii() and (letter.isalnum() or letter in "._-")
        yield letter if is_plain else "_"
