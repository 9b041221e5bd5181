"""A bare machine: tests that start a program which is not there are skipped."""

import subprocess
from pathlib import Path

import pytest

from tests.rigs.peers import missing_programs_skip


def test_a_program_that_is_not_installed_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TOKENLESS_REQUIRE_PEERS", raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match="curl is not installed"),
        missing_programs_skip(),
    ):
        subprocess.run(["curl", "--version"], check=True)
    monkeypatch.setenv("TOKENLESS_REQUIRE_PEERS", "1")
    with (
        pytest.raises(pytest.fail.Exception, match="curl is not installed"),
        missing_programs_skip(),
    ):
        subprocess.run(["curl", "--version"], check=True)


@pytest.mark.parametrize("command", [["tokenless-of-nobody"], ["./curl"]])
def test_other_files_that_are_missing_fail(command: list[str]) -> None:
    with pytest.raises(FileNotFoundError), missing_programs_skip():
        subprocess.run(command, check=True)
