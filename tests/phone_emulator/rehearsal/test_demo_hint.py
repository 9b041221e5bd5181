"""What the demo says at its end can be typed in the shell that it was started from."""

import os
import sys
from pathlib import Path

import pytest

from tokenless.phone_emulator.cli.rehearsals.demo import how_to_browse


def test_a_shell_that_does_not_know_the_command_is_told_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    commands = "`tokenless init --data lab`, `tokenless serve --data lab`"
    beside = "and beside it `tokenless console --data lab --no-sign-in`"
    first = "`. .venv/bin/activate`"
    assert how_to_browse(None) == f"in a browser: {first}, {commands}, {beside}"


def test_a_shell_that_knows_the_command_is_told_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenless").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin")
    kept = tmp_path / "kept"
    serve = f"`tokenless serve --data {kept}/cluster`"
    beside = f"and beside it `tokenless console --data {kept}/cluster --no-sign-in`"
    assert how_to_browse(kept) == f"in a browser: {serve}, {beside}"
