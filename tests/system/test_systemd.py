"""What systemd is told, and what the units ask of it."""

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.rigs.warm_start import run_warm
from tests.system.serving import PATIENCE_S, TOKENLESS, environment, lab_config, serving

UNITS = Path(__file__).parents[2] / "configs/systemd"
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(params=["path", "abstract"])
def systemd(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """Listen as systemd does; the environment of `serving` names the socket."""
    address = str(tmp_path / "notify") if request.param == "path" else f"\0{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(PATIENCE_S)
        named = address.replace("\0", "@")
        monkeypatch.setattr(
            "tests.system.serving.environment",
            lambda folder: {
                **environment(folder),
                "NOTIFY_SOCKET": named,
                "WATCHDOG_USEC": "3600000000",
            },
        )
        yield listener


def told(systemd: socket.socket) -> dict[str, str]:
    lines = systemd.recv(4096).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_life(systemd: socket.socket, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        ready = told(systemd)
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(served.process.pid))
        assert told(systemd) == {"WATCHDOG": "1"}
        served.process.send_signal(signal.SIGHUP)
        assert int(told(systemd)["MONOTONIC_USEC"]) > 0
        again = told(systemd)
        assert (again["READY"], again["STATUS"]) == ("1", "serving")
        (tmp_path / "lab.toml").write_text("no TOML")
        served.process.send_signal(signal.SIGHUP)
        assert told(systemd)["RELOADING"] == "1"
        assert told(systemd)["STATUS"] == "serving; not reloaded: configuration"
        served.process.send_signal(signal.SIGTERM)
        assert told(systemd)["STOPPING"] == "1"
        assert served.process.wait(PATIENCE_S) == 0


def test_readiness_means_that_every_socket_answers(
    systemd: socket.socket, tmp_path: Path
) -> None:
    with serving(tmp_path) as served:
        told(systemd)
        services = {each["service"] for each in served.ready}
        assert services >= {"tftp", "http", "tvs", "sccp", "sip"}


def test_a_socket_that_is_gone_ends_nothing(
    systemd: socket.socket, tmp_path: Path
) -> None:
    systemd.close()
    with serving(tmp_path) as served:
        assert served.stop() == 0
        assert "systemd was not told" in served.log


def test_a_socket_that_systemd_opened_is_served_on(tmp_path: Path) -> None:
    """As the socket unit does it: descriptor 3, bound to the node's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.47.155", 0))
        port = bound.getsockname()[1]
        config = lab_config(tmp_path)
        text = config.read_text().replace(
            "\n[tftp]\nport = 0", f"\n[tftp]\nport = {port}"
        )
        text += "\n[http]\nport = 0\ntls_port = 0\n"  # not the lab's default ports
        config.write_text(text)
        script = 'exec 3<&"$FD"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
        words = (*TOKENLESS, "serve", "--node", "cucm-1051-a-pub", "--only", "tftp")
        with subprocess.Popen(
            ["bash", "-c", script, "bash", *words],
            cwd=tmp_path,
            env={**environment(tmp_path), "FD": str(bound.fileno())},
            pass_fds=[bound.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                assert f'"port": {port}' in process.stdout.readline()
            finally:
                process.kill()


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    assert parser.read(UNITS / name)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_units_fit_the_program() -> None:
    service = unit("tokenless.service")["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    # A drain takes three seconds at most, and the program exits within five.
    assert int(service["TimeoutStopSec"]) > 5
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    socket_unit = unit("tokenless-tftp.socket")["Socket"]
    assert socket_unit["ReceiveBuffer"] == "8M"
    assert socket_unit["Service"] == "tokenless.service"


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda p: p.name)
def test_commands_of_the_units_exist(path: Path, tmp_path: Path) -> None:
    words = re.findall(r"/opt/tokenless/bin/tokenless (\S+)", path.read_text())
    assert words
    for word in words:
        done = run_warm([word, "--help"], env=environment(tmp_path))
        assert done.returncode == 0


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Put the units where the program that they name exists."""
    for path in UNITS.iterdir():
        text = path.read_text().replace("/opt/tokenless/bin/tokenless", "/bin/true")
        (tmp_path / path.name).write_text(text)
    return tmp_path


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_finds_nothing_wrong(installed: Path, name: str) -> None:
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", "--recursive-errors=no", installed / name],
        env={"SYSTEMD_UNIT_PATH": f"{installed}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda p: p.name)
def test_little_of_the_host_is_exposed(path: Path) -> None:
    """In tenths of systemd's own scale: 96 without a single line of hardening."""
    bound = ("--offline=true", "--threshold=20", str(path))
    subprocess.run([str(ANALYZE), "security", *bound], capture_output=True, check=True)
