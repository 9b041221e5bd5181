"""A PostgreSQL of the tests' own: Debian's binaries, a free port on loopback.

Or on a host of its own, where the test has made one (`Place`).
"""

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.rigs.peers import do_without
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port

_BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_ACCOUNT: Final = "postgres"
OWNER: Final = "tokenless"
PASSWORD: Final = "owners secret"
_WITH_STRATEGIES: Final = 15
_SETTINGS: Final = """
fsync = off
max_connections = 100
full_page_writes = off
autovacuum = off
max_wal_size = 64MB
dynamic_shared_memory_type = mmap
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens."""

    address: str = "127.0.0.1"
    port: int | None = None
    """A free one when None."""
    enter: tuple[str, ...] = ()
    """What a command on that host begins with."""


LOOPBACK: Final = Place()


@dataclass
class Server:
    """A server that a test may stop."""

    folder: Path
    port: int
    place: Place = LOOPBACK

    @property
    def data(self) -> Path:
        """What a further server can be made from, when this one was stopped."""
        return self.folder / "data"

    def start(self) -> None:
        self._control("start", "-w", "-l", str(self.folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is what a crash looks like."""
        self._control("stop", "-m", mode)

    def reload(self) -> None:
        """Let it read its settings again."""
        self._control("reload")

    @property
    def is_running(self) -> bool:
        """Return whether the test has not stopped it."""
        return (self.data / "postmaster.pid").exists()

    def url(self, database: str, role: str = OWNER, password: str = PASSWORD) -> str:
        quoted = password.replace(" ", "%20")
        return f"postgresql+psycopg://{role}:{quoted}@{self._at}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the server's superuser."""
        with self.superuser(database) as connection:
            connection.execute(sql.SQL(statement))

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
        made = f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}"
        self.execute(made + _strategy())
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def _at(self) -> str:
        return f"{self.place.address}:{self.port}"

    def _control(self, *words: str) -> None:
        program = str(_BINARIES[-1] / "pg_ctl")
        words = program, "-D", str(self.data), *words
        _run(self.folder, *words, enter=self.place.enter)


def _run(folder: Path, *command: str, enter: tuple[str, ...] = ()) -> None:
    if os.geteuid() == 0:  # the server refuses to run as root
        account = f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}"
        command = "setpriv", *account, "--clear-groups", *command
    done = subprocess.run(
        [*enter, *command],
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _strategy() -> str:
    """Copy files of a template instead of writing all into the log, from 15 on."""
    release = int(_BINARIES[-1].parent.name.partition(".")[0])
    return " STRATEGY FILE_COPY" if release >= _WITH_STRATEGIES else ""


def require_postgresql() -> None:
    """Skip the test where the server is not installed."""
    if not _BINARIES:
        do_without("Debian's postgresql is not installed")


@contextmanager
def running_server(
    place: Place = LOOPBACK, *, copy_of: Path | None = None
) -> Iterator[Server]:
    """Run a new server until the block ends.

    Args:
        place: Where.
        copy_of: The data of a server that was stopped, to begin with.
    """
    require_postgresql()
    # Not pytest's folder: the server's account must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _ACCOUNT, _ACCOUNT)
        port = place.port or free_port([place.address], socket.SOCK_STREAM)
        server = Server(folder, port, place)
        copy_data(copy_of or _initialised(), server.data)
        _configure(server)
        server.start()
        try:
            if copy_of is None:
                server.create_role(OWNER, PASSWORD)
            yield server
        finally:
            if server.is_running:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def admit_tls_only(server: Server) -> None:
    """Let roles in over TLS only, from the server's next start on."""
    key, certificate = server.data / "server.key", server.data / "server.crt"
    order = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=d",
    )
    files = ("-keyout", str(key), "-out", str(certificate))
    _run(server.folder, *order, *files)
    key.chmod(0o600)
    with (server.data / "postgresql.conf").open("a") as settings:
        settings.write("ssl = on\n")
    admitted = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
    (server.data / "pg_hba.conf").write_text(admitted)


def copy_data(data: Path, to: Path) -> None:
    """Copy what a stopped server keeps, with its owner and rights."""
    subprocess.run(["cp", "-a", str(data), str(to)], check=True)


@cache
def _initialised() -> Path:
    """Return the data of a server that has never run; to make it takes a second."""
    folder = Path(tempfile.mkdtemp(prefix="initialised-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT, _ACCOUNT)
    data = folder / "data"
    _run(
        folder,
        str(_BINARIES[-1] / "initdb"),
        "--no-sync",
        "--auth=scram-sha-256",
        "--auth-local=trust",
        "--username",
        _ACCOUNT,
        "-D",
        str(data),
        "--no-instructions",
        "--encoding=UTF8",
        "--locale=C",
        "--pwfile",
        str(_password_file(folder)),
    )
    with (data / "pg_hba.conf").open("a") as admitted:
        admitted.write("host all all samenet scram-sha-256\n")
    return data


def _configure(server: Server) -> None:
    with (server.data / "postgresql.conf").open("a") as settings:
        settings.write(f"{_SETTINGS}port = {server.port}\n")
        settings.write(f"listen_addresses = '{server.place.address}'\n")
        settings.write(f"unix_socket_directories = '{server.folder}'\n")


def _password_file(folder: Path) -> Path:
    path = folder / "password"
    path.write_text(f"{secrets.token_hex(16)}\n")
    if os.geteuid() == 0:
        shutil.chown(path, _ACCOUNT, _ACCOUNT)
    return path
