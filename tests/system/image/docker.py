"""A Docker engine of the tests' own: Debian's `dockerd`, in namespaces, in a folder.

It takes its images from podman's engine, so nothing is built or fetched twice, and its
sockets, networks and iptables rules meet nobody's. Its control groups are below
`/sys/fs/cgroup/*/docker`.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.system.image.engine import Engine, NamespacedEngine, namespaces

_PROGRAMS: Final = ("dockerd", "docker", "containerd", "iptables")


class Docker(NamespacedEngine):
    """Runs containers and compose files."""

    program = "docker"

    def __init__(self, folder: Path, namespaces_of: int) -> None:
        socket = f"unix://{folder}/docker.sock"
        super().__init__(folder, namespaces_of, {"DOCKER_HOST": socket})
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the engine; return when it takes commands.

        Containers that were not stopped by hand come back, if their policy says so.
        """
        places = [
            f"--{each}={self._folder}/{each}" for each in ("data-root", "exec-root")
        ]
        files = [
            f"--pidfile={self._folder}/pid",
            f"--host=unix://{self._folder}/docker.sock",
        ]
        options = (
            "--exec-opt=native.cgroupdriver=cgroupfs",
            "--storage-driver=overlay2",
        )
        log = self._folder / "log"
        with log.open("ab") as output:
            self._daemon = subprocess.Popen(
                self.inside("dockerd", *places, *files, *options), stderr=output
            )
        while not self._version():
            if self._daemon.poll() is not None:
                words = log.read_text().strip().splitlines()[-1]
                pytest.skip(f"dockerd does not run here: {words}")
            time.sleep(0.1)

    def _version(self) -> str:
        """Return the engine's version; nothing while it does not answer."""
        words = ("docker", "info", "--format={{.ServerVersion}}")
        return self.run(*words, check=False).strip()

    def stop(self) -> None:
        """Stop the engine, and with it all containers."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait()
            self._daemon = None

    def take(self, engine: Engine, images: Sequence[str]) -> None:
        """Load images that podman's engine has."""
        archive = self._folder / "images.tar"
        kind = ("--multi-image-archive", "--format=docker-archive")
        engine.podman("save", *kind, f"--output={archive}", *images)
        self.run("docker", "load", "--quiet", f"--input={archive}")
        archive.unlink()


def require_docker() -> None:
    """Skip the test where there is no Docker, or no compose for it."""
    if missing := [each for each in _PROGRAMS if shutil.which(each) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextmanager
def running_docker(folder: Path) -> Iterator[Docker]:
    """Run a Docker engine; what it ran and stored is gone when the block ends."""
    require_docker()
    key = "/etc/docker"  # of the engine
    with namespaces(f"mkdir -p {key} && mount -t tmpfs none {key}") as holder:
        docker = Docker(folder, holder)
        try:
            docker.start()
            yield docker
        finally:
            docker.stop()
    shutil.rmtree(folder, ignore_errors=True)
