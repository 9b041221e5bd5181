"""The units under a running systemd: the first process of a privileged container.

docs/operations.md as its reader types it. Part of `make image`.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.image.engine import ROOT, Engine

pytestmark = pytest.mark.timeout(900)

HOST = "host"
PUBLISHER = "cucm-1051-a-pub"
INSTALL = """
useradd --system --home-dir /var/lib/tokenless tokenless
install -d /etc/tokenless && cp /configs/lab.toml /etc/tokenless/cluster.toml
cp /configs/systemd/* /etc/systemd/system/ && systemctl daemon-reload
systemctl enable --now tokenless
"""
SOCKET_UNIT = """
cd /etc/systemd/system
sed -i 's/^ListenDatagram=.*/ListenDatagram=127.0.47.155:69/' tokenless-tftp.socket
sed -i 's/^# \\([A-Z][a-z]*=tokenless-tftp.socket\\)/\\1/' tokenless.service
sed -i 's/^port = 6969.*/port = 69/' /etc/tokenless/cluster.toml
echo TOKENLESS_NODE=cucm-1051-a-pub > /etc/tokenless/environment
systemctl daemon-reload && systemctl restart tokenless
"""


class Host:
    """A machine that systemd runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, script: str) -> str:
        return self._engine.podman("exec", HOST, "bash", "-euc", script)

    def tokenless(self, words: str) -> str:
        return self.run(f"runuser -u tokenless -- /opt/tokenless/bin/tokenless {words}")

    def boot(self, port: int) -> str:
        phone = "phone boot --device SEP001122334455 --model 7975 --flash /tmp/phone"
        return self.run(f"tokenless {phone} --tftp 127.0.47.155:{port}")

    def property(self, name: str) -> str:
        return self.run(f"systemctl show --value -p {name} tokenless").strip()


@pytest.fixture
def host(engine: Engine, image: str) -> Iterator[Host]:
    name = "localhost/host"
    context = Path(__file__).parent / "systemd"
    engine.build(name, context, f"--build-arg=BASE={image}")
    kind = ("--systemd=always", "--privileged", "--network=none")
    configs = f"--volume={ROOT / 'configs'}:/configs:ro"
    engine.podman("run", "--detach", f"--name={HOST}", *kind, configs, name)
    host = Host(engine)
    host.run("until systemctl is-system-running --wait; do sleep 0.1; done")
    yield host
    engine.podman("rm", "--force", "--volumes", "--time=0", HOST)


def test_the_page_on_operations(host: Host) -> None:
    host.run(INSTALL)
    assert host.property("StatusText") == "serving"
    _administered(host)
    _backed_up(host)
    _killed(host)
    _activated_by_its_socket(host)
    host.run("systemctl stop tokenless tokenless-tftp.socket")
    assert host.property("Result") == "success"


def _administered(host: Host) -> None:
    told = host.tokenless("admin --yes utils ctl set-cluster mixed-mode")
    assert "Cluster set to Mixed Mode" in told
    host.tokenless(f"cert regenerate --node {PUBLISHER} TVS")
    host.run("systemctl reload tokenless")
    assert host.property("NRestarts") == "0"
    assert "): ok" in host.boot(6969)


def _backed_up(host: Host) -> None:
    host.run("systemctl start tokenless-backup")
    kept = host.run("stat -c '%a %U' /var/lib/tokenless-backup/*.tar")
    assert kept == "600 tokenless\n"


def _killed(host: Host) -> None:
    host.run(f"kill -9 {host.property('MainPID')}")
    while (host.property("NRestarts"), host.property("SubState")) != ("1", "running"):
        time.sleep(0.1)
    assert "): ok" in host.boot(6969)


def _activated_by_its_socket(host: Host) -> None:
    host.run(SOCKET_UNIT)
    assert "): ok" in host.boot(69)
    host.run("systemctl stop tokenless")
    assert "): ok" in host.boot(69)  # its request waits in the socket, and starts it
    assert host.property("NRestarts") == "0"
