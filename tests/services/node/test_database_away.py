"""A node whose database is away, and one that PostgreSQL tells of changes."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.rigs.postgresql import Server, running_server
from tests.rigs.waiting import until
from tokenless.services.errors import ServiceError
from tokenless.services.metrics import CACHE_AGE, DATABASE_REACHABLE
from tokenless.services.node import follower as follower_module
from tokenless.services.node.follower import Follower, follow_notifications
from tokenless.services.store.access import one_writer
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.database import Database

NODE = "lab-away"


class Away:
    """A revision that cannot always be read."""

    def __init__(self, ctl_file: Path) -> None:
        self.revision, self.is_away = 1, False
        self.refilled = trio.Event()
        self.recorded: list[int] = []
        self.applied: list[int] = []
        self.may_apply = trio.Event()
        self.may_apply.set()
        self.follower = Follower(
            NODE,
            ctl_file,
            self._read,
            self._apply,
            self._refill,
            record_applied=self._record,
            may_hang=True,
        )
        self.takes_changes = threading.Event()
        self.takes_changes.set()

    def _read(self) -> int:
        if self.is_away:
            raise DatabaseAwayError("connection refused")
        return self.revision

    async def _apply(self, revision: int) -> bool:
        self.applied.append(revision)
        await self.may_apply.wait()
        return False

    def _record(self, revision: int) -> None:
        self.takes_changes.wait()
        self.recorded.append(revision)

    async def _refill(self) -> None:
        self.refilled.set()

    async def fail(self) -> None:
        """Go away, and wait until the node has noticed."""
        self.is_away = True
        with pytest.raises(ServiceError, match="connection refused"):
            await self.follower.sync(self.revision + 1)


@pytest.fixture
async def away(tmp_path: Path, nursery: trio.Nursery) -> Away:
    away = Away(tmp_path / "CTLFile.tlv")
    await nursery.start(away.follower.follow)
    return away


def reachable() -> float:
    return float(DATABASE_REACHABLE.labels(NODE)._value.get())


def age_s() -> float:
    return next(iter(CACHE_AGE.labels(NODE).collect())).samples[0].value


async def test_metrics_tell_how_old_the_caches_are(away: Away) -> None:
    assert reachable() == 1
    await away.fail()
    assert reachable() == 0
    before = age_s()
    await trio.sleep(0.01)
    assert age_s() > before
    away.is_away, away.revision = False, 2
    await away.follower.sync(2)
    assert reachable() == 1


async def test_the_log_says_it_once(
    away: Away, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        await away.fail()
    away.is_away, away.revision = False, 2
    await away.follower.sync(2)
    await trio.testing.wait_all_tasks_blocked()
    log = "".join(capsys.readouterr())
    assert log.count("cannot follow the database") == 1
    assert log.count("following the database again") == 1


async def test_the_ctl_file_is_followed_all_the_same(
    away: Away, tmp_path: Path
) -> None:
    await away.fail()
    away.refilled = trio.Event()
    await trio.Path(tmp_path / "CTLFile.tlv").write_bytes(b"by hand")
    await away.refilled.wait()


async def test_a_database_that_has_hung_is_away(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    away.follower._read_revision = lambda: int(hung.wait()) + 1
    with monkeypatch.context() as impatient:
        impatient.setattr(follower_module, "_ANSWER_S", 0.05)
        with pytest.raises(ServiceError, match="did not answer"):
            await away.follower.sync(2)
    hung.set()
    await away.follower.sync(2)


async def test_what_is_applied_is_recorded(away: Away) -> None:
    away.revision = 7
    await away.follower.sync(7)
    assert away.recorded == [1, 7]


async def test_a_database_that_takes_no_change_is_followed_and_said(
    away: Away, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As while the standby is away for which it waits with each commit."""
    monkeypatch.setattr(one_writer, "ANSWER_S", 0.05)
    away.takes_changes.clear()
    for revision in (2, 3):
        away.revision = revision
        await away.follower.sync(revision)
        await until(lambda: away.follower.unrecorded is not None)
        assert "takes no change" in str(away.follower.unrecorded)
    # Its lists are those of now: only other hosts do not know it.
    assert away.follower.trouble is None
    agreed_at = away.follower._agreed_at
    await until(lambda: away.follower._agreed_at > agreed_at)
    # What is applied is not applied again at each look, nor written more than once.
    assert away.applied == [1, 2, 3]
    assert away.recorded == [1]
    away.takes_changes.set()
    await until(lambda: away.follower.unrecorded is None)
    assert away.recorded[-1] == 3
    log = "".join(capsys.readouterr())
    assert log.count("the applied revision cannot be recorded") == 1
    assert log.count("the applied revision is recorded again") == 1
    assert "cannot follow the database" not in log


async def test_a_revision_that_was_recorded_before_is_no_trouble(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the failover to a standby that did not get the newest change."""
    monkeypatch.setattr(one_writer, "ANSWER_S", 0.05)
    away.takes_changes.clear()
    away.revision = 2
    await until(lambda: away.follower.unrecorded is not None)
    away.revision = 1
    await until(lambda: away.follower.unrecorded is None)
    assert away.recorded == [1]
    away.takes_changes.set()


async def test_a_look_that_does_not_end_is_said(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "_LONGEST_LOOK_S", 0.05)
    away.may_apply = trio.Event()
    away.revision = 2
    await until(lambda: away.follower.trouble is not None)
    assert "looked at the database for over" in str(away.follower.trouble)
    away.may_apply.set()
    await away.follower.sync(2)
    await until(lambda: away.follower.trouble is None)


def change(store: Database) -> None:
    with store.change("change", "something", by="test"):
        pass


async def test_postgresql_tells_of_changes(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks by himself here, so that a change is known by being told."""
    monkeypatch.setattr(follower_module, "POLL_S", 3600)
    applied: dict[int, trio.Event] = {}

    async def apply(revision: int) -> bool:
        applied.setdefault(revision, trio.Event()).set()
        return False

    async def refill() -> None:
        pass

    with running_server() as server:
        store = await trio.to_thread.run_sync(found, server)
        follower = Follower(NODE, tmp_path / "CTL", store.revision, apply, refill)
        await nursery.start(follower.follow)
        pokes = Pokes(follower.wake)
        nursery.start_soon(follow_notifications, store, pokes)
        await pokes.come()  # it listens
        await trio.to_thread.run_sync(change, store)
        await applied.setdefault(2, trio.Event()).wait()
        # The server restarts: what happened meanwhile is looked up, and told again.
        server.stop()
        server.start()
        await pokes.come()
        await trio.to_thread.run_sync(change, store)
        await applied.setdefault(3, trio.Event()).wait()
        nursery.cancel_scope.cancel()
        store.close()


class Pokes:
    """Passes pokes on and lets a test wait for the next one."""

    def __init__(self, poke: Callable[[], None]) -> None:
        self._poke, self._come = poke, trio.Event()

    def __call__(self) -> None:
        assert threading.current_thread() is threading.main_thread()
        self._poke()
        self._come.set()

    async def come(self) -> None:
        await self._come.wait()
        self._come = trio.Event()


def found(server: Server) -> Database:
    store = Database(server.url(server.create_database()))
    with store.create_cluster("lab", by="test"):
        pass
    return store
