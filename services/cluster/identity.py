"""The identity of a cluster: a random name, in its data folders and in its database.

    DATA/identity          the name, on each host
    a row of processconfig the same, in a database that hosts share

Two clusters may have the same name; a folder that is opened with the database of the
other one would publish its files with keys of its own. The first host that finds
neither makes both; a folder without one takes that of its database, as after the
import of a node. A database without one, as of an earlier version, is taken as it is.
"""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from tokenless.services.errors import ServiceError
from tokenless.services.files import PUBLIC, replace_file
from tokenless.services.store.database import Database
from tokenless.services.store.parameters import add_identity, read_identity

_FILE: Final = "identity"
_BYTES: Final = 16
_MAX_BYTES: Final = 128


def check_identity(store: Database, data: Path, name: str) -> None:
    """Check that a folder and its database are of one cluster.

    A database in the folder is of it in any case.

    Args:
        store: The database.
        data: The folder.
        name: Of the cluster, for the error.

    Raises:
        ServiceError: When they are of two clusters, or cannot be read.
    """
    if not store.is_shared:
        return
    mine = _read(data / _FILE)
    with store.read() as connection:
        held = read_identity(connection)
    if mine and held and mine != held:
        raise ServiceError(
            f"{data} and the database are of two clusters, both named {name!r}",
            hint="correct [database] url, or name the folder of that cluster with "
            "--data",
        )
    if mine is None and held is None and store.may_change:
        with store.write_node_state() as connection:
            held = add_identity(connection, secrets.token_hex(_BYTES))
    if mine is None and held is not None:
        # Some who only look may not write there: it stays unknown until one may. It is
        # no secret, and root may write it for the owner of the folder.
        with suppress(OSError):
            replace_file(data / _FILE, f"{held}\n".encode(), mode=PUBLIC)


def _read(file: Path) -> str | None:
    """Return what a folder says; None: it says nothing.

    Raises:
        ServiceError: When the file is damaged.
    """
    try:
        with file.open("rb") as opened:
            said = opened.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ServiceError(
            f"{file} cannot be read: {error.strerror}",
            hint="work as the owner of the data folder",
        ) from error
    text = said.decode("ascii", "replace").strip()
    if not text.isalnum() or len(said) > _MAX_BYTES:
        raise ServiceError(
            f"{file} is damaged",
            hint="restore it from a backup; or delete it, if the database is this "
            "cluster's",
        )
    return text
