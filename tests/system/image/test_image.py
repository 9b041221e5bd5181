"""The image: what is in it, that it can be built again alike, and that it serves.

Not part of `make test`: it needs root, buildah, podman, runc and mmdebstrap (100 MB),
fetches a base system and every locked dependency, and takes one to three minutes. A
check of every change must not depend on a mirror that is slow today. `make image` runs
it, on a stand-in for the official base (Debian 12 with its Python 3.11), or, where a
registry can be reached, on what TOKENLESS_BASE names (anything `podman pull` takes).
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.image.engine import OFFICIAL_BASE, Engine, NamespacedEngine
from tests.system.image.page import blocks, section

pytestmark = pytest.mark.timeout(900)

MOST_BYTES = 110_000_000
"""What the image may add to its base."""
HARDENED = (
    "--read-only",
    "--read-only-tmpfs=false",  # as Docker: not even /tmp
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
OFFLINE = "--network=none"


def test_two_builds_give_the_same_layers(
    engine: Engine, source: Path, image: str
) -> None:
    engine.build("localhost/again", source, "--no-cache")
    layers = [
        engine.inspect(name)["RootFS"]["Layers"] for name in (image, "localhost/again")
    ]
    assert layers[0] == layers[1]


def test_it_is_small(
    engine: Engine, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, base = (engine.inspect(name)["Size"] for name in (image, OFFICIAL_BASE))
    with capsys.disabled():
        sys.stdout.write(f"\n{whole / 1e6:.0f} MB, of it the base {base / 1e6:.0f}\n")
    assert whole - base < MOST_BYTES


def test_nothing_in_it_builds_or_installs(engine: Engine, image: str) -> None:
    script = """
        for tool in cc c++ gcc g++ clang ld as make cargo pip pip3 hatchling; do
            command -v $tool
        done
        for python in python3 /opt/tokenless/bin/python; do
            for module in pip hatchling setuptools; do
                $python -c "import $module" 2> /dev/null && echo $module
            done
        done
        find /opt/tokenless /etc/tokenless ! -user root
        true
    """
    options = ("--rm", OFFLINE, "--entrypoint=sh")
    assert engine.podman("run", *options, image, "-c", script) == ""


def test_health_without_a_server_is_bad(engine: Engine, image: str) -> None:
    command = engine.inspect(image)["Healthcheck"]["Test"]
    assert command == ["CMD", "tokenless", "health"]
    run = ("run", "--rm", OFFLINE, *HARDENED, "--entrypoint=sh", image)
    told = engine.podman(*run, "-c", f"{' '.join(command[1:])} || echo bad")
    assert told == "bad\n"


@pytest.fixture
def served(engine: Engine, image: str) -> Iterator[str]:
    """Serve the lab as one container; yields its name."""
    name = "served"
    engine.podman("run", "--detach", f"--name={name}", OFFLINE, *HARDENED, image)
    engine.await_line(name, '"event": "serving"')
    yield name
    engine.podman("rm", "--force", "--volumes", "--time=0", name)


def test_it_serves_read_only_and_without_a_capability(
    engine: Engine, served: str
) -> None:
    engine.podman("healthcheck", "run", served)
    status = engine.podman("exec", served, "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["Uid"].split() == ["6970"] * 4
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    writable = "find / -xdev -writable ! -type l 2> /dev/null || true"
    assert engine.podman("exec", served, "sh", "-c", writable) == "/data\n"

    phone = ("--device=SEP001122334455", "--flash=/data/phone", "--json")
    where = "--tftp=127.0.47.155:6969,127.0.47.156:6969"
    told = engine.podman("exec", served, "tokenless", "phone", "boot", *phone, where)
    assert json.loads(told)["outcome"] == "ok"


def test_it_drains_when_it_is_stopped(engine: Engine, served: str) -> None:
    engine.podman("stop", "--time=10", served)
    (state,) = json.loads(engine.podman("inspect", served))
    assert state["State"]["ExitCode"] == 0


def test_the_demo_runs_in_it(engine: Engine, image: str) -> None:
    run = ("run", "--rm", OFFLINE, *HARDENED, image, "demo", "--phones=2", "--json")
    assert engine.podman(*run)  # its status says that each step ended as expected


def test_it_serves_as_any_user_of_group_0(engine: Engine, image: str) -> None:
    """As on OpenShift, which gives each project a number of its own."""
    name = "anybody"
    user = ("--user=123456:0", f"--name={name}")
    engine.podman("run", "--detach", *user, OFFLINE, *HARDENED, image)
    try:
        engine.await_line(name, '"event": "serving"')
        assert engine.podman("exec", name, "id", "-u") == "123456\n"
        assert ": ok" in engine.podman("exec", name, "tokenless", "health")
    finally:
        engine.podman("rm", "--force", "--volumes", "--time=0", name)


def await_health(host: NamespacedEngine, name: str) -> None:
    while ": ok" not in host.run(
        host.program, "exec", name, "tokenless", "health", check=False
    ):
        time.sleep(0.1)


def test_the_page_on_the_console_is_typed(
    host: NamespacedEngine, image: str, tmp_path: Path
) -> None:
    """All of it but for what asks at a terminal; with a file of this system."""
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o644)
    typed = [each for each, _ in blocks(section("The console, also on Windows"))]
    runs = [each for each in typed if "docker run -d --name lab" in each]
    (boots,) = [each for each in typed if "phone boot" in each]
    signs_in = "until curl --silent --insecure --fail https://localhost:8443/; do\n"
    for commands in runs:
        block = commands.replace("docker build -t tokenless .", f"# {image} is there")
        block = block.replace(r"C:\lab\password.txt", str(secret))
        script = f"{block}\n{signs_in}sleep 0.2; done > /dev/null\n{boots}"
        try:
            told = host.run("sh", "-euc", f"{_AS_DOCKER[host.program]}{script}")
            assert "SEP001122334455 (7975): ok" in told
        finally:
            host.run(host.program, "rm", "--force", "--volumes", "lab", check=False)
            host.run(host.program, "volume", "rm", "tokenless", check=False)
    assert len(runs) == 2


_AS_DOCKER = {"docker": "", "podman": 'docker() { podman "$@"; }\n'}
RESTART = "utils service restart Cisco Tftp"
PUBLISHED = """
[listen]
address = "0.0.0.0"
[advertise]
tftp = 30069
tvs = 32445
[tftp]
port = 6969
ports = "single"
[tvs]
tls_minimum = "1.0"
[[nodes]]
name = "pub"
address = "127.0.0.1"
publisher = true
[[callmanager_groups]]
name = "Group"
members = ["pub"]
[[device_pools]]
name = "Default"
callmanager_group = "Group"
default = true
"""


def test_phones_reach_published_ports(
    host: NamespacedEngine, image: str, tmp_path: Path
) -> None:
    """From the host, in mixed mode, and TVS on another port than its own."""
    config = tmp_path / "cluster.toml"
    config.write_text(PUBLISHED)
    name, program = "published", host.program
    ports = [f"--publish=127.0.0.1:{each}" for each in ("30069:6969/udp", "32445:2445")]
    files = ("--env=TOKENLESS_CONFIG=/cluster.toml", f"--volume={config}:/cluster.toml")
    host.run(program, "run", "--detach", f"--name={name}", *ports, *files, image)
    words = ("--device=SEP001122334455", f"--flash={tmp_path}/flash", "--tftp-only")
    boot = ("phone", "boot", *words, "--tftp=127.0.0.1:30069", "--json")
    try:
        await_health(host, name)
        booted = []
        for line in ("utils ctl set-cluster mixed-mode", "set cert regen CallManager"):
            for typed in (line, "utils ctl update CTLFile", RESTART):
                admin = ("exec", name, "tokenless", "admin", "--yes")
                host.run(program, *admin, *typed.split())
            told = host.run(sys.executable, "-m", "tokenless", *boot)
            booted.append(json.loads(told))
        assert [each["outcome"] for each in booted] == ["ok", "ok"]
        (asked,) = booted[-1]["tvs"]
        assert (asked["server"], asked["status"]) == ("127.0.0.1:32445", "trusted")
    finally:
        host.run(program, "rm", "--force", "--volumes", name, check=False)
