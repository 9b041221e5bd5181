"""The middle of an update, reached by the database's own locks.

The test locks what the next step must write, and waits until PostgreSQL says that a
host stands there. What it then kills or stops was in the middle, on any machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, unique
from ipaddress import IPv4Address
from typing import assert_never

from tests.system.hosts.patience import wait_until
from tests.system.hosts.scene import DATABASE, Scene


@unique
class Moment(StrEnum):
    """Where somebody stands, and what has happened so far."""

    BEFORE = "nothing is written yet"
    NUMBERED = "the revision is written, the audit row is not"
    KEYED = "a new key is on the disk, its certificate is not in the database"
    SIGNED = "the new CTL is signed, and not in the database"
    COMMITTED = "the commit is on the database's disk, and not confirmed"
    INSTALLED = "the node has its new file, and has not noted it"
    REBUILDING = "TFTP is restarted, and makes its files anew"


@contextmanager
def held(scene: Scene, moment: Moment) -> Iterator[None]:
    """Let nobody pass a moment until the block ends, or the database does."""
    if moment is Moment.COMMITTED:
        with _unconfirmed(scene):
            yield
        return
    holder = scene.database.superuser(DATABASE)
    try:
        holder.execute("BEGIN")
        holder.execute(_lock(moment).encode())
        yield
    finally:
        holder.close()


def await_standing(scene: Scene, moment: Moment, address: str) -> None:
    """Wait until somebody of a host stands at a moment."""
    # The services of the host commit, too: whoever is meant came after the new setting.
    waiting = (
        "SELECT client_addr FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' "
        "OR (wait_event = 'SyncRep' AND backend_start > pg_conf_load_time())"
    )
    wait_until(
        lambda: IPv4Address(address) in {row[0] for row in scene.query(waiting)},
        f"{address} stands where {moment}",
    )


def _lock(moment: Moment) -> str:
    match moment:
        case Moment.BEFORE:
            return "SELECT * FROM cluster FOR UPDATE"
        case Moment.NUMBERED:
            return "LOCK TABLE audit IN SHARE MODE"
        case Moment.KEYED:
            return "LOCK TABLE certificate IN SHARE MODE"
        case Moment.SIGNED:
            return "LOCK TABLE ctl_file IN SHARE MODE"
        case Moment.INSTALLED | Moment.REBUILDING:
            return "LOCK TABLE node_state IN SHARE MODE"
        case Moment.COMMITTED:
            raise ValueError(moment)
        case _:
            assert_never(moment)


@contextmanager
def _unconfirmed(scene: Scene) -> Iterator[None]:
    """Let every commit wait for a standby that does not exist."""
    settings = scene.database.data / "postgresql.conf"
    before = settings.read_text()
    try:
        settings.write_text(f"{before}synchronous_standby_names = 'nobody'\n")
        scene.database.reload()
        yield
    finally:
        settings.write_text(before)
        if scene.database.is_running:
            scene.database.reload()
