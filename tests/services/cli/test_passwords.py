"""Passwords that no option gave: read from a pipe, without a word too many."""

import io
import sys

import pytest

from tests.services.cli.answers import Tokenless

COMMANDS = ("console user add alice", "device digest SEP001122334455 --user alice")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_terminal_and_no_line(
    tokenless: Tokenless, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    status, out, err = tokenless(command)
    assert (status, out) == (2, "")
    assert "no password, and no terminal to ask for one: set TOKENLESS_" in err


def test_a_line_of_a_pipe_is_the_password(
    tokenless: Tokenless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    status, out, err = tokenless("console user add alice")
    assert (status, err) == (0, "")
    assert out.startswith("alice may sign in")
    assert "alice" in tokenless("console user list")[1]
