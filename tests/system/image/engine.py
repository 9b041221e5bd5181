"""Containers without a Docker engine: buildah builds, podman and runc run.

Storage, configuration, networks and mounts are in a folder and in namespaces of the
engine's own, so nothing stays and nothing meets the host's containers. Only building
uses the host's network: it fetches packages of Debian and of Python.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import pytest

ROOT: Final = Path(__file__).parents[3]
IMAGE: Final = "localhost/tokenless"
OFFICIAL_BASE: Final = "docker.io/library/python:3.12-slim-bookworm"
POSTGRES: Final = "docker.io/library/postgres:15-bookworm"
PROGRAMS: Final = ("buildah", "podman", "runc", "mmdebstrap", "nsenter", "ip")
_SOURCES: Final = ("sources.list.d/debian.sources", "sources.list")
_MIRROR: Final = tuple(
    map(Path, ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"))
)
_NO_NETWORK: Final = re.compile(
    r"Retrying \(Retry|NewConnectionError|name resolution|Could not resolve"
    r"|no such host|Failed to fetch|Network is unreachable"
)


_HOLDER: Final = """
ip link set lo up
echo ready
cat  # until its input ends, and the namespaces with it
"""


@contextmanager
def namespaces(prepare: str) -> Iterator[int]:
    """Make mounts and a network for the time of the block.

    Args:
        prepare: What a shell does in them first.

    Yields:
        The process that is in them.
    """
    with subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-euc", f"{prepare}\n{_HOLDER}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        try:
            yield holder.pid
        finally:
            holder.stdin.close()


class NamespacedEngine:
    """A container engine whose programs run in namespaces."""

    program: ClassVar[str]

    def __init__(
        self, folder: Path, namespaces_of: int, environment: dict[str, str]
    ) -> None:
        self._folder = folder
        self._holder = namespaces_of
        self.environment = os.environ | environment

    def run(self, *words: str, check: bool = True) -> str:
        """Run a program that drives the engine; return its standard output."""
        done = subprocess.run(
            self.inside(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program that drives the engine; kill it in the end."""
        with subprocess.Popen(
            self.inside(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def inside(self, *words: str) -> list[str]:
        """Return a command that runs in the engine's mounts and network."""
        return self._enter(("--mount", "--net"), words)

    def _enter(self, namespaces: Sequence[str], words: Sequence[str]) -> list[str]:
        """Return a command that runs in namespaces.

        Entering mounts leaves the working folder: the shell goes back to it.
        """
        change = ("sh", "-c", 'cd "$0" && exec "$@"', str(ROOT))
        return ["nsenter", f"--target={self._holder}", *namespaces, *change, *words]


class Engine(NamespacedEngine):
    """Builds images and runs containers."""

    program = "podman"

    def __init__(self, folder: Path, namespaces_of: int) -> None:
        storage = _write(folder / "storage.conf", _STORAGE, folder)
        config = _write(folder / "containers.conf", _CONFIG, folder)
        environment = {"CONTAINERS_STORAGE_CONF": storage, "CONTAINERS_CONF": config}
        super().__init__(folder, namespaces_of, environment)

    def podman(self, *words: str, check: bool = True) -> str:
        """Run a podman command in the engine's network; return what it printed."""
        return self.run("podman", *words, check=check)

    def inspect(self, image: str) -> dict[str, Any]:
        (found,) = json.loads(self.podman("image", "inspect", image))
        return dict(found)

    def await_line(self, container: str, text: str) -> None:
        """Wait until a container has logged a text."""
        with subprocess.Popen(
            self.inside("podman", "logs", "--follow", container),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as follower:
            assert follower.stdout is not None
            lines = []
            for line in follower.stdout:
                lines.append(line)
                if text in line:
                    follower.kill()
                    return
            raise AssertionError("".join(lines))

    def build(self, name: str, context: Path, *options: str) -> None:
        """Build an image; skip the test where packages cannot be fetched."""
        mirror = [f"--volume={path}:{path}:ro" for path in _MIRROR if path.exists()]
        # Without the format the health check is dropped; with the time two builds of
        # the same files have equal layers.
        words = ("--isolation=chroot", "--network=host", "--pull-never", *mirror)
        kind = ("--format=docker", "--timestamp=0", f"--tag={name}")
        self._fetch("buildah", "bud", *words, *kind, *options, str(context))

    def make_base(self) -> None:
        """Provide the base image: the one asked for, or a stand-in made from Debian."""
        if base := os.environ.get("TOKENLESS_BASE"):
            pulled = self._fetch("podman", "pull", "--quiet", base)
            self.podman("tag", pulled.strip(), OFFICIAL_BASE)
            return
        archive = self._folder / "base.tar"
        sources = [
            str(each) for name in _SOURCES if (each := Path("/etc/apt", name)).is_file()
        ]
        packages = "--include=python3-venv,ca-certificates"
        debian = ("bookworm", str(archive), *sources[:1])
        self._fetch("mmdebstrap", "--quiet", "--variant=minbase", packages, *debian)
        self.podman("import", str(archive), OFFICIAL_BASE)
        archive.unlink()

    def _fetch(self, *words: str) -> str:
        """Run what needs the host's network; return its standard output."""
        done = subprocess.run(
            self._enter(("--mount",), words),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            _give_up(words[0], done.stdout + done.stderr)
        return done.stdout


def _give_up(program: str, log: str) -> NoReturn:
    """Skip where nothing can be fetched; fail where the Dockerfile is wrong."""
    if program != "buildah" or _NO_NETWORK.search(log):
        pytest.skip(f"{program} cannot fetch: {log.strip().splitlines()[-1]}")
    pytest.fail(log)


_STORAGE: Final = """
[storage]
driver = "overlay"
graphroot = "{folder}/images"
runroot = "{folder}/run"
"""
# runc, limits and cgroupfs: what works inside a container or without systemd, too.
_CONFIG: Final = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/state"
[network]
network_config_dir = "{folder}/networks"
"""


def _write(path: Path, text: str, folder: Path) -> str:
    path.write_text(text.format(folder=folder))
    return str(path)


def require_engine() -> None:
    """Skip the test where no image is asked for, or cannot be built."""
    if not os.environ.get("TOKENLESS_IMAGE"):
        pytest.skip("takes minutes and the network: `make image` runs it")
    if os.geteuid() != 0:
        pytest.skip("needs root, for storage and networks of its own")
    if missing := [each for each in PROGRAMS if shutil.which(each) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Make an engine; what it ran and stored is gone when the block ends."""
    require_engine()
    (folder / "networks").mkdir()
    taken = "/var/lib/cni"  # which addresses are taken
    with namespaces(f"mkdir -p {taken} && mount -t tmpfs none {taken}") as holder:
        engine = Engine(folder, holder)
        try:
            yield engine
        finally:
            engine.podman("rm", "--all", "--force", "--time=0", check=False)
    shutil.rmtree(folder, ignore_errors=True)
