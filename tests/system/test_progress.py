"""A bar and the text beside it in one terminal."""

import re
import socket
from pathlib import Path

import pytest

from tests.rigs.run_in_terminal import run_in_terminal
from tokenless.ground import terminal
from tokenless.ground.terminal import slow_view
from tokenless.phone_emulator.cli.fleets.view import fleet_view
from tokenless.phone_emulator.fleet.report import FleetReport


def test_no_text_is_glued_to_the_bar() -> None:
    status, shown = run_in_terminal("rehearse", "run", "four-flows", "--phones", "3")
    assert status == 0
    assert "━" in shown
    heads = re.findall(r"(.)\d\. [A-Z][^\r\n]*  SAFE, as expected", shown, re.DOTALL)
    assert len(heads) >= 4
    assert set(heads) <= {"\r", "\n"}


def test_a_slow_check_says_what_it_waits_for() -> None:
    """Nobody listens at the discard port of a loopback address."""
    silent = ("check", "--tftp", "127.0.97.9:9", "--tftp-timeout", "1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.97.9", 9))
        status, shown = run_in_terminal(*silent)
    assert status == 3
    assert "asking TFTP nodes" in shown
    assert "0:00:03" in shown


def test_a_phone_that_is_to_stay_up_says_what_its_first_boot_waits_for(
    tmp_path: Path,
) -> None:
    device = "SEP001122334455"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        host, port = deaf.getsockname()
        where = ("--flash", str(tmp_path / "flash"), "--tftp", f"{host}:{port}")
        new = ("--model", "7975", "--device", device, "--tftp-timeout", "0.1")
        status, _ = run_in_terminal("phone", "boot", *where, *new)
        assert status == 3
        slow = ("--tftp-timeout", "2")
        _, shown = run_in_terminal(
            *("phone", "run", *where, *slow),
            interrupt_at=f"fetching|{device} \\(7975\\)",
        )
    assert f"fetching CTL{device}.tlv from {host}:{port}" in shown
    assert f"{device} (7975)" not in shown


def test_a_quick_command_shows_no_progress() -> None:
    status, shown = run_in_terminal(
        "rehearse", "plan", "--goal", "TVS", "--nodes", "pub,sub1"
    )
    assert status == 0
    assert "checking orders" not in shown


def test_progress_begins_and_moves_by_itself() -> None:
    script = (
        "import time\n"
        "from tokenless.ground.terminal import slow_view\n"
        "with slow_view('making keys') as tell:\n"
        "    time.sleep(2.6)\n"
        "    tell('copying', 30, 60)\n"
        "    time.sleep(0.4)\n"
        "print('end')\n"
    )
    status, shown = run_in_terminal(script=script)
    assert status == 0
    assert "making keys" in shown
    assert "━" in shown
    assert shown.index("copying") < shown.index("end")


@pytest.fixture
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have work say at once how far it is, not after half a minute."""
    monkeypatch.setattr(terminal, "_TOLD_EVERY_S", 0.01)


@pytest.mark.usefixtures("told_at_once")
def test_where_no_terminal_is_a_line_says_how_far_a_fleet_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = FleetReport(2000)
    counts.outcomes["ok"] += 120
    counts.seconds = 30.0
    with fleet_view(2000) as show:
        show(counts)
        line = _first_line(capsys, "120")
    assert re.match(r"phones: 120 of 2000, after \d:\d\d:\d\d; 4/s  ok 120", line)


@pytest.mark.usefixtures("told_at_once")
def test_where_no_terminal_is_a_line_says_what_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with slow_view("asking \x1b[31mnodes") as tell:
        assert re.match(
            r"asking .*\[31mnodes, after 0:00:0\d$", _first_line(capsys, "asking")
        )
        tell("checking", 3, 40)
        line = _first_line(capsys, "checking")
    assert re.match(r"checking: 3 of 40, after 0:00:\d\d$", line)
    assert "\x1b" not in line


def _first_line(capsys: pytest.CaptureFixture[str], word: str) -> str:
    """Wait for a line on standard error with a word in it; nothing else is printed."""
    while True:
        printed = capsys.readouterr()
        assert printed.out == ""
        for line in printed.err.splitlines():
            if word in line:
                return line
