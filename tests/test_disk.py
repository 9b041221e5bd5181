"""Full and read-only disks: the file is named, and what to do."""

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tests.rigs.unmeasured import unmeasured
from tokenless.ground.disk import explain, hint_for, named
from tokenless.ground.files import not_synced
from tokenless.services.errors import ServiceError
from tokenless.services.files import replace_file, write_output
from tokenless.services.store.access.engine import open_engine

FULL = Path("/dev/full")


def test_a_full_disk_has_a_name_and_advice(tmp_path: Path) -> None:
    place = tmp_path / "CTLFile.tlv"
    with (
        pytest.raises(OSError, match="No space left") as caught,
        named(place),
        FULL.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert explain(caught.value) == (
        f"{place}: No space left on device; free space on the disk, or name a "
        "place on another one"
    )


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "is yours"),
        (errno.EDQUOT, "free space"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EEXIST, "a file has this name"),
        (errno.ENOTDIR, "is a file"),
        (errno.EBUSY, "inside of it"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.ELOOP, "in a circle"),
        (errno.EIO, "the system's log"),
        (errno.ESTALE, "mount it again"),
    ],
)
def test_each_cause_has_its_advice(number: int, advice: str) -> None:
    error = OSError(number, "said by the system", "a/b")
    assert explain(error).startswith("a/b: said by the system; ")
    assert advice in explain(error)


def test_what_is_not_about_the_disk_has_no_advice() -> None:
    assert explain(FileNotFoundError(errno.ENOENT, "No such file", "a")) == (
        "a: No such file"
    )
    assert hint_for(sqlite3.ProgrammingError("x")) is None


def test_outputs_name_the_place(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="/dev/full cannot be written") as caught:
        write_output(FULL, b"x")
    assert caught.value.hint is not None
    assert "free space" in caught.value.hint
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "absent" / "x", b"x")


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to("circle")
    with pytest.raises(ServiceError, match="Too many levels") as caught:
        write_output(circle, b"x")
    assert "in a circle" in caught.value.explain()
    assert circle.is_symlink()


def limited(size: int, *arguments: str) -> tuple[int, str]:
    """Run `tokenless` where no file may be longer than that."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        [sys.executable, "-m", "tokenless", *arguments],
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )
    return done.returncode, done.stderr


def test_a_backup_that_does_not_fit(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    assert run_cli("init", "--data", data)[0] == 0
    status, err = limited(50_000, "backup", "--data", data, str(tmp_path / "b.tar"))
    assert status == 1
    assert "internal error" not in err
    assert err.count("\n") == 1
    assert "free space" in err
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_only_what_must_survive_a_power_cut_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal's cluster need not; its threads and tasks are in the block, too."""
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)

    def wait_for_disk(name: str) -> tuple[int, int]:
        waits.clear()
        replace_file(tmp_path / name, b"content")
        engine = open_engine(
            f"sqlite:///{tmp_path}/{name}.db", busy_timeout_s=1, founds=True
        )
        with engine.connect() as connection:
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        engine.dispose()
        return len(waits), int(level)

    full, off = 2, 0
    assert wait_for_disk("kept") == (2, full)
    with not_synced():
        assert wait_for_disk("scratch") == (0, off)
    assert wait_for_disk("kept again") == (2, full)
