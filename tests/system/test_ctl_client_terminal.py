"""`tokenless ctl-client` at a terminal: the CTL Client's dialogs, one by one."""

import os
import pty
import re
import select
from pathlib import Path

from tests.system.serving import TOKENLESS, environment, lab_config, tokenless

PROMPT = re.escape("Token (empty to finish): ")
PASSWORD = re.escape("Please enter the Security Token password: ")


class Terminal:
    """A command with a controlling terminal, which hidden questions need."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._child, self._master = pty.fork()
        if self._child == 0:
            os.chdir(folder)
            command = [*TOKENLESS, *words]
            os.execvpe(command[0], command, environment(folder))  # noqa: S606
        self.seen = ""

    def until(self, pattern: str) -> str:
        """Read until the pattern appears; return what came up to it."""
        while (found := re.search(pattern, self.seen)) is None:
            ready, _, _ = select.select([self._master], [], [], 60)
            assert ready, self.seen
            self.seen += os.read(self._master, 65536).decode()
        text, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return text

    def type(self, text: str) -> None:
        os.write(self._master, f"{text}\n".encode())

    def close(self) -> tuple[int, str]:
        """Read to the end; return the exit status and what came."""
        try:
            while chunk := os.read(self._master, 65536):
                self.seen += chunk.decode()
        except OSError:
            pass  # what Linux says at the end of a pseudo-terminal
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1]), self.seen


def create_tokens(folder: Path) -> None:
    lab_config(folder)
    tokenless(folder, "init")
    for name in ("A", "B"):
        tokenless(folder, "token", "create", name)


def insert(terminal: Terminal, name: str) -> None:
    terminal.until(PROMPT)
    terminal.type(name)
    shown = terminal.until(re.escape("Add [Y/n]: "))
    assert 'Subject Name: cn="SAST-ADN00' in shown
    assert "Issuer Name:  cn=Cisco Manufacturing CA;o=Cisco Systems" in shown
    terminal.type("y")


def test_two_tokens_and_a_password(tmp_path: Path) -> None:
    create_tokens(tmp_path)
    terminal = Terminal(tmp_path, "ctl-client", "set-mode", "mixed-mode")
    insert(terminal, "A")
    # Step 16: the content of the CTL file appears once a token was added.
    entries = terminal.until(PROMPT).split("CTL Entries")[1]
    assert [line.split()[0] for line in entries.splitlines()[2:6]] == [
        *("CAPF", "CCM+TFTP", "CCM+TFTP"),
        "Security",
    ]
    terminal.type("C")
    assert "there is no token C" in terminal.until(PROMPT)
    terminal.type("A")
    assert "added already" in terminal.until(PROMPT)
    terminal.type("B")
    terminal.until(re.escape("Add [Y/n]: "))
    terminal.type("y")
    terminal.until(PROMPT)
    terminal.type("")
    terminal.until(PASSWORD)
    terminal.type("Cisco123")
    status, shown = terminal.close()
    assert status == 0
    assert shown.count("Passed") == 2
    assert "Cisco123" not in shown


def test_error_2_is_ignored_with_ok(tmp_path: Path) -> None:
    create_tokens(tmp_path)
    tokenless(tmp_path, "admin", "--yes", "utils ctl set-cluster mixed-mode")
    tokenless(tmp_path, "admin", "--yes", "file delete tftp CTLFile.tlv")
    terminal = Terminal(tmp_path, "ctl-client", "update")
    message = terminal.until(re.escape("OK [Y/n]: "))
    assert "No CTL File exists on the server" in message
    terminal.type("")
    insert(terminal, "A")
    insert(terminal, "B")
    terminal.until(PROMPT)
    terminal.type("")
    terminal.until(PASSWORD)
    terminal.type("wrong")
    status, shown = terminal.close()
    assert status == 1
    assert "14 more wrong passwords destroy it" in shown


def test_error_1_asks_for_another_token(tmp_path: Path) -> None:
    create_tokens(tmp_path)
    tokenless(tmp_path, "admin", "--yes", "utils ctl set-cluster mixed-mode")
    terminal = Terminal(tmp_path, "ctl-client", "update")
    assert "CTL Entries" not in terminal.until(PROMPT)
    terminal.type("A")
    assert "does not exist in the CTL File" in terminal.until(PROMPT)
    terminal.type("")
    status, shown = terminal.close()
    assert status == 1
    assert "no token was inserted" in shown
