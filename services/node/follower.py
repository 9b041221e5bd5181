"""Follow the database's revision and the node's own `CTLFile.tlv`.

The revision is looked at twice a second, and at once when an administrator's process
wakes it (a `sync` over the control socket) or PostgreSQL does (notifications). A new
revision means, in this order:

1. the cluster's newest CTL is installed in the node's folder, if it is a new one;
2. TVS's caches are filled again, whole;
3. with `tftp.reload = "automatic"`, TFTP serves the new files at once.

Without 3, TFTP goes on serving what it held when it started (REFERENCE 10.4). The CTL
in the node's folder is watched by its size, times and inode, so that a file that was
copied, deleted or damaged by hand reaches TVS's CTL cache as it does on CUCM.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.metrics import CACHE_AGE, DATABASE_REACHABLE, REVISION
from tokenless.services.node.recording import AppliedRecord
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.database import Database

if TYPE_CHECKING:
    from tokenless.services.store.access.listening import (
        Listener,  # its driver is an extra
    )

POLL_S: Final = 0.5
_ANSWER_S: Final = 10
_PAUSE_S: Final = 1.0
_LONGEST_LOOK_S: Final = 30
"""The time after which a look that has not ended counts as a failure."""
_LEAST_S: Final = 0.05
"""The time between two looks that notifications cause."""

_FileIdentity = tuple[int, int, int] | None


class Follower:
    """Keeps one node in step with the database."""

    def __init__(
        self,
        node: str,
        ctl_file: Path,
        read_revision: Callable[[], int],
        apply_revision: Callable[[int], Awaitable[bool]],
        refill_ctl_cache: Callable[[], Awaitable[None]],
        *,
        record_applied: Callable[[int], None] | None = None,
        may_hang: bool = False,
    ) -> None:
        """Prepare to follow.

        Args:
            node: The node's name.
            ctl_file: Its `CTLFile.tlv`.
            read_revision: Reads the database's revision; blocking.
            apply_revision: Brings the node to the state of the database; tells
                whether TVS must judge the same CTL file again.
            refill_ctl_cache: Makes TVS read the CTL file again.
            record_applied: Tells administrators on other hosts, through the database,
                how far the node is; blocking.
            may_hang: Whether the database may never answer; its end is not awaited.
        """
        self.applied = 0
        """The revision that the node has applied; 0 before the first."""
        self._ctl_file = ctl_file
        self._read_revision = read_revision
        self._apply_revision = apply_revision
        self._refill_ctl_cache = refill_ctl_cache
        self._log = get_logger(node=node)
        self._record = AppliedRecord(record_applied, may_hang=may_hang, log=self._log)
        self._may_hang = may_hang
        self._agreed_at = time.monotonic()
        self._woken = trio.Event()
        self._moved = trio.Condition()
        self._failure: str | None = None
        self._looks = self._ended_looks = 0
        self._look_began: float | None = None
        self._seen: _FileIdentity = None
        self._node = node
        CACHE_AGE.labels(node).set_function(lambda: self.age_s)

    @property
    def trouble(self) -> str | None:
        """Error that stops the node from following; None when it follows."""
        began = self._look_began
        if began is not None and time.monotonic() - began > _LONGEST_LOOK_S:
            return f"it has looked at the database for over {_LONGEST_LOOK_S} s"
        return self._failure

    @property
    def unrecorded(self) -> str | None:
        """Error that keeps other hosts from knowing how far the node is, or None."""
        return self._record.trouble.reason

    @property
    def age_s(self) -> float:
        """Since when its caches were last known to agree with the database."""
        return time.monotonic() - self._agreed_at

    def wake(self) -> None:
        """Look at the database now."""
        self._woken.set()

    async def follow(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Follow until cancelled; reports started once the first state is applied."""
        await self._look(is_first=True)
        task_status.started()
        while True:
            with trio.move_on_after(POLL_S):
                await self._woken.wait()
            self._woken = trio.Event()
            await self._look()

    async def sync(self, revision: int) -> None:
        """Look at the database now; return when `revision` is applied.

        Raises:
            ServiceError: When it cannot be applied now; it is tried again later.
        """
        self.wake()
        # A look that began before says nothing of now: its database may be back, or
        # replaced by one whose revisions are lower.
        older = self._looks
        async with self._moved:
            while self._ended_looks <= older or self.applied < revision:
                await self._moved.wait()
                if self._failure is not None and self._ended_looks > older:
                    raise ServiceError(
                        f"cannot apply the new state: {self._failure}",
                        hint="repair the fault; the node tries again automatically",
                    )

    async def _look(self, *, is_first: bool = False) -> None:
        """Catch up; a failure is logged and the next look tries again.

        Raises:
            ServiceError, OSError: At the first look, when nothing could be applied.
        """
        failed_before = self._failure is not None
        self._looks += 1
        self._look_began = time.monotonic()
        try:
            await self._catch_up()
        except (ServiceError, OSError) as error:
            if is_first and not self.applied:
                raise
            if str(error) != self._failure:
                self._log.error("cannot follow the database", reason=str(error))
            await self._end_look(str(error))
            # TVS follows the file in the node's folder even without the database.
            with suppress(OSError):
                await self._watch_ctl_file()
        else:
            if failed_before:
                self._log.info("following the database again", revision=self.applied)
            await self._end_look(None)
        finally:
            self._look_began = None

    async def _end_look(self, failure: str | None) -> None:
        async with self._moved:
            self._failure, self._ended_looks = failure, self._looks
            self._moved.notify_all()

    async def _catch_up(self) -> None:
        revision = await self._look_up_revision()
        moved = revision != self.applied
        judge_anew = moved and await self._apply_revision(revision)
        await self._watch_ctl_file(judge_anew=judge_anew)
        self._agreed_at = time.monotonic()
        # Recorded before others hear of it here, but applied it is either way.
        await self._record.record(revision)
        await self._note(revision)

    async def _look_up_revision(self) -> int:
        reachable = DATABASE_REACHABLE.labels(self._node)
        try:
            revision = await self._ask_for_revision()
        except ServiceError:
            reachable.set(0)
            raise
        reachable.set(1)
        return revision

    async def _ask_for_revision(self) -> int:
        """Read the revision; a server that has hung must not stop the node's end."""
        with trio.move_on_after(_ANSWER_S):
            return await trio.to_thread.run_sync(
                self._read_revision, abandon_on_cancel=self._may_hang
            )
        raise DatabaseAwayError(f"the database did not answer within {_ANSWER_S} s")

    async def _watch_ctl_file(self, *, judge_anew: bool = False) -> None:
        identity = await self._identify()
        if judge_anew or identity != self._seen:
            await self._refill_ctl_cache()
            self._seen = identity

    async def _note(self, revision: int) -> None:
        """Let all who wait know that a revision is applied."""
        if revision == self.applied:
            return
        self._log.info("revision applied", revision=revision)
        REVISION.labels(self._node).set(revision)
        async with self._moved:
            self.applied = revision
            self._moved.notify_all()

    async def _identify(self) -> _FileIdentity:
        with suppress(FileNotFoundError):
            status = await trio.Path(self._ctl_file).stat()
            return status.st_size, status.st_mtime_ns, status.st_ino
        return None


async def follow_notifications(store: Database, wake: Callable[[], None]) -> None:
    """Poke at every change of a shared database, until cancelled.

    While it is away, this tries to reach it again; who looks at it says that it is.
    """
    while True:
        with suppress(ServiceError):
            listener = await trio.to_thread.run_sync(
                store.listen, abandon_on_cancel=True
            )
            try:
                await _pass_on(listener, wake)
            finally:
                listener.close()
        await trio.sleep(_PAUSE_S)


async def _pass_on(listener: "Listener", wake: Callable[[], None]) -> None:
    wake()  # for what has happened before it listened
    while True:
        await trio.lowlevel.wait_readable(listener.fileno())
        if listener.take():
            wake()
            # Any role may notify, as often as it likes: a look at the database each
            # time would be what it wants.
            await trio.sleep(_LEAST_S)
