"""Changes of a node's registrations, written to the database in batches.

A change waits at most a second for others; a keep-alive is no change. While the
database is away changes wait in memory, the newest of each phone. A node that begins to
serve first ends what an earlier process of it left registered: that one cannot have
said goodbye (REFERENCE-3 4.6, callManagerForcedRestart).

What anybody can cause is bounded: refusals of names that the cluster does not know are
not written, and of phones that are not registered only so many rows are kept.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
import trio

from tokenless.protocol.phones.registration import UnregisterReason
from tokenless.services.callmanager.registrar import MAX_FAILURES
from tokenless.services.callmanager.registration import Absence, Registration
from tokenless.services.errors import ServiceError
from tokenless.services.limited_log import shortened
from tokenless.services.store.access.one_writer import OneWriter, Trouble
from tokenless.services.store.database import Database
from tokenless.services.store.nodes import write_state
from tokenless.services.store.registrations import (
    SEEN_EVERY_S,
    RecordedState,
    RegistrationRow,
    absent_devices,
    database_time,
    end_registrations,
    forget_registrations,
    write_registrations,
)

_BATCH_S: Final = 1.0
_LAST_WORDS_S: Final = 5.0
_PRUNE_EVERY: Final = 1_000
"""Rows written between two looks at how many there are."""
_MAX_LOAD: Final = 64
_MAX_NAME: Final = 128


class RegistrationRecords:
    """The rows that one node writes about its phones."""

    def __init__(
        self,
        store: Database,
        node_id: int,
        *,
        clock: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Write nothing yet.

        Args:
            store: The cluster's database.
            node_id: Of the node.
            clock: Unix seconds, as the cluster sees them.
            log: Where a database that is away is reported.
        """
        self._store = store
        self._node_id = node_id
        self._clock = clock
        self._waiting: dict[str, RegistrationRow] = {}
        self._has_changed = trio.Event()
        self._seen_at = -SEEN_EVERY_S
        self._unpruned = 0
        self._has_begun = False
        self.has_tried = trio.Event()
        """Set when the first write has ended, well or not."""
        self._writer = OneWriter(may_hang=store.is_shared)
        self.trouble = Trouble(
            log, "registrations cannot be written", "registrations are written again"
        )
        """Why changes wait."""

    @property
    def unwritten(self) -> str | None:
        """The reason why the database has not the registrations of now, or None."""
        if self.trouble.reason is None and not self._has_begun:
            return "nothing has been written since the service started"
        return self.trouble.reason

    def note(self, change: Registration | Absence) -> None:
        """Remember a change; never blocks."""
        row = _row_of(change)
        if row is not None:
            self._waiting[row.device] = row
            self._has_changed.set()

    async def run(self) -> None:
        """Write changes until cancelled; first that an earlier process's are over."""
        await self._write()
        while True:
            with trio.move_on_after(SEEN_EVERY_S):
                await self._has_changed.wait()
                await trio.sleep(_BATCH_S)
            await self._write()

    async def finish(self) -> None:
        """Write what still waits, also when the service is being cancelled."""
        with trio.CancelScope(shield=True), trio.move_on_after(_LAST_WORDS_S):
            await self._write(is_last=True)

    async def _write(self, *, is_last: bool = False) -> None:
        rows, self._waiting = self._waiting, {}
        self._has_changed = trio.Event()
        is_written = False
        try:
            await self._writer.run(
                partial(self._write_rows, list(rows.values())), is_last=is_last
            )
            is_written = True
        except ServiceError as error:
            self.trouble.note(error)
        else:
            self.trouble.end()
        finally:
            self.has_tried.set()
            if not is_written:
                # Later changes of the same phones are newer.
                self._waiting = {**rows, **self._waiting}

    def _write_rows(self, rows: list[RegistrationRow]) -> None:
        now = time.monotonic()
        is_due = now - self._seen_at >= SEEN_EVERY_S
        if self._has_begun and not rows and not is_due:
            return
        with self._store.write_node_state() as connection:
            if not self._has_begun:
                reason = int(UnregisterReason.CALLMANAGER_FORCED_RESTART)
                end_registrations(connection, self._node_id, reason, int(self._clock()))
            write_registrations(connection, self._node_id, rows)
            # Not the host's clock, which others need not have; nor the cluster's, which
            # a rehearsal moves.
            seen_at = int(database_time(connection))
            write_state(connection, self._node_id, seen_at=seen_at)
            self._unpruned += len(rows)
            if self._unpruned >= _PRUNE_EVERY or not self._has_begun:
                absent = absent_devices(connection, self._node_id)
                old = absent[: max(0, len(absent) - MAX_FAILURES)]
                forget_registrations(connection, self._node_id, old)
                self._unpruned = 0
        self._has_begun, self._seen_at = True, now


def _row_of(change: Registration | Absence) -> RegistrationRow | None:
    """Return a change as a row; None for a name that the cluster does not know."""
    if isinstance(change, Registration):
        return RegistrationRow(
            change.device,
            RecordedState.REGISTERED,
            change.since,
            signalling=change.signalling,
            is_secure=change.peer.is_secure,
            address=change.address,
            load=shortened(change.load)[:_MAX_LOAD],
            itl=change.itl,
            alarms=change.alarms,
        )
    if not change.is_known or len(change.device) > _MAX_NAME:
        return None
    state, code = RecordedState.UNREGISTERED, int(change.reason or 0)
    if change.failure is not None:
        state, code = RecordedState.REJECTED, int(change.failure)
    return RegistrationRow(
        change.device,
        state,
        change.at,
        code,
        address=change.address,
        alarms=change.alarms,
    )
