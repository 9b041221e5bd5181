"""The console script itself: variables, exit statuses, one line for each failure."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.rigs.warm_start import run_warm
from tests.services.cli.answers import Tokenless, refused
from tokenless.services.changes import certificates
from tokenless.services.cli.main import main


def run_alone(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tokenless", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **variables},
    )


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_warm(arguments, timeout=120, env={**os.environ, **variables})


def test_a_flag_has_a_variable_named_after_it(tmp_path: Path) -> None:
    done = run_alone("init", TOKENLESS_DATA=str(tmp_path / "d"), TOKENLESS_JSON="1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["cluster"] == "lab"
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
    done = run_alone("file", "show", str(tmp_path / "absent.tlv"))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_where_it_came_from(tmp_path: Path) -> None:
    broken = tmp_path / "lab.toml"
    broken.write_text("nodes = 3")
    arguments = ("serve", "--data", str(tmp_path / "d"), "--config", str(broken))
    assert "Traceback" not in run(*arguments).stderr
    assert "Traceback" in run("--debug", *arguments).stderr
    assert "Traceback" in run(*arguments, TOKENLESS_DEBUG="1").stderr
    assert "Traceback" not in run(*arguments, TOKENLESS_DEBUG="0").stderr


def test_where_logs_are_json_the_failure_is_too(tmp_path: Path) -> None:
    broken = tmp_path / "lab.toml"
    broken.write_text("nodes = 3")
    arguments = ("serve", "--data", str(tmp_path / "d"), "--config", str(broken))
    plain = run(*arguments)
    done = run(*arguments, "--log-json")
    assert done.returncode == plain.returncode == 1
    line = json.loads(done.stderr)
    assert plain.stderr == f"tokenless: {line['event']}\n"
    assert line["level"] == "error"
    assert "exception" not in line
    shown = json.loads(run("--debug", *arguments, "--log-json").stderr)
    assert "Traceback" in shown["exception"]
    pages = ("console", "--data", str(tmp_path / "d"), "--config", str(broken))
    agent = ("test-agent", "--data", str(tmp_path / "absent"))
    studio = ("studio", "--data", str(tmp_path / "s"), "--address", "nowhere")
    for words in (pages, agent, studio):
        told = json.loads(run(*words, TOKENLESS_LOG_FORMAT="json").stderr)
        assert told["level"] == "error"


def test_a_reader_that_leaves_early_sees_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tokenless", "cert", "list", "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TOKENLESS_DATA": str(tmp_path / "d")},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(60) == 3


def test_a_reader_that_leaves_while_a_nursery_prints_needs_no_words(
    tokenless: Tokenless, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ExceptionGroup("nursery", [BrokenPipeError(32, "Broken pipe")])

    monkeypatch.setattr(certificates, "own", fail)
    assert tokenless("cert list") == (1, "", "")


def test_what_nobody_foresaw_is_one_line_and_a_traceback_on_request(
    tokenless: Tokenless,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    def fail(*_: object) -> None:
        raise ExceptionGroup("nursery", [ZeroDivisionError("by zero")])

    monkeypatch.setattr(certificates, "own", fail)
    assert refused(tokenless("cert list")) == (
        "tokenless: internal error: ZeroDivisionError: by zero; "
        "run `tokenless --debug …` for the traceback and report it"
    )
    monkeypatch.setattr(sys, "argv", ["tokenless", "--debug", "cert", "list"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    err = capfdbinary.readouterr().err.decode()
    assert "ZeroDivisionError: by zero" in err.partition("Traceback")[2]
    assert err.splitlines()[-1].startswith("tokenless: internal error")


@pytest.mark.parametrize(
    "words",
    [
        ("file", "verify", "nofile"),
        ("check", "--tftp", "nohost.invalid"),
        ("rehearse", "run", "nofile.toml"),
    ],
)
def test_a_traceback_does_not_change_the_status(words: tuple[str, ...]) -> None:
    plain, traced = run(*words), run("--debug", *words)
    assert (plain.returncode, traced.returncode) == (3, 3)
    assert "Traceback" in traced.stderr
    assert traced.stderr.endswith(plain.stderr)
    assert "Traceback" not in plain.stderr


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        (
            OSError(28, "No space left on device", "a/b"),
            (
                "a/b: No space left on device; free space on the disk, or name "
                "a place on another one"
            ),
        ),
        (OSError(2, "No such file", "a/b"), "a/b: No such file"),
    ],
)
def test_failures_of_the_machine(
    tokenless: Tokenless,
    monkeypatch: pytest.MonkeyPatch,
    cause: BaseException,
    line: str,
) -> None:
    def fail(*_: object) -> None:
        raise cause

    monkeypatch.setattr(certificates, "own", fail)
    assert refused(tokenless("cert list")) == f"tokenless: {line}"


@pytest.mark.parametrize(
    "cause",
    [
        BaseExceptionGroup("nursery", [KeyboardInterrupt()]),
        KeyboardInterrupt(),
        click.Abort(),
    ],
)
def test_an_interrupt_has_a_status_of_its_own(
    tokenless: Tokenless, monkeypatch: pytest.MonkeyPatch, cause: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise cause

    monkeypatch.setattr(certificates, "own", fail)
    status, _, err = tokenless("cert list")
    assert (status, err.strip()) == (130, "tokenless: interrupted")


@pytest.mark.parametrize(
    "words",
    [
        ("token", "create", "A"),
        ("cert", "regenerate", "CAPF"),
        ("admin", "show", "version", "active"),
    ],
)
def test_output_that_is_lost_leaves_the_change_open(
    made_folder: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(made_folder, data)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tokenless", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "TOKENLESS_DATA": str(data), "PYTHONUNBUFFERED": ""},
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "tokenless: the output could not be written: No space left on device; what the "
        "command changes may have been changed: look before you run it again"
    )


def test_a_command_that_does_not_exist(tokenless: Tokenless) -> None:
    status, _, err = tokenless("fridge")
    assert status == 2
    assert "No such command 'fridge'" in err


@pytest.mark.parametrize(
    "line",
    [
        "file verify",
        "file show",
        "cert list --data",
        "admin show ctl --node",
        "device set",
        "token create",
        "phone boot --device SEP001122334455 --tftp 127.0.0.1:9 --flash",
    ],
)
def test_a_name_that_is_no_utf_8_is_quoted(tokenless: Tokenless, line: str) -> None:
    name = "v\udcff"  # as Python has the byte FF
    status, _, err = tokenless(line, name)
    assert status in {1, 3}
    assert err.startswith("tokenless: ")
    assert "internal error" not in err
    assert "v\\FF" in err or repr(name) in err


def test_an_encoding_without_lines_for_tables_is_no_failure(tmp_path: Path) -> None:
    boot = ("--device", "SEP001122334455", "--tftp", "127.0.0.1:9")
    flash = ("--flash", str(tmp_path / "flash"))
    assert run("phone", "boot", *boot, *flash).returncode == 3
    done = run_alone("phone", "show", *flash, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEP001122334455" in done.stdout
