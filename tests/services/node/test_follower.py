"""The follower: what makes it act, in which order, and what it survives."""

from pathlib import Path

import pytest
import trio
import trio.testing

from tokenless.services.errors import ServiceError
from tokenless.services.node.follower import Follower


class Database:
    """A revision that tests move, and a record of what was done about it."""

    def __init__(self, ctl_file: Path) -> None:
        self.ctl_file = ctl_file
        self.revision = 1
        self.installs: bytes | None = None
        self.fails = False
        self.is_replaced = False
        self.applying = trio.Event()
        self.may_go_on = trio.Event()
        self.may_go_on.set()
        self.judges_anew = False
        self.done: list[str] = []
        self.refilled = trio.Event()

    def read(self) -> int:
        if self.is_replaced:
            raise ServiceError("the database is another file")
        return self.revision

    async def apply(self, revision: int) -> bool:
        fails = self.fails
        self.applying.set()
        await self.may_go_on.wait()
        if fails:
            raise ServiceError("disk full")
        self.done.append(f"apply {revision}")
        if self.installs is not None:
            await trio.Path(self.ctl_file).write_bytes(self.installs)
        return self.judges_anew

    async def refill(self) -> None:
        self.done.append("refill")
        self.refilled.set()

    def forget(self) -> None:
        self.done.clear()
        self.refilled = trio.Event()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "CTLFile.tlv")


@pytest.fixture
async def follower(database: Database, nursery: trio.Nursery) -> Follower:
    follower = Follower(
        "lab-pub",
        database.ctl_file,
        database.read,
        database.apply,
        database.refill,
    )
    await nursery.start(follower.follow)
    database.forget()
    return follower


async def test_it_starts_with_the_state_of_the_database(follower: Follower) -> None:
    assert follower.applied == 1


async def test_a_sync_returns_once_the_revision_is_applied(
    follower: Follower, database: Database
) -> None:
    database.revision, database.installs = 2, b"new"
    await follower.sync(2)
    assert database.done == ["apply 2", "refill"]
    await follower.sync(2)
    assert database.done == ["apply 2", "refill"]


async def test_a_revision_is_found_without_a_poke(
    follower: Follower, database: Database
) -> None:
    database.revision, database.judges_anew = 5, True
    await database.refilled.wait()
    assert database.done == ["apply 5", "refill"]
    await follower.sync(5)


@pytest.mark.parametrize("change", ["written", "replaced", "deleted"])
async def test_a_ctl_file_changed_by_hand_refills_the_cache(
    follower: Follower, database: Database, change: str
) -> None:
    file = trio.Path(database.ctl_file)
    database.revision, database.installs = 2, b"old"
    await follower.sync(2)
    database.forget()
    match change:
        case "written":
            await file.write_bytes(b"other")
        case "replaced":
            beside = file.with_suffix(".new")
            await beside.write_bytes(b"old")
            await beside.replace(file)
        case _:
            await file.unlink()
    await database.refilled.wait()
    assert database.done == ["refill"]


async def test_what_fails_is_tried_again(
    follower: Follower, database: Database
) -> None:
    database.revision, database.fails = 3, True
    with pytest.raises(ServiceError, match="cannot apply the new state: disk full"):
        await follower.sync(3)
    assert follower.applied == 1
    database.fails = False
    await follower.sync(3)
    assert database.done == ["apply 3"]


async def test_a_revision_of_another_database_is_not_taken_for_applied(
    follower: Follower, database: Database
) -> None:
    database.revision = 5
    await follower.sync(5)
    database.is_replaced = True  # by a backup, whose next revision is 3
    with pytest.raises(ServiceError, match="the database is another file"):
        await follower.sync(3)
    database.is_replaced = False
    await follower.sync(3)


async def test_a_sync_is_not_told_of_a_failure_older_than_itself(
    follower: Follower, database: Database, nursery: trio.Nursery
) -> None:
    database.applying, database.may_go_on = trio.Event(), trio.Event()
    database.revision, database.fails = 3, True
    await database.applying.wait()
    database.fails = False  # what failed is repaired while that look goes on
    synced = trio.Event()

    async def sync() -> None:
        await follower.sync(3)
        synced.set()

    nursery.start_soon(sync)
    await trio.testing.wait_all_tasks_blocked()
    database.may_go_on.set()
    await synced.wait()
    assert database.done == ["apply 3"]
