"""The folder of the studies: nothing that was given is lost."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.rigs.studio_studies import played_study
from tokenless.phone_emulator.studio.archive import GivenSource, StudyArchive

FIRST = GivenSource("ctl.txt", b"first")


@contextmanager
def short_files() -> Iterator[None]:
    """Let no file grow over 1,000 bytes: what a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_sources_are_kept_while_new_ones_cannot_be_written(tmp_path: Path) -> None:
    archive = StudyArchive(tmp_path)
    name = archive.add(played_study())
    archive.replace_sources(name, [FIRST])
    small, big = GivenSource("a.txt", b"a"), GivenSource("b.txt", b"b" * 2000)
    with short_files(), pytest.raises(OSError, match="File too large"):
        archive.replace_sources(name, [small, big])
    assert archive.sources(name) == [FIRST]


def test_a_run_that_is_too_long_loses_its_logs_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = StudyArchive(tmp_path)
    study = played_study()
    (run,) = study.runs
    log = replace(run.steps[0].logs[0], phone="x" * 20_000)
    first, last = (replace(run.steps[0], logs=(log,), number=n) for n in (1, 2))
    run = replace(run, steps=(first, last))
    monkeypatch.setattr(
        "tokenless.phone_emulator.studio.archive.MAX_STUDY_BYTES", 30_000
    )
    name = archive.add(study)
    archive.save_run(name, run)
    kept = archive.run(name, run.id)
    assert kept == replace(run, steps=(replace(first, logs=()), last))


def test_sources_stay_in_order_however_often_they_are_given(tmp_path: Path) -> None:
    archive = StudyArchive(tmp_path)
    name = archive.add(played_study())
    for _ in range(4):
        given = [GivenSource(f"{number}-x.txt", b"x") for number in range(4)]
        archive.replace_sources(name, given)
        assert archive.sources(name) == given
