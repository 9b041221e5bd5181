"""Input that cannot be read: status 3 and the option's name, whichever option it is."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.rigs.run_cli import run_cli
from tests.system.test_command_line import COMMANDS
from tokenless.inputs import InputFile, InputPath

LINES = {
    "file show {}": "FILE",
    "file verify {}": "FILE",
    "file verify good --signer {}": "--signer",
    "file verify good --against {}": "--against",
    "file verify good --tvs 127.0.0.1:1 --tvs-ca {}": "--tvs-ca",
    "file diff good {}": "NEW",
    "file unsign {}": "FILE",
    "file sign {} x.sgn --cert good --key good": "FILE",
    "file sign good x.sgn --cert {} --key good": "--cert",
    "file sign good x.sgn --p12 {}": "--p12",
    "file build x.tlv --description {}": "--description",
    "file build x.tlv --record SAST={}": "{}",
    "file decrypt good --key {}": "--key",
    "tvs verify {} --server 127.0.0.1:1": "CERTIFICATE",
    "tvs verify good --server 127.0.0.1:1 --ca {}": "--ca",
    "ca sign folder {}": "REQUEST",
    "device import {}": "FILE",
    "cert upload CallManager-trust {} --data {data}": "FILE",
    "cert import CallManager {}": "FILE",
    "ctl-client update --add-tftp 192.0.2.9={} --data {data}": "ADDRESS=FILE",
    "node import {} --password 123456789012": "FILE",
    "restore {} --data new": "SOURCE",
    "init --config {} --data new": "{}",
    "serve --console 127.0.0.1:0 --first-user alice --first-password-file {} "
    "--data {data}": "{}",
    "check --tftp 127.0.0.1:1 --lsc {}": "--lsc",
    "rehearse import --ctl {}": "--ctl",
    "rehearse import --ctl good --cert {}": "--cert",
    "rehearse run {}": "rehearsal {}",
    "rehearse plan --goal regenerate --for {}": "--for",
    "preflight {} --goal regenerate": "REHEARSAL",
    "phone boot --device SEP001122334455 --flash f --tftp 127.0.0.1:1 --mic {}": (
        "--mic"
    ),
    "phone replay {}": "FILE",
    "phone models --features {}": "--features",
    "fleet boot --flash f --tftp 127.0.0.1:1 --plan {}": "--plan",
    "fleet boot --flash f --tftp 127.0.0.1:1 --manufacturer {}": "--manufacturer",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file, a folder, and a cluster."""
    made = tmp_path_factory.mktemp("inputs")
    (made / "good").write_text("something")
    (made / "a_folder.toml").mkdir()
    assert run_cli("init", "--data", str(made / "data"))[0] == 0
    return made


def said(folder: Path, line: str, name: str) -> tuple[int, list[str]]:
    path = str(folder / name)
    words = [
        word.format(path, data=folder / "data").replace("good", str(folder / "good"))
        for word in line.split()
    ]
    status, out, err = run_cli(*words)
    assert out == ""
    return status, err.strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_a_file_that_is_not_there(folder: Path, line: str) -> None:
    status, (said_last, *more) = said(folder, line, "nofile.toml")
    assert (status, more) == (3, [])
    named = LINES[line].format(folder / "nofile.toml")
    assert said_last.startswith(f"tokenless: {named}")
    assert "No such file or directory" in said_last
    assert "; " in said_last


@pytest.mark.parametrize(
    "line",
    [
        line
        for line, named in LINES.items()
        if "{}" not in named and named not in {"SOURCE", "--manufacturer"}
    ],
)
def test_a_folder_where_a_file_is_needed(folder: Path, line: str) -> None:
    status, (said_last, *more) = said(folder, line, "a_folder.toml")
    assert (status, more) == (3, [])
    assert said_last.startswith(f"tokenless: {LINES[line]}")
    assert "Is a directory" in said_last


WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("file show {}", "FILE {}"),
        ("rehearse import --ctl {}", "--ctl {}"),
        ("serve --data new --config {}", "{}"),
    ],
)
def test_a_file_that_may_not_be_read(tmp_path: Path, line: str, named: str) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv")
    done = subprocess.run(
        [
            *(WITHOUT_RIGHTS if os.geteuid() == 0 else []),
            *(sys.executable, "-m", "tokenless", *line.format(path).split()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (3, "")
    (said_last,) = done.stderr.splitlines()
    assert said_last.startswith(f"tokenless: {named.format(path)}")
    assert "Permission denied" in said_last


@pytest.mark.parametrize(
    "line",
    [
        "ca sign {data} {}",
        "cert import CallManager {} --data {data}",
        "device import {} --data {data}",
        "file show {}",
    ],
)
def test_a_file_that_breaks_off(folder: Path, line: str) -> None:
    """As one of a file server that went away: it can be opened, and not be read."""
    path = "/proc/self/mem"
    words = line.format(path, data=folder / "data").split()
    status, out, err = run_cli(*words)
    assert (status, out) == (3, "")
    (only,) = err.splitlines()
    assert f"{path} cannot be read: Input/output error; " in only


def test_an_endless_table_of_devices(folder: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    words = "device", "import", "/dev/zero", "--data", str(folder / "data")
    done = subprocess.run(
        [sys.executable, "-m", "tokenless", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "tokenless: /dev/zero: over 16777216 bytes; split the file\n"
    )


def test_no_option_leaves_its_file_to_click() -> None:
    """Click's own check exits as wrong usage."""
    assert [
        (name, each.name)
        for name, command in COMMANDS.items()
        for each in command.params
        if isinstance(each.type, click.File | click.Path)
        and not isinstance(each.type, InputFile | InputPath)
        and (isinstance(each.type, click.File) or each.type.exists)
    ] == []
