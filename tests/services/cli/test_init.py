"""`tokenless init`, and data folders that are not there."""

import json
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tests.services.conftest import LAB
from tokenless.services.cli.cluster.serve import _has_console
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config

NOT_THERE = (
    ("admin", "show", "ctl"),
    ("admin", "show", "phone-features"),
    ("cert", "list"),
    ("token", "list"),
    ("ctl-client", "show"),
    ("node", "export", "sub1", "--output", "x", "--password", "1234567890ab"),
    ("health",),
    ("backup", "copy"),
)


def test_init_makes_a_folder_once(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "acme"))
    status, out, err = run_cli("init", *data, "--config", str(LAB), "--json")
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert made["data"] == str(tmp_path / "acme")
    assert [node["publisher"] for node in made["nodes"]] == [True, False]
    status, out, err = run_cli("init", *data)
    assert (status, out) == (1, "")
    assert "holds a cluster already" in err
    status, out, err = run_cli("cert", "list", *data, "--json")
    assert (status, err) == (0, "")


def test_a_host_that_only_follows_has_no_console(
    lab: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts share a file with [console]; its users are nothing of a subscriber's."""
    lab.take_settings(load_config(LAB, {"console": {"port": 0}}))
    assert _has_console(lab, None)
    monkeypatch.setattr(type(lab.store), "may_change", False)
    assert not _has_console(lab, None)
    assert _has_console(lab, "console")  # which then is refused in words


@pytest.mark.parametrize("words", NOT_THERE, ids=" ".join)
def test_a_misspelt_folder_is_not_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "cluster.json").write_text("{}")
    missing = tmp_path / "acm"
    command, *rest = words
    status, out, err = run_cli(command, "--data", str(missing), *rest)
    if status == 2:  # a group takes the option behind the command's own name
        status, out, err = run_cli(*words, "--data", str(missing))
    assert (status, out) == (3, "")
    assert err.count("\n") == 1
    assert not missing.exists()
    assert str(missing) in err


def test_what_was_meant_is_named(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "cluster.json").write_text("{}")
    _, _, err = run_cli("cert", "list", "--data", str(tmp_path / "acm"))
    assert f"did you mean {tmp_path / 'acme'}?" in err
    assert f"`tokenless init --data {tmp_path / 'acm'}` makes one" in err


def test_a_place_that_cannot_be_used_is_named_as_it_was_given(tmp_path: Path) -> None:
    # The longest name; that of a scratch folder is longer.
    place = tmp_path / ("x" * 255)
    status, _, err = run_cli("init", "--data", str(place))
    assert status == 1
    reason = "File name too long; name a place with a shorter path"
    assert err == f"tokenless: {place}: {reason}\n"
