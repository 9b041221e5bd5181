"""The file of a fleet's flash: opened to write, or to read only."""

import sqlite3
from pathlib import Path
from typing import Final

from tokenless.ground.files import make_private
from tokenless.phone_emulator.errors import PhoneError, refusal_of
from tokenless.phone_emulator.fleet import certificates

_FILE: Final = "fleet.db"
_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS content (digest BLOB PRIMARY KEY, data BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS phone (
    device TEXT PRIMARY KEY, model TEXT NOT NULL,
    ctl BLOB, itl BLOB, configuration BLOB,
    outcome TEXT, report BLOB, booted_at REAL
) WITHOUT ROWID;
"""


def check_exists(folder: Path) -> None:
    """Refuse a folder without a fleet.

    Raises:
        PhoneError: When there is none.
    """
    if not (folder / _FILE).is_file():
        raise refusal_of(folder)(
            f"no fleet keeps its flash in {folder}",
            hint="boot one there with `tokenless fleet boot --flash`",
        )


def open_to_write(folder: Path) -> sqlite3.Connection:
    """Open the database in a folder; make both when they do not exist.

    Raises:
        PhoneError: When the folder or the file cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make_private(folder / _FILE)
        connection = sqlite3.connect(folder / _FILE, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(folder, error) from error
    try:
        _prepare(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(folder, error) from error
    return connection


def open_to_read(folder: Path) -> sqlite3.Connection:
    """Open the database without writing anything to its folder.

    SQLite makes a log next to a file that it reads, unless that is declared immutable:
    without a log, no other process is writing to it.

    Raises:
        PhoneError: When it cannot be read, or is not a fleet's.
    """
    file = folder / _FILE
    log = file.with_name(f"{file.name}-wal")
    try:
        is_quiet = not log.exists() or log.stat().st_size == 0
        mode = "mode=ro&immutable=1" if is_quiet else "mode=ro"
        uri = f"{file.absolute().as_uri()}?{mode}"
        connection = sqlite3.connect(uri, isolation_level=None, uri=True)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(folder, error) from error
    try:
        _check_version(connection)
        connection.execute("SELECT 1 FROM phone LIMIT 1")
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(folder, error) from error
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables; raise sqlite3.Error for a file that is not ours."""
    _check_version(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    # Of a killed process nothing is lost; of a machine that loses power, at worst the
    # last boots of emulated phones.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    connection.executescript(certificates.SCHEMA)
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, _SCHEMA_VERSION):
        raise sqlite3.DatabaseError(
            f"it has the format {version} of another version of this program"
        )


def _unusable(folder: Path, error: Exception) -> PhoneError:
    reason = error.strerror if isinstance(error, OSError) else None
    return PhoneError(
        f"the fleet's flash {folder} cannot be used: {reason or error}",
        hint="name a folder that can be written and holds no other fleet.db",
    )
