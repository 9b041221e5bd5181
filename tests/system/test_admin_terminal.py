"""`tokenless admin` at a terminal and in a pipe."""

import os
import pty
import re
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.warm_start import WarmPopen
from tests.system.serving import environment, lab_config, tokenless

ERASE_LINE = "\x15"


class Terminal:
    """A pseudo-terminal with the shell in it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._master, slave = pty.openpty()
        self.process = WarmPopen(
            ["admin", *options],
            cwd=folder,
            env={**environment(folder), "TERM": "dumb", "LINES": "24"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.seen = ""

    def until(self, pattern: str, *, pressing: str = "") -> str:
        """Read until the pattern appears; return what came up to it.

        A key may be lost while the terminal changes its mode, so it is pressed again.
        """
        silences = 0
        while (found := re.search(pattern, self.seen)) is None:
            self.type(pressing)
            ready, _, _ = select.select([self._master], [], [], 1)
            silences = 0 if ready else silences + 1
            assert silences < 30, self.seen
            if ready:
                self.seen += os.read(self._master, 65536).decode()
        text, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return text

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def leave(self) -> int:
        self.type("exit\n")
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(20)
        os.close(self._master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    lab_config(tmp_path)
    tokenless(tmp_path, "init")
    terminal = Terminal(tmp_path)
    terminal.until("admin:")
    yield terminal
    terminal.close()


def test_a_conversation(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type("utils ctl set-cluster mixed-mode\n")
    terminal.until(re.escape("Do you want to continue? (y/n):"))
    terminal.type("y\n")
    assert "Cluster set to Mixed Mode" in terminal.until("admin:")
    terminal.type("no such thing\n")
    assert "no such command" in terminal.until("admin:")
    assert terminal.leave() == 0
    history = (tmp_path / "data" / "admin_history").read_text()
    assert "utils ctl set-cluster mixed-mode" in history


def test_words_are_completed(terminal: Terminal) -> None:
    terminal.type("show vers\tact\t\n")
    assert "Active Master Version: 10.5(1)" in terminal.until("admin:$")
    assert terminal.leave() == 0


def test_pages_and_leaving_one(terminal: Terminal) -> None:
    terminal.type("show cert own CallManager\n")
    terminal.until("q=quit")
    terminal.until("admin:", pressing="q")
    # The prompt is drawn anew when a line is erased: answers are awaited, not prompts.
    terminal.type(f"{ERASE_LINE}set cli pagination off\n")
    terminal.until("pagination is turned off")
    terminal.type("show cert own CallManager\n")
    assert "q=quit" not in terminal.until("END CERTIFICATE")
    assert terminal.leave() == 0


def test_the_end_of_input_is_a_no(tmp_path: Path) -> None:
    lab_config(tmp_path)
    tokenless(tmp_path, "init")
    done = tokenless(tmp_path, "admin", "utils", "ctl", "set-cluster", "mixed-mode")
    assert done.returncode == 1
    assert "cancelled" in done.stderr


def test_an_answer_from_a_pipe(tmp_path: Path) -> None:
    lab_config(tmp_path)
    tokenless(tmp_path, "init")
    line = ("admin", "utils", "ctl", "set-cluster", "mixed-mode")
    assert tokenless(tmp_path, *line, stdin="y\n").returncode == 0
    done = tokenless(tmp_path, "admin", stdin="show version active\nexit\n")
    assert done.returncode == 0
    assert "Active Master Version: 10.5(1)" in done.stdout


def test_a_file_is_saved_under_the_name_that_was_given(tmp_path: Path) -> None:
    lab_config(tmp_path)
    tokenless(tmp_path, "init")
    tokenless(tmp_path, "admin", "--yes", "utils ctl set-cluster mixed-mode")
    done = tokenless(
        tmp_path, "admin", "file", "get", "tftp", "CTLFile.tlv", "--output", "my.tlv"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my.tlv").stat().st_size == 4947


def test_exit_statuses(tmp_path: Path) -> None:
    lab_config(tmp_path)
    tokenless(tmp_path, "init")
    assert tokenless(tmp_path, "admin", "frobnicate").returncode == 2
    done = tokenless(tmp_path, "admin", "--node", "nobody", "show", "ctl")
    assert done.returncode == 1
    assert "there is no node nobody" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("show version active\nbogus\nshow version active\n", 2),
        ("bogus\nutils ctl set-cluster mixed-mode\nn\nexit\n", 1),
        ("show version active\nexit\nbogus\n", 0),
    ],
)
def test_a_script_learns_that_a_line_failed(
    tmp_path: Path, lines: str, status: int
) -> None:
    lab_config(tmp_path)
    assert tokenless(tmp_path, "init").returncode == 0
    assert tokenless(tmp_path, "admin", stdin=lines).returncode == status
