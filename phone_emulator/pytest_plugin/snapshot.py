"""The state of a lab's cluster, put back between tests while its services run.

The rows of the database are put back by a change like any other: the revision grows,
and the nodes follow it. What they hold in files (keys, trust lists, tokens) is put back
beside it. Rows that nodes write about themselves stay: they are true.
"""

import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import delete, insert, select, text

from tokenless.ground.files import UNFINISHED, replace_file
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.schema import metadata

_KEPT_TABLES: Final = frozenset(
    {"cluster", "audit", "node_state", "published", "registration", "tftp_itl"}
)
"""The revision, histories that only grow, and what nodes say of themselves."""
_DEVICES: Final = frozenset({"device"})
"""Tables that only the files of phones depend on."""
_FOLDERS: Final = ("nodes", "tokens", "bulk")
_NOT_STATE: Final = frozenset({".lock", UNFINISHED})
_BY: Final = "snapshot"

_Row = Mapping[str, Any]


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
    def concerns_all_services(self) -> bool:
        """True if services that loaded certificates or settings must start again."""
        return bool(self.tables - _DEVICES)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows and files at one moment."""

    rows: Mapping[str, list[_Row]]
    """By table."""
    files: Mapping[Path, tuple[bytes, int]]
    """Content and mode, by the path in the data folder."""
    folders: frozenset[Path]
    """Those that there are, empty ones, too."""

    @classmethod
    def take(cls, cluster: Cluster) -> Self:
        """Read the state of a cluster that nobody changes meanwhile."""
        data = cluster.installation.data
        return cls(_rows_of(cluster), _files_of(data), _folders_of(data))

    def restore(self, cluster: Cluster) -> Restored:
        """Put the state back.

        The nodes learn of it as of any change (`announce`); services that run go on
        with what they have loaded.

        Raises:
            ServiceError: When the database cannot be written.
            OSError: When a file cannot be written.
        """
        now = _rows_of(cluster)
        changed = frozenset(
            name for name, rows in self.rows.items() if rows != now[name]
        )
        if changed:
            self._put_rows(cluster, changed)
        return Restored(changed, self._put_files(cluster.installation.data))

    def _put_rows(self, cluster: Cluster, changed: frozenset[str]) -> None:
        tables = [each for each in metadata.sorted_tables if each.name in changed]
        with cluster.store.change("restore snapshot", "", by=_BY) as change:
            connection = change.connection
            # Rows are taken away that others still refer to, and come back below.
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table in reversed(tables):
                connection.execute(delete(table))
            for table in tables:
                if rows := self.rows[table.name]:
                    connection.execute(insert(table), [dict(row) for row in rows])

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


def _rows_of(cluster: Cluster) -> dict[str, list[_Row]]:
    with cluster.store.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in metadata.sorted_tables
            if table.name not in _KEPT_TABLES
        }


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
