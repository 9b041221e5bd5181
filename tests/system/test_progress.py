"""A bar and the text beside it in one terminal."""

import re
import socket

from tests.rigs.run_in_terminal import run_in_terminal


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
