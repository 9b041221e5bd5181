"""The services of `compose.yaml`, in a folder of their own, under podman or Docker."""

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from tests.system.image.docker import Docker
from tests.system.image.engine import ROOT, Engine, NamespacedEngine

PROJECT: Final = "lab"
PUBLISHER, SUBSCRIBER = "publisher", "subscriber"
NODES: Final = {PUBLISHER: "cucm-1051-a-pub", SUBSCRIBER: "cucm-1051-a-sub1"}
ADDRESSES: Final = {PUBLISHER: "172.30.47.155", SUBSCRIBER: "172.30.47.156"}
_DOCKER: Final = """
docker() {
    if [ "$1" = compose ]; then
        shift
        command COMPOSE "$@"
    else
        command ENGINE "$@"
    fi
}
"""
_AWAIT: Final = """
await_ready() {
    for each in publisher subscriber; do
        until docker compose exec -T $each tokenless health --ready; do sleep 0.2; done
    done > /dev/null 2>&1
}
"""
_PS: Final = "docker ps --filter label=com.docker.compose.service={}"
_MODIFIED: Final = re.compile(r"(?m)^.*was last modified.*\n")
_SEEN: Final = """
for line in "show itl" "show ctl" "show enterprise" "show cert list trust"; do
    echo "$line"
done | tokenless admin --node NODE
tokenless device list
cd "$TOKENLESS_DATA"
find nodes tokens -path "*/keys/*" -type f | sort | xargs sha256sum
"""


class Stack:
    """What a reader of docs/containers.md has in front of them."""

    def __init__(self, engine: NamespacedEngine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder / PROJECT
        self.folder.mkdir()
        shutil.copytree(ROOT / "configs", self.folder / "configs")
        shutil.copy2(ROOT / "compose.yaml", self.folder)
        compose = _compose_of(engine)
        docker = _DOCKER.replace("COMPOSE", compose).replace("ENGINE", engine.program)
        self._functions = f"cd {self.folder}\n{docker}{_AWAIT}"
        self.reach = f"{compose} --file {self.folder}/compose.yaml exec -T {{node}}"
        """What runs a command on a node, from any folder."""

    def type(self, block: str) -> str:
        """Run a block of the page; return what it printed.

        The image is there already, and nobody sits at a terminal.
        """
        block = block.replace(" up --build", f" up {self._no_build}")
        block = re.sub(r"(docker compose .*?\b(?:exec|run)) ", r"\1 -T ", block)
        for line in (
            "docker compose logs",
            "docker compose exec -T publisher tokenless health",
        ):
            block = block.replace(line, f"await_ready; {line}")
        return self.shell(f"exec 2>&1\n{block}")

    def shell(self, script: str, *, check: bool = True) -> str:
        words = ("sh", "-euc", self._functions + script)
        return self.engine.run(*words, check=check)

    def compose(self, *words: str, check: bool = True) -> str:
        return self.shell(f"docker compose {' '.join(words)}", check=check)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command of compose; return while it runs."""
        script = f"{self._functions}docker compose {' '.join(words)}"
        return subprocess.Popen(
            self.engine.inside("sh", "-euc", script),
            env=self.engine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def admin(self, host: str, line: str) -> str:
        return self.compose(*admin_words(host, line))

    def restart_tftp(self) -> None:
        for host in NODES:
            told = self.admin(host, "utils service restart Cisco Tftp")
            assert told.splitlines()[-1] == "Cisco Tftp[STARTED]"

    def boot(self) -> str:
        """Boot fifty phones; return the table of what they did."""
        table = self.compose("--profile fleet run -T --rm fleet")
        assert "50 ok" in table
        return table

    def checksum(self, host: str) -> str:
        return self.admin(host, "show ctl").splitlines()[1]

    def await_ready(self) -> None:
        self.shell("await_ready")

    def process_of(self, host: str, *, other_than: int = 0) -> int:
        """Return the first process of a service's container, as the host sees it.

        Waits for it, and for another one than that which was killed.
        """
        found = f"{_PS.format(host)} --quiet --filter status=running"
        script = f"docker inspect --format '{{{{.State.Pid}}}}' $({found})"
        while True:
            told = self.shell(script, check=False).strip()
            if told.isdigit() and int(told) not in {0, other_than}:
                return int(told)
            time.sleep(0.1)

    def state(self) -> str:
        """Return what an administrator sees of trust, keys and phones on both nodes.

        A file that Cisco Tftp wrote again is the same file.
        """
        seen = [
            self.compose(f"exec -T {host} sh -c '{_SEEN.replace('NODE', node)}'")
            for host, node in NODES.items()
        ]
        return _MODIFIED.sub("", "".join(seen))

    def container_of(self, host: str) -> str:
        return self.shell(f"{_PS.format(host)} --format '{{{{.Names}}}}'").strip()

    def restart_engine(self) -> None:
        """Stop and start the engine, or do what its reboot does."""
        if isinstance(self.engine, Docker):
            self.engine.stop()
            self.engine.start()
            return
        self.engine.run("podman", "stop", "--all")
        policy = "--filter=restart-policy=unless-stopped"
        self.engine.run("podman", "start", "--all", policy)

    @property
    def _no_build(self) -> str:
        return "--no-build" if isinstance(self.engine, Docker) else ""


def admin_words(host: str, line: str) -> tuple[str, ...]:
    """Return the words of compose that give a node's shell a command."""
    return ("exec -T", host, "tokenless admin --node", NODES[host], "--yes", line)


def _compose_of(engine: NamespacedEngine) -> str:
    """Return the command that understands compose files, as the engine has it.

    It finds its project by the folder of the file.
    """
    if isinstance(engine, Engine):
        if shutil.which("podman-compose") is None:
            pytest.skip("podman-compose is not installed")
        return "podman-compose"
    if "Docker Compose" in engine.run("docker", "compose", "version", check=False):
        return "docker compose"
    if shutil.which("docker-compose") is None:
        pytest.skip("neither the plugin compose nor docker-compose is installed")
    return "docker-compose"
