"""What a running node follows: the database's revision and its own `CTLFile.tlv`.

The revision is looked at twice a second, and at once when an administrator's process
pokes (a `sync` over the control socket). A new revision means, in this order:

1. the cluster's newest CTL is installed in the node's folder, if it is a new one;
2. TVS's caches are filled again, whole;
3. with `tftp.reload = "automatic"`, TFTP serves the new files at once.

Without 3, TFTP goes on serving what it held when it started (REFERENCE 10.4). The CTL
in the node's folder is watched by its size, times and inode, so that a file that
somebody copied, deleted or damaged by hand reaches TVS's CTL cache as it does on CUCM.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from services.errors import ServiceError
from services.logs import get_logger
from services.metrics import REVISION

POLL_S: Final = 0.5

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
    ) -> None:
        """Prepare to follow.

        Args:
            node: The node's name.
            ctl_file: Its `CTLFile.tlv`.
            read_revision: Reads the database's revision; blocking.
            apply_revision: Brings the node to the state of the database; tells
                whether TVS must judge the same CTL file anew.
            refill_ctl_cache: Makes TVS read the CTL file again.
        """
        self.applied = 0
        """The revision that the node has applied; 0 before the first."""
        self._ctl_file = ctl_file
        self._read_revision = read_revision
        self._apply_revision = apply_revision
        self._refill_ctl_cache = refill_ctl_cache
        self._poked = trio.Event()
        self._moved = trio.Condition()
        self._failure: str | None = None
        self._seen: _FileIdentity = None
        self._node = node
        self._log = get_logger(node=node)

    async def follow(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Follow until cancelled; reports started once the first state is applied."""
        await self._catch_up()
        task_status.started()
        while True:
            with trio.move_on_after(POLL_S):
                await self._poked.wait()
            self._poked = trio.Event()
            await self._look()

    async def sync(self, revision: int) -> None:
        """Look at the database now; return when `revision` is applied.

        Raises:
            ServiceError: When it cannot be applied now; it is tried again later.
        """
        self._poked.set()
        async with self._moved:
            while self.applied < revision:
                await self._moved.wait()
                if self._failure is not None:
                    raise ServiceError(
                        f"cannot take the new state: {self._failure}",
                        hint="mend it; the node tries again by itself",
                    )

    async def _look(self) -> None:
        """Catch up; a failure is logged and the next look tries again."""
        try:
            await self._catch_up()
            self._failure = None
        except (ServiceError, OSError) as error:
            if str(error) != self._failure:
                self._log.error("cannot follow the database", reason=str(error))
            await self._fail(str(error))

    async def _fail(self, reason: str) -> None:
        async with self._moved:
            self._failure = reason
            self._moved.notify_all()

    async def _catch_up(self) -> None:
        revision = await trio.to_thread.run_sync(self._read_revision)
        moved = revision != self.applied
        judge_anew = moved and await self._apply_revision(revision)
        identity = await self._identify()
        if judge_anew or identity != self._seen:
            await self._refill_ctl_cache()
            self._seen = identity
        if moved:
            await self._note(revision)

    async def _note(self, revision: int) -> None:
        self._log.info("revision applied", revision=revision)
        REVISION.labels(self._node).set(revision)
        async with self._moved:
            self.applied, self._failure = revision, None
            self._moved.notify_all()

    async def _identify(self) -> _FileIdentity:
        with suppress(FileNotFoundError):
            found = await trio.Path(self._ctl_file).stat()
            return found.st_size, found.st_mtime_ns, found.st_ino
        return None
