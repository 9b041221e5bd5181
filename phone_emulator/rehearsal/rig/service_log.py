"""The services' log of a rehearsal: written to a file, read from where one left off."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from tokenless.services.logs import configure_logs

LOG_NAME: Final = "services.log"
_MAX_LINES: Final = 200


class LogTap:
    """Reads what the services have written since the last time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r", encoding="utf-8", errors="replace")

    def skip(self) -> None:
        """Pass over everything that was written so far."""
        self._file.seek(0, 2)

    def take(self) -> list[str]:
        """Return the lines since then; of very many, the first ones."""
        lines = itertools.islice(self._file, _MAX_LINES)
        return [line.rstrip("\n") for line in lines]

    def close(self) -> None:
        """Close the file; the log stays."""
        self._file.close()


@contextmanager
def tapped_log(folder: Path) -> Iterator[LogTap]:
    """Make the services of this process log into a file of the folder, for a while."""
    path = folder / LOG_NAME
    before = structlog.get_config()
    with path.open("a", encoding="utf-8") as log:
        configure_logs(to=log)
        tap = LogTap(path)
        try:
            yield tap
        finally:
            tap.close()
            structlog.configure(**before)
