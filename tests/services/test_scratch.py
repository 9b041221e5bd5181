"""Folders that killed processes leave: removed if provably left, else not touched."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.left_scratch import start_working
from tokenless.services.files import made_beside
from tokenless.services.scratch import new_scratch, remove_left_scratch


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path: Path) -> None:
    killed, left = start_working(tmp_path / "first.tar")
    working, used = start_working(tmp_path / "second.tar")
    assert killed.stdin
    assert working.stdin
    with killed, working:
        killed.kill()
        killed.wait(60)
        assert (left / "key.pem").exists()
        with made_beside(tmp_path / "third.tar") as (scratch, _):
            assert {each.name for each in tmp_path.iterdir()} == {
                used.name,
                scratch.name,
            }
        working.stdin.close()
        working.wait(60)
    assert list(tmp_path.iterdir()) == []


def test_what_was_left_in_a_folder_of_a_group_goes(tmp_path: Path) -> None:
    """There a new folder has the bit, too, which lets nobody in."""
    tmp_path.chmod(0o2770)
    killed, left = start_working(tmp_path / "first.tar")
    with killed:
        killed.kill()
    assert left.stat().st_mode & 0o2000
    assert remove_left_scratch(tmp_path) == [left]


def _without_a_mark(folder: Path) -> None:
    (folder / ".in-use").unlink()


def _with_another_mark(folder: Path) -> None:
    (folder / ".in-use").write_text("somebody else's\n")


def _open_to_others(folder: Path) -> None:
    folder.chmod(0o755)


def _with_another_name(folder: Path) -> None:
    folder.rename(folder.parent / ".first.tar.old")


def _behind_a_link(folder: Path) -> None:
    real = folder.parent / "real"
    folder.rename(real)
    folder.symlink_to(real)


def _with_a_link_as_mark(folder: Path) -> None:
    mark = folder / ".in-use"
    mark.rename(folder / "mark")
    mark.symlink_to(folder / "mark")


def _of_another_owner(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a folder away needs root")
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    "change",
    [
        _without_a_mark,
        _with_another_mark,
        _open_to_others,
        _with_another_name,
        _behind_a_link,
        _with_a_link_as_mark,
        _of_another_owner,
    ],
)
def test_what_is_not_provably_left_stays(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    killed, left = start_working(tmp_path / "first.tar")
    with killed:
        killed.kill()
    change(left)
    before = sorted(each.name for each in tmp_path.rglob("*"))
    assert remove_left_scratch(tmp_path) == []
    assert sorted(each.name for each in tmp_path.rglob("*")) == before


def test_a_place_that_cannot_be_listed_is_left_alone(tmp_path: Path) -> None:
    assert remove_left_scratch(tmp_path / "absent") == []
    assert not new_scratch(tmp_path / "x").exists()
