"""The folder of the studies: nothing that was given is lost."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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


def test_sources_stay_in_order_however_often_they_are_given(tmp_path: Path) -> None:
    archive = StudyArchive(tmp_path)
    name = archive.add(played_study())
    for _ in range(4):
        given = [GivenSource(f"{number}-x.txt", b"x") for number in range(4)]
        archive.replace_sources(name, given)
        assert archive.sources(name) == given
