"""SIGTERM and a closed terminal end a command as Ctrl-C does."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.rigs.unmeasured import unmeasured
from tests.rigs.waiting import wait_until

SCRATCH = "tokenless-*"
NOBODY = ("--tftp", "127.0.91.9:1")


def tokenless_with(hang_up: str) -> list[str]:
    """Return the command, to which SIGHUP is SIG_DFL or SIG_IGN, whatever it is here.

    `nohup` lets it be ignored, as tests may be run themselves.
    """
    line = f"import os, signal, sys; signal.signal(signal.SIGHUP, signal.{hang_up});"
    line = f"{line} os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return [sys.executable, "-c", line, "-m", "tokenless"]


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*tokenless_with("SIG_DFL"), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=unmeasured() | {"TMPDIR": str(folder)},
        cwd=folder,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_no_scratch_folder_stays(tmp_path: Path, number: signal.Signals) -> None:
    """It has the private keys of the lab."""
    with started(tmp_path, "demo", "--phones", "2") as command:
        wait_until(lambda: any(tmp_path.glob(f"{SCRATCH}/*")))
        command.send_signal(number)
        _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert said.splitlines()[-1] == "tokenless: interrupted"
    assert list(tmp_path.glob(SCRATCH)) == []


def test_the_processes_of_a_fleet_end_in_silence(tmp_path: Path) -> None:
    words = ("--count", "4", "--processes", "2", "--flash", "fleet")
    with started(tmp_path, "fleet", "boot", *words, *NOBODY) as command:
        wait_until(lambda: len(children_of(command.pid)) == 2)
        children = children_of(command.pid)
        command.send_signal(signal.SIGTERM)
        _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert said.splitlines()[-1] == "tokenless: interrupted"
    assert "Traceback" not in said
    for each in children:
        with pytest.raises(ProcessLookupError):
            os.kill(each, 0)


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """`nohup`: the session ends, the command goes on."""
    words = ("--device", "SEP001122334455", "--flash", "f")
    command = subprocess.Popen(
        [*tokenless_with("SIG_IGN"), "phone", "boot", *words, *NOBODY],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=unmeasured(),
        cwd=tmp_path,
    )
    with command:
        wait_until((tmp_path / "f").exists)
        command.send_signal(signal.SIGHUP)
        _, said = command.communicate(timeout=60)
    assert command.returncode == 3
    assert "does not answer" in said


def test_what_is_half_made_goes_in_a_scripts_background_too(tmp_path: Path) -> None:
    """Where a shell lets Ctrl-C be ignored."""
    lines = """
        import os, pathlib, signal, sys
        from tokenless.services.files import made_beside
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with made_beside(pathlib.Path(sys.argv[1])) as (scratch, _):
                (scratch / "key.pem").touch()
                os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            sys.exit(130)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(lines), str(tmp_path / "data")],
        env=unmeasured(),
        check=False,
        timeout=60,
    )
    assert done.returncode == 130
    assert list(tmp_path.iterdir()) == []


def children_of(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(each) for each in text.split()]
