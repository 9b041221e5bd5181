"""Files that a person asked for: whole, or not there."""

import os
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.files import check_place, output_file, replace_file


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    with output_file(file) as new:
        new.write("new: ü")
        assert file.read_text() == "old"
    assert file.read_text(encoding="utf-8") == "new: ü"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_work_that_fails_leaves_the_old_file(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")

    def work() -> None:
        with output_file(file) as new:
            new.write("half of the new")
            raise interruption

    with pytest.raises(interruption):
        work()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("missing/report.html", "name a file in a folder that exists"),
        ("file/report.html", "a part of the path is a file: name another place"),
    ],
)
def test_a_place_that_cannot_be_written_is_known_before_the_work(
    tmp_path: Path, place: str, advice: str
) -> None:
    (tmp_path / "file").touch()
    begun = False
    with pytest.raises(PhoneError) as refused, output_file(tmp_path / place):
        begun = True
    assert not begun
    assert refused.value.explain().startswith(f"{tmp_path / place} cannot be written: ")
    assert advice in refused.value.explain()


@pytest.mark.parametrize(("option", "name"), [("--save", "toml"), ("--runbook", "md")])
def test_a_plan_is_not_searched_for_a_place_that_takes_no_file(
    tmp_path: Path, option: str, name: str
) -> None:
    """It was searched, maybe for minutes, and neither printed nor kept."""
    place = tmp_path / "missing" / f"plan.{name}"
    asked = ("rehearse", "plan", "--goal", "TVS", option, str(place), "--json")
    status, out, err = run_cli(*asked)
    assert (status, out) == (1, "")
    assert f"{place} cannot be written: " in err
    assert list(tmp_path.iterdir()) == []
    check_place(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    with output_file(link) as new:
        new.write("new")
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    with output_file(link) as new:
        new.write("nobody reads this")
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()


def test_files_of_the_emulator_are_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "CTLFile.tlv"
    for data in (b"first", b"second"):
        replace_file(file, data)
        assert file.read_bytes() == data
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(OSError, match="No such file"):
        replace_file(tmp_path / "missing" / "CTLFile.tlv", b"data")


def test_a_pipe_is_written_as_it_is() -> None:
    reading, writing = os.pipe()
    try:
        with output_file(Path(f"/dev/fd/{writing}")) as new:
            new.write("through")
        assert os.read(reading, 100) == b"through"
    finally:
        os.close(reading)
        os.close(writing)
