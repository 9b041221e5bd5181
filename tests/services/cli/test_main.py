"""The console script itself: variables, exit statuses, one line for each failure."""

import json
import os
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **variables},
    )


def test_a_flag_has_a_variable_named_after_it(tmp_path: Path) -> None:
    done = run("token", "list", TOKENLESS_DATA=str(tmp_path / "d"), TOKENLESS_JSON="1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["tokens"] == []
    assert (tmp_path / "d" / "cluster.json").exists()


def test_variables_reach_flags_with_dashes(tmp_path: Path) -> None:
    empty = tmp_path / "empty.tlv"
    empty.write_bytes(b"")
    done = run("file", "verify", str(empty), TOKENLESS_ALLOW_SELF_SIGNED="neither")
    assert done.returncode == 2
    assert "TOKENLESS_ALLOW_SELF_SIGNED" in done.stderr or "neither" in done.stderr


def test_an_unknown_command_is_wrong_usage() -> None:
    done = run("nonsense")
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_a_failure_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = run("file", "show", str(tmp_path / "absent.tlv"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_where_it_came_from(tmp_path: Path) -> None:
    broken = tmp_path / "lab.toml"
    broken.write_text("nodes = 3")
    arguments = ("serve", "--data", str(tmp_path / "d"), "--config", str(broken))
    assert "Traceback" not in run(*arguments).stderr
    assert "Traceback" in run("--debug", *arguments).stderr
