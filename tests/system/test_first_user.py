"""The console of a container: where it listens, and its first user."""

import json
import signal
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.rigs.warm_start import WarmPopen
from tests.system.serving import PUBLISHER, environment, lab_config, serving, tokenless

PASSWORD = "correct horse battery"


def users(folder: Path) -> list[dict[str, object]]:
    done = tokenless(folder, "console", "user", "list", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_serve_has_a_console_and_its_first_user(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\r\n")
    options = (
        *("--console", "127.0.0.1:0", "--first-user", "alice"),
        *("--first-password-file", str(secret)),
    )
    lab_config(tmp_path)  # and no cluster: the server makes one
    with serving(tmp_path, *options) as served:
        where = served.address(PUBLISHER, "console")
        assert where.startswith("127.0.0.1:")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with urllib.request.urlopen(f"https://{where}/", context=context) as page:
            assert b"Username" in page.read()
    assert [each["name"] for each in users(tmp_path)] == ["alice"]
    assert PASSWORD not in served.log
    # Only a cluster without users gets one: nobody comes in by an old variable.
    with serving(tmp_path, *options, "--first-user", "mallory"):
        assert [each["name"] for each in users(tmp_path)] == ["alice"]


def test_without_a_first_user_nobody_can_sign_in_and_the_log_says_so(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--only", "console", "--console", "127.0.0.1:0") as served:
        assert users(tmp_path) == []
        assert "nobody can sign in" in served.log


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--first-user", "alice"), "no password was given"),
        (("--first-user", "alice", "--first-password", "short"), "10 to 256 char"),
        (
            ("--first-user", "a b", "--first-password", PASSWORD),
            "not a valid user name",
        ),
        (("--first-user", "alice", "--first-password-file", "long"), "one line"),
        (("--first-user", "alice", "--first-password-file", "empty"), "no password"),
    ],
)
def test_a_first_user_that_cannot_be_is_refused(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    lab_config(tmp_path)
    (tmp_path / "long").write_bytes(bytes(5000))
    (tmp_path / "empty").touch()
    done = tokenless(tmp_path, "serve", "--console", "127.0.0.1:0", *options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert PASSWORD not in done.stderr


def test_a_place_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    for place in ("here", "127.0.0.1:", "127.0.0.1:99999"):
        done = tokenless(tmp_path, "serve", "--console", place)
        assert done.returncode == 2, place
        assert "is not [ADDRESS:]PORT" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_console_of_its_own_ends_when_it_is_told_to(
    tmp_path: Path, number: signal.Signals
) -> None:
    lab_config(tmp_path)
    assert tokenless(tmp_path, "init").returncode == 0
    options = ("--address", "127.0.0.1", "--port", "0", "--no-sign-in", "--json")
    with WarmPopen(
        ["console", *options],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["event"] == "ready"
        child.send_signal(number)
        _, said = child.communicate()
    assert child.returncode == 0
    assert "interrupted" not in said
