"""The state of a cluster, put back between tests while its services run.

The rows of the database are put back by a change like any other: the revision grows,
and the nodes follow it. What they hold in files (keys, trust lists, tokens) is put back
beside it, on each host. Rows that nodes write about themselves stay: they are true.
"""

import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Table, delete, insert, select, text, update

from tokenless.ground.files import UNFINISHED, replace_file
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.schema import (
    console_user,
    metadata,
    node_state,
    processnode,
)

_KEPT_TABLES: Final = frozenset(
    {"cluster", "audit", "node_state", "published", "registration", "tftp_itl"}
)
"""The revision, histories that only grow, and what nodes say of themselves."""
_UNSEEN: Final = frozenset({console_user.name, processnode.name})
"""Subscribers may not read the console's users, and nodes write their own ports."""
_FOLLOWED: Final = frozenset({"device", "processconfig", "ctl_file", "reset_itl"})
"""Tables of what services load when they start, or follow; not with certificates."""
_PARENTS: Final = frozenset(
    key.column.table.name
    for table in metadata.sorted_tables
    for key in table.foreign_keys
)
"""Tables whose rows others refer to."""
_FOLDERS: Final = ("nodes", "tokens", "bulk")
_NOT_STATE: Final = frozenset({".lock", UNFINISHED})
_BY: Final = "snapshot"

_Row = Mapping[str, Any]
_Rows = Mapping[tuple[Any, ...], _Row]
"""By primary key."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The changes of a restoration."""

    tables: frozenset[str]
    files: int

    @property
    def is_anything(self) -> bool:
        """True if the cluster had changed."""
        return bool(self.tables or self.files)

    @property
    def concerns_tftp(self) -> bool:
        """True if Cisco Tftp must start again; it follows devices by itself."""
        return bool(self.tables - {"device"} or self.files)

    @property
    def concerns_all_services(self) -> bool:
        """True if all services must start again: certificates or nodes differ."""
        return bool(self.tables - _FOLLOWED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows and files at one moment."""

    rows: Mapping[str, _Rows]
    """By table."""
    has_rows: bool
    """False where another host puts the rows back."""
    files: Mapping[Path, tuple[bytes, int]]
    """Content and mode, by the path in the data folder."""
    folders: frozenset[Path]
    """Those that there are, empty ones, too."""

    @classmethod
    def take(cls, cluster: Cluster, *, has_rows: bool = True) -> Self:
        """Read the state of a cluster that nobody changes meanwhile.

        Args:
            cluster: The cluster.
            has_rows: False where another host puts the database back.

        Raises:
            ServiceError: When the database cannot be read.
            OSError: When a file cannot be read.
        """
        data = cluster.installation.data
        rows = _rows_of(cluster, frozenset() if has_rows else _UNSEEN)
        return cls(rows, has_rows, _files_of(data), _folders_of(data))

    def is_in_database(self, cluster: Cluster) -> bool:
        """Tell whether the database holds the rows of that moment.

        Raises:
            ServiceError: When the database cannot be read.
        """
        unseen = frozenset() if self.has_rows else _UNSEEN
        return _rows_of(cluster, unseen) == self.rows

    def restore(self, cluster: Cluster) -> Restored:
        """Put the state back.

        The nodes learn of it as of any change (`announce`); services that run go on
        with what they have loaded.

        Raises:
            ServiceError: When the database cannot be written.
            OSError: When a file cannot be written.
        """
        changed = self._put_rows(cluster) if self.has_rows else frozenset()
        return Restored(changed, self._put_files(cluster.installation.data))

    def _put_rows(self, cluster: Cluster) -> frozenset[str]:
        """Put the rows back; return the tables that had changed."""
        now = _rows_of(cluster)
        changed = frozenset(
            name for name, rows in self.rows.items() if rows != now[name]
        )
        if changed:
            self._change_rows(cluster, now, changed)
        return changed

    def _change_rows(
        self, cluster: Cluster, now: Mapping[str, _Rows], changed: frozenset[str]
    ) -> None:
        tables = [each for each in metadata.sorted_tables if each.name in changed]
        with cluster.store.change("restore snapshot", "", by=_BY) as change:
            connection = change.connection
            if not cluster.store.is_shared:
                # Rows are taken away that others refer to until they change below.
                connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table in reversed(tables):
                _take_back(connection, table, self.rows[table.name], now[table.name])
            for table in tables:
                there = now[table.name]
                if table.name not in _PARENTS:
                    there = _equal(self.rows[table.name], there)
                if rows := _without(self.rows[table.name], there):
                    connection.execute(insert(table), [dict(row) for row in rows])
                    if table is processnode:  # nodes that have taken nothing yet
                        states = [{"node_id": row["id"]} for row in rows]
                        connection.execute(insert(node_state), states)

    def _put_files(self, data: Path) -> int:
        now = _files_of(data)
        for path in now.keys() - self.files.keys():
            (data / path).unlink(missing_ok=True)
        wrong = {path for path, each in self.files.items() if now.get(path) != each}
        # A token is a folder: its name is free again when nothing is left of it.
        for path in _folders_of(data) - self.folders:
            shutil.rmtree(data / path, ignore_errors=True)
        for path in wrong:
            content, mode = self.files[path]
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            replace_file(data / path, content, mode=mode)
        return len(wrong) + len(now.keys() - self.files.keys())


def _take_back(connection: Connection, table: Table, before: _Rows, now: _Rows) -> None:
    """Delete rows that are new; changed ones, too, or correct them where they are.

    A changed row that others refer to cannot go: PostgreSQL would refuse.
    """
    is_parent = table.name in _PARENTS
    kept = before if is_parent else _equal(before, now)
    for row in _without(now, kept):
        _delete_notes(connection, table, row)
        connection.execute(delete(table).where(*_is(table, row)))
    if is_parent:
        for key in before.keys() & now.keys():
            if before[key] != now[key]:
                row = before[key]
                connection.execute(update(table).where(*_is(table, row)).values(row))


def _delete_notes(connection: Connection, table: Table, row: _Row) -> None:
    """Delete what a node that goes has noted about itself."""
    for kept in metadata.sorted_tables:
        for key in kept.foreign_keys:
            if kept.name in _KEPT_TABLES and key.column.table is table:
                same = key.parent == row[key.column.name]
                connection.execute(delete(kept).where(same))


def _is(table: Table, row: _Row) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key.columns]


def _equal(one: _Rows, other: _Rows) -> _Rows:
    return {key: row for key, row in one.items() if other.get(key) == row}


def _without(rows: _Rows, others: _Rows) -> list[_Row]:
    return [row for key, row in rows.items() if key not in others]


def _rows_of(
    cluster: Cluster, unseen: frozenset[str] = frozenset()
) -> dict[str, _Rows]:
    with cluster.store.read() as connection:
        return {
            table.name: _read(connection, table)
            for table in metadata.sorted_tables
            if table.name not in _KEPT_TABLES | unseen
        }


def _read(connection: Connection, table: Table) -> _Rows:
    keys = [column.name for column in table.primary_key.columns]
    rows = [dict(row) for row in connection.execute(select(table)).mappings()]
    return {tuple(row[key] for key in keys): row for row in rows}


def _folders_of(data: Path) -> frozenset[Path]:
    return frozenset(
        path.relative_to(data)
        for folder in _FOLDERS
        for path in (data / folder).rglob("*")
        if path.is_dir()
    )


def _files_of(data: Path) -> dict[Path, tuple[bytes, int]]:
    """Read the files of the cluster's folders, but no locks and no unfinished file."""
    found = {}
    for folder in _FOLDERS:
        for path in (data / folder).rglob("*"):
            if not path.is_file() or path.suffix in _NOT_STATE:
                continue
            with suppress(FileNotFoundError):
                mode = stat.S_IMODE(path.stat().st_mode)
                found[path.relative_to(data)] = path.read_bytes(), mode
    return found
