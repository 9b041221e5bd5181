"""Several rehearsals at the same time, told in their order."""

import json
from pathlib import Path

from tests.rigs.run_cli import run_cli

NAMES = ("hostname-one-node", "auto-registration")


def test_they_are_told_in_order_and_kept_apart(tmp_path: Path) -> None:
    words = ("--phones", "2", "--jobs", "2", "--keep", str(tmp_path / "kept"))
    status, out, err = run_cli("rehearse", "run", *NAMES, *words, "--json")
    assert status == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    ends = [line["rehearsal"] for line in lines if "rehearsal" in line]
    assert ends == list(NAMES)
    assert sorted(each.name for each in (tmp_path / "kept").iterdir()) == sorted(NAMES)


def test_one_that_cannot_be_set_up_is_said(tmp_path: Path) -> None:
    (tmp_path / NAMES[1]).mkdir()
    (tmp_path / NAMES[1] / "mine").write_text("precious")
    words = ("--phones", "2", "--jobs", "2", "--keep", str(tmp_path))
    status, _, err = run_cli("rehearse", "run", *NAMES, *words)
    assert status == 1
    assert f"{NAMES[1]} is not empty" in err
    assert (tmp_path / NAMES[1] / "mine").read_text() == "precious"
