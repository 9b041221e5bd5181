"""A PostgreSQL of the tests' own: Debian's binaries, a free port on loopback."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

_BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_ACCOUNT: Final = "postgres"
_IN_MEMORY: Final = (Path("/dev/shm"),)  # noqa: S108 - a folder of its own is made
_ROOM_BYTES: Final = 1 << 30
OWNER: Final = "tokenless"
PASSWORD: Final = "owners secret"
_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
fsync = off
max_connections = 100
max_wal_size = 64MB
dynamic_shared_memory_type = mmap
"""


@dataclass
class Server:
    """A server that a test may stop."""

    folder: Path
    port: int

    def start(self) -> None:
        self._control("start", "-w", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._control("stop", "-m", mode)

    def url(self, database: str, role: str = OWNER, password: str = PASSWORD) -> str:
        quoted = password.replace(" ", "%20")
        return f"postgresql+psycopg://{role}:{quoted}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's superuser."""
        with self.superuser(database) as connection:
            connection.execute(sql.SQL(statement))  # type: ignore[arg-type]

    def superuser(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            user=_ACCOUNT,
            dbname=database,
            autocommit=True,
        )

    def create_role(self, role: str, password: str = PASSWORD) -> None:
        self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")

    def create_database(self, template: str = "template0") -> str:
        """Make a database; return its name."""
        name = f"c{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _control(self, *words: str) -> None:
        _run(self.folder, "pg_ctl", "-D", str(self.folder / "data"), *words)


def _run(folder: Path, program: str, *words: str) -> None:
    command = [str(_BINARIES[-1] / program), *words]
    if os.geteuid() == 0:  # the server refuses to run as root
        account = f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}"
        command = ["setpriv", *account, "--clear-groups", *command]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def require_postgresql() -> None:
    """Skip the test where the server is not installed."""
    if _BINARIES:
        return
    if os.environ.get("TOKENLESS_REQUIRE_PEERS"):
        pytest.fail("Debian's postgresql is not installed")
    pytest.skip("Debian's postgresql is not installed")


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a new server until the block ends."""
    require_postgresql()
    # Not pytest's folder: the server's account must be able to enter it.
    folder = memory_folder("postgresql-")
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _ACCOUNT, _ACCOUNT)
        _run(
            folder,
            "initdb",
            "--no-sync",
            "--auth=scram-sha-256",
            "--auth-local=trust",
            "--username",
            _ACCOUNT,
            "-D",
            str(folder / "data"),
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C",
            "--pwfile",
            str(_password_file(folder)),
        )
        server = Server(folder, _free_port())
        with (folder / "data/postgresql.conf").open("a") as settings:
            settings.write(f"{_SETTINGS}port = {server.port}\n")
            settings.write(f"unix_socket_directories = '{folder}'\n")
        server.start()
        server.create_role(OWNER, PASSWORD)
        try:
            yield server
        finally:
            if (folder / "data/postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory_folder(prefix: str) -> Path:
    """Make a folder in memory, where there is such a place, for much that is short."""
    place = next((each for each in _IN_MEMORY if _has_room(each)), None)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place))


def _has_room(place: Path) -> bool:
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free > _ROOM_BYTES


def _password_file(folder: Path) -> Path:
    path = folder / "password"
    path.write_text(f"{secrets.token_hex(16)}\n")
    if os.geteuid() == 0:
        shutil.chown(path, _ACCOUNT, _ACCOUNT)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
