"""docs/planning.md: the fault that it replays is one of the change that it saves."""

import re
import shlex
from pathlib import Path

from tests.rigs.run_cli import run_cli

PAGE = (Path(__file__).parents[3] / "docs/planning.md").read_text()


def test_the_fault_of_the_page_can_be_replayed(tmp_path: Path) -> None:
    change = str(tmp_path / "change.toml")
    saves = next(each for each in PAGE.splitlines() if "--save change.toml" in each)
    words = [change if each == "change.toml" else each for each in shlex.split(saves)]
    status, _, err = run_cli(*words[1:])
    assert status == 0, err
    status, out, err = run_cli("rehearse", "explore", change, "--list")
    assert status == 0, err
    replayed = re.search(r"--replay (\S+)", PAGE)
    assert replayed is not None
    assert replayed[1] in [each.split(": ")[0] for each in out.splitlines()]
