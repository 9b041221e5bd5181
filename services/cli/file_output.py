"""How the `file` commands write: whole files, replaced at once, never half a file."""

import os
import tempfile
from pathlib import Path
from typing import Final

_PUBLIC_MODE: Final = 0o644


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside `path`, then move it there.

    Raises:
        OSError: When the folder cannot be written; nothing has changed then.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_PUBLIC_MODE)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
