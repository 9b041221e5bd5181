"""Where people want files: whole or absent, and no device is moved away."""

import os
from pathlib import Path

import pytest

from tests.services.cli.answers import Tokenless, refused
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, write_output


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "keys.p12"
    for data in (b"first", b"second"):
        write_output(file, data, mode=PRIVATE)
        assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == PRIVATE
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    write_output(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    write_output(link, b"nobody reads this")
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()


def test_a_pipe_is_written_as_it_is() -> None:
    reading, writing = os.pipe()
    try:
        write_output(Path(f"/dev/fd/{writing}"), b"through")
        assert os.read(reading, 100) == b"through"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("missing/CTLFile.tlv", "name a file in a folder that exists"),
        ("file/CTLFile.tlv", "a part of the path is a file: name another place"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, place: str, advice: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError) as failed:
        write_output(tmp_path / place, b"data")
    assert failed.value.explain().startswith(f"{tmp_path / place} cannot be written: ")
    assert advice in failed.value.explain()


def test_commands_name_the_place_that_was_asked_for(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    assert tokenless("cert export TVS --output null")[0] == 0
    assert (tmp_path / "null").is_symlink()
    assert tokenless("admin --yes utils ctl set-cluster mixed-mode")[0] == 0
    for line in (
        "cert export TVS --output no/file",
        "admin file get tftp CTLFile.tlv --output no/file",
    ):
        assert "no/file cannot be written: No such file" in refused(tokenless(line))
