"""The flash of a whole fleet: one SQLite file, 0600, contents shared.

Ten thousand phones hold a few different lists: each content is stored once, by its
SHA-256. What one phone's boot changed is written in one transaction when the boot ends;
a process that is killed leaves every phone as before its boot or as after it.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cachetools import LRUCache

from tokenless.ground.disk import hint_for
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.fleet.certificates import FleetCertificates
from tokenless.phone_emulator.fleet.store_file import (
    check_exists,
    open_to_read,
    open_to_write,
)
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES
from tokenless.protocol.trust.anchors import FileKind

_KEPT_BYTES: Final = 8 << 20
"""Enough for the lists of a cluster, which all phones share. Most configurations are
one phone's own, and are read twice a boot: an old one is of no use to anybody."""
_MAX_REPORT: Final = 4 << 20
_COLUMNS: Final = {
    FileKind.CTL: "ctl",
    FileKind.ITL: "itl",
    FileKind.CONFIGURATION: "configuration",
}


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """One phone as the store shows it."""

    device: str
    model: str
    outcome: str | None
    """Of its last boot."""
    contents: FlashContents
    report: dict[str, Any]
    """The last boot's, as `phone boot --json` prints it."""


class FleetStore:
    """The database of a fleet; used by one thread."""

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, *, reads_only: bool = False
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._reads_only = reads_only
        self._contents: LRUCache[bytes, bytes] = LRUCache(_KEPT_BYTES, getsizeof=len)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the store in a folder; make it when there is none.

        Raises:
            PhoneError: When the folder or the file cannot be used.
        """
        return cls(open_to_write(folder), folder)

    @classmethod
    def open_existing(cls, folder: Path) -> Self:
        """Open the store of a fleet that has been booted before.

        Raises:
            PhoneError: When there is none, or it cannot be used.
        """
        check_exists(folder)
        return cls.open(folder)

    @classmethod
    def open_to_read(cls, folder: Path) -> Self:
        """Open it as `open_existing`, and write nothing: the folder may be read-only.

        Raises:
            PhoneError: When there is none, or it cannot be read.
        """
        check_exists(folder)
        return cls(open_to_read(folder), folder, reads_only=True)

    def close(self) -> None:
        """Drop contents that no phone holds any more, and close the file."""
        with closing(self._connection) as connection:
            if self._reads_only:
                return
            connection.execute(
                "DELETE FROM content WHERE digest NOT IN (SELECT ctl FROM phone "
                "WHERE ctl NOT NULL UNION SELECT itl FROM phone WHERE itl NOT NULL "
                "UNION SELECT configuration FROM phone WHERE configuration NOT NULL)"
            )

    def _held(self, digests: Iterable[bytes | None]) -> FlashContents:
        ctl, itl, configuration = map(self.content, digests)
        return FlashContents(ctl, itl, configuration)

    def flash(self, device: str, model: str) -> "StoredFlash":
        """Return one phone's flash."""
        row = self._connection.execute(
            "SELECT ctl, itl, configuration FROM phone WHERE device = ?", (device,)
        ).fetchone()
        digests = dict(zip(_COLUMNS, row or (None, None, None), strict=True))
        return StoredFlash(self, device, model, digests)

    def certificates(self, device: str) -> FleetCertificates:
        """Return one phone's own certificates."""
        return FleetCertificates(self._connection, self._folder, device)

    def phones(self) -> Iterator[StoredPhone]:
        """Return all phones by name."""
        rows = self._connection.execute(
            "SELECT device, model, outcome, report, ctl, itl, configuration "
            "FROM phone ORDER BY device"
        )
        for device, model, outcome, report, *digests in rows:
            yield StoredPhone(
                device,
                model,
                outcome,
                self._held(digests),
                _read_report(report) if report else {},
            )

    def delete_trust(self, devices: Iterable[str] | None = None) -> int:
        """Erase the lists of some phones, of all when None; return how many had any."""
        erase = (
            "UPDATE phone SET ctl = NULL, itl = NULL "
            "WHERE (ctl NOT NULL OR itl NOT NULL)"
        )
        if devices is None:
            return self._connection.execute(erase).rowcount
        return sum(
            self._connection.execute(f"{erase} AND device = ?", (device,)).rowcount
            for device in devices
        )

    def factory_reset(self, devices: Iterable[str]) -> None:
        """Forget some phones altogether, but for their MICs (REFERENCE 4.4)."""
        for device in devices:
            self.certificates(device).delete_lsc()
            self._connection.execute("DELETE FROM phone WHERE device = ?", (device,))

    def content(self, digest: bytes | None) -> bytes | None:
        """Return a content by its SHA-256; the same object for the same content."""
        if digest is None:
            return None
        if (known := self._contents.get(digest)) is not None:
            return known
        data = self._read_content(digest)
        if data is not None:
            with suppress(ValueError):  # longer than all that is kept
                self._contents[digest] = data
        return data

    def save(
        self, flash: "StoredFlash", report: dict[str, Any] | None, at: float
    ) -> None:
        """Write what a boot changed, all of it or nothing.

        Raises:
            PhoneError: When it cannot be written.
        """
        try:
            self._save(flash, report, at)
        except sqlite3.Error as error:
            raise PhoneError(
                f"what {flash.device} holds cannot be kept: {error}",
                hint=hint_for(error),
            ) from error
        flash.new.clear()

    def _save(
        self, flash: "StoredFlash", report: dict[str, Any] | None, at: float
    ) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for digest, data in flash.new.items():
                self._add_content(digest, data)
            connection.execute(
                "INSERT OR REPLACE INTO phone VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    flash.device,
                    flash.model,
                    *(flash.digests[kind] for kind in _COLUMNS),
                    report["outcome"] if report else None,
                    _compressed(report) if report else None,
                    at,
                ),
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite ends it by itself on a full disk
                connection.execute("ROLLBACK")
            raise

    def _add_content(self, digest: bytes, data: bytes) -> None:
        # Asked each time: another process may have dropped it since it was written.
        known = self._connection.execute(
            "SELECT 1 FROM content WHERE digest = ?", (digest,)
        )
        if known.fetchone() is None:
            self._connection.execute(
                "INSERT INTO content VALUES (?, ?)", (digest, zlib.compress(data, 1))
            )

    def _read_content(self, digest: bytes) -> bytes | None:
        row = self._connection.execute(
            "SELECT data FROM content WHERE digest = ?", (digest,)
        ).fetchone()
        if row is None:
            return None
        data = _unpacked(row[0], MAX_DOWNLOAD_BYTES)
        if hashlib.sha256(data).digest() != digest:
            raise _damaged("a content is not what its checksum says")
        return data


def _read_report(packed: bytes) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(_unpacked(packed, _MAX_REPORT))
    except (ValueError, RecursionError):
        raise _damaged("a report cannot be read") from None
    return report


def _unpacked(packed: bytes, most: int) -> bytes:
    """Decompress data of a foreign file, up to the longest valid length.

    Raises:
        PhoneError: When it is damaged, or unpacks to more.
    """
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, most)
    except (zlib.error, TypeError) as error:
        raise _damaged(str(error)) from error
    if not unpacking.eof:
        raise _damaged(f"an entry is cut off, or unpacks to over {most} bytes")
    return data


def _damaged(reason: str) -> PhoneError:
    return PhoneError(
        f"the fleet's flash is damaged: {reason}", hint="boot the fleet into a new one"
    )


def _compressed(report: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(report).encode(), 1)


@dataclass(slots=True)
class StoredFlash:
    """The flash of one phone of a fleet."""

    store: FleetStore
    device: str
    model: str
    digests: dict[FileKind, bytes | None]
    new: dict[bytes, bytes] = field(default_factory=dict)
    """Contents that came with this boot, by their SHA-256."""

    def load(self) -> FlashContents:
        """Return what the phone holds."""
        ctl, itl, configuration = (self._content(kind) for kind in _COLUMNS)
        return FlashContents(ctl, itl, configuration)

    def _content(self, kind: FileKind) -> bytes | None:
        digest = self.digests[kind]
        # What this boot brought is not in the database before the boot is kept.
        if digest in self.new:
            return self.new[digest]
        return self.store.content(digest)

    def replace(self, kind: FileKind, data: bytes) -> None:
        """Put a new list or configuration in the place of the old one."""
        digest = hashlib.sha256(data).digest()
        self.digests[kind] = digest
        self.new[digest] = data

    def save(self, report: dict[str, Any] | None, at: float) -> None:
        """Write what changed, with the report of the boot."""
        self.store.save(self, report, at)
