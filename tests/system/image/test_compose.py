"""`compose.yaml`, as docs/containers.md walks through it, under podman-compose.

The page's commands, with `podman-compose` for `docker compose`: from PostgreSQL's first
start to a regenerated certificate that fifty phones take, a node that is killed, and
`down`. Part of `make image`; skipped where podman-compose is not installed.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.image.engine import OFFICIAL_BASE, POSTGRES, Engine

pytestmark = pytest.mark.timeout(900)

PROJECT = "lab"
PUBLISHER, SUBSCRIBER = "publisher", "subscriber"
HEALTH = ("tokenless", "health")
NODES = {PUBLISHER: "cucm-1051-a-pub", SUBSCRIBER: "cucm-1051-a-sub1"}


class Lab:
    """The services of compose.yaml."""

    def __init__(self, engine: Engine, secret_file: Path) -> None:
        self.engine = engine
        self._options = (f"--env-file={secret_file}", f"--project-name={PROJECT}")

    def compose(self, *words: str, check: bool = True) -> str:
        return self.engine.run("podman-compose", *self._options, *words, check=check)

    def admin(self, host: str, line: str) -> str:
        node = ("--node", NODES[host], "--yes")
        words = ("tokenless", "admin", *node, *line.split())
        return self.compose("exec", "-T", host, *words)

    def restart_tftp(self) -> None:
        for host in NODES:
            told = self.admin(host, "utils service restart Cisco Tftp")
            assert told.splitlines()[-1] == "Cisco Tftp[STARTED]"

    def boot(self) -> str:
        """Boot fifty phones; return the table of what they did."""
        fleet = ("--profile=fleet", "run", "-T", "--rm", "fleet")
        table = self.compose(*fleet)
        assert "50 ok" in table
        return table

    def checksum(self, host: str) -> str:
        return self.admin(host, "show ctl").splitlines()[1]

    def await_healthy(self, *hosts: str) -> None:
        for host in hosts:
            while ": ok" not in self.compose("exec", "-T", host, *HEALTH, check=False):
                time.sleep(0.2)


@pytest.fixture
def lab(engine: Engine, image: str, tmp_path: Path) -> Iterator[Lab]:
    if shutil.which("podman-compose") is None:
        pytest.skip("podman-compose is not installed")
    assert image
    context = Path(__file__).parent / "postgres"
    engine.build(POSTGRES, context, f"--build-arg=BASE={OFFICIAL_BASE}")
    secret_file = tmp_path / "env"
    roles = ("POSTGRES", "PUBLISHER", "SUBSCRIBER", "HANDOVER")
    lines = [f"{role}_PASSWORD={secrets.token_hex(16)}\n" for role in roles]
    secret_file.write_text("".join(lines))
    lab = Lab(engine, secret_file)
    yield lab
    lab.compose("down", "--volumes", check=False)


def test_the_page_on_containers(lab: Lab) -> None:
    lab.compose("up", "--detach")
    lab.await_healthy(*NODES)
    assert "50 installed" in lab.boot()
    _to_mixed_mode(lab)
    _callmanager_is_regenerated(lab)
    called = lab.compose("--profile=call", "run", "-T", "--rm", "call")
    assert called.count(" 0 refused") == 2
    _publisher_is_killed(lab)
    lab.compose("down", "--volumes")
    assert lab.engine.podman("volume", "ls", "--quiet") == ""


def _to_mixed_mode(lab: Lab) -> None:
    told = lab.admin(PUBLISHER, "utils ctl set-cluster mixed-mode")
    assert "Cluster set to Mixed Mode" in told
    lab.restart_tftp()
    assert "100 installed-ctl" in lab.boot()
    assert lab.checksum(PUBLISHER) == lab.checksum(SUBSCRIBER)


def _callmanager_is_regenerated(lab: Lab) -> None:
    before = lab.checksum(SUBSCRIBER)
    lab.admin(PUBLISHER, "set cert regen CallManager")
    lab.admin(PUBLISHER, "utils ctl update CTLFile")
    lab.restart_tftp()
    assert "50 trusted" in lab.boot()  # by TVS, which knows the new signer
    assert lab.checksum(PUBLISHER) == lab.checksum(SUBSCRIBER) != before


def _publisher_is_killed(lab: Lab) -> None:
    lab.compose("kill", PUBLISHER)
    assert "50 unchanged" in lab.boot()  # the subscriber serves them
    lab.compose("start", PUBLISHER)
    lab.await_healthy(PUBLISHER)
    assert lab.checksum(PUBLISHER) == lab.checksum(SUBSCRIBER)
