"""The certificates and keys of a fleet's phones, in the fleet's database, 0600.

A table that each phone has a row in for its MIC and one for its LSC: private key, then
certificate, as PEM. A program that shows a certificate in TLS gets a file of its own.
"""

import sqlite3
from pathlib import Path
from typing import Final

from tokenless.ground.disk import hint_for
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.files import replace_file
from tokenless.phone_emulator.own_certificates import OwnCertificates
from tokenless.protocol.capf.elements import CertificateType

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS certificate (
    device TEXT NOT NULL, kind INTEGER NOT NULL, pem BLOB NOT NULL,
    PRIMARY KEY (device, kind)
) WITHOUT ROWID;
"""
_FOLDER: Final = "shown-in-tls"


class FleetCertificates(OwnCertificates):
    """Those of one phone of a fleet."""

    checks_keys = False  # this program made them; thousands are read

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, device: str
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._device = device

    @property
    def present_file(self) -> Path | None:
        """File with the phone's certificate and key for TLS; None without one."""
        pem = self._read(CertificateType.LSC) or self._read(CertificateType.MIC)
        if pem is None:
            return None
        folder = self._folder / _FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{self._device}.pem"
        replace_file(path, pem, private=True)
        return path

    def _place(self, kind: CertificateType) -> str:
        return f"the {kind.name} of {self._device} in the fleet's flash"

    def _read(self, kind: CertificateType) -> bytes | None:
        row = self._connection.execute(
            "SELECT pem FROM certificate WHERE device = ? AND kind = ?",
            (self._device, int(kind)),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def _write(self, kind: CertificateType, pem: bytes) -> None:
        self._execute(
            "INSERT OR REPLACE INTO certificate (pem, device, kind) VALUES (?, ?, ?)",
            (pem, self._device, int(kind)),
        )

    def _erase(self, kind: CertificateType) -> None:
        self._execute(
            "DELETE FROM certificate WHERE device = ? AND kind = ?",
            (self._device, int(kind)),
        )

    def _execute(self, statement: str, values: tuple[bytes | str | int, ...]) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise PhoneError(
                f"the certificate of {self._device} cannot be kept: {error}",
                hint=hint_for(error),
            ) from error
