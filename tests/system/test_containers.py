"""What the image and compose.yaml name exists, and is what the program takes.

That the image is built and the flow runs needs a container engine: docs/containers.md.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.rigs.warm_start import run_warm
from tokenless.services.config import load_config

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SCRIPTS = sorted((ROOT / "configs/compose").glob("*.sh"))


def test_every_file_of_compose_is_in_the_image() -> None:
    named = re.findall(r"/etc/tokenless/(\S+\.(?:sh|toml))", COMPOSE + DOCKERFILE)
    assert set(named) >= {"compose/publisher.sh", "compose/cluster.toml", "lab.toml"}
    assert [name for name in named if not (ROOT / "configs" / name).is_file()] == []
    for local in re.findall(r"- \./(\S+?):", COMPOSE):
        assert (ROOT / local).is_file()


def test_compose_and_its_cluster_agree_on_addresses() -> None:
    config = load_config(ROOT / "configs/compose/cluster.toml")
    given = set(re.findall(r"ipv4_address: ([\d.]+)", COMPOSE))
    assert {node.address for node in config.nodes} < given
    assert (config.tftp.port, config.tvs.port) == (69, 2445)
    assert "@172.30.47.150/" in COMPOSE
    assert "172.30.47.150" in given


def test_no_container_has_anothers_password() -> None:
    tables = COMPOSE.partition("\nservices:\n")[2].partition("\nnetworks:")[0]
    services = re.split(r"(?m)^  (?=[a-z]+:$)", tables)[1:]
    held = {
        text.partition(":")[0]: set(re.findall(r"\$\{([A-Z]+)_PASSWORD", text))
        for text in services
    }
    assert held["postgres"] == {"POSTGRES", "PUBLISHER", "SUBSCRIBER"}
    assert held["publisher"] == {"PUBLISHER", "HANDOVER", "CONSOLE"}
    assert held["subscriber"] == {"SUBSCRIBER"}  # and, by reference, HANDOVER
    assert "<<: *environment" in COMPOSE
    subscriber = COMPOSE.partition("\n  subscriber:")[2].partition("\n  fleet:")[0]
    assert 'TOKENLESS_FIRST_PASSWORD: ""' in subscriber
    assert COMPOSE.count("restart: unless-stopped") == 2  # PostgreSQL comes back, too
    assert COMPOSE.count("mem_limit:") == COMPOSE.count("pids_limit:") == 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_commands_of_the_scripts_exist() -> None:
    text = "\n".join(script.read_text() for script in SCRIPTS).replace("\\\n", " ")
    lines = re.findall(r"tokenless ((?:node )?[a-z]+)(.*)", text)
    assert {command for command, _ in lines} >= {"serve", "node export", "node import"}
    for command, rest in lines:
        done = run_warm([*command.split(), "--help"])
        assert done.returncode == 0
        flags = [word for word in shlex.split(rest) if word.startswith("--")]
        assert [flag for flag in flags if flag not in done.stdout] == []


def test_the_console_has_no_default_password() -> None:
    assert "${CONSOLE_PASSWORD:-}" in COMPOSE
    assert '"127.0.0.1:8443:8443"' in COMPOSE
    config = load_config(ROOT / "configs/compose/cluster.toml")
    assert config.console is not None
    assert config.console.port == 8443
    assert "8443/tcp" in DOCKERFILE
    assert "PASSWORD" not in DOCKERFILE


def test_the_image_runs_as_nobody_special() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER tokenless" in final
    assert "HEALTHCHECK" in final
    assert "pip install" not in final
    assert "-g 0 -m 0770 /data" in final  # any user of group 0
    assert "# syntax" not in DOCKERFILE  # which would need a registry
    for port in ("3804/tcp", "2443/tcp", "5060/udp", "8002/tcp", "9469/tcp"):
        assert port in final
    for ignored in (ROOT / ".dockerignore").read_text().splitlines():
        if ignored.startswith("!"):
            assert (ROOT / ignored.removeprefix("!")).exists()
