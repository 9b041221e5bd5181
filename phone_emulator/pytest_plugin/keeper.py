"""Delete a lab's folder, with its keys, when the tests that made it have ended.

    python -I keeper.py FOLDER

Waits for the end of standard input. That comes however the other process dies, by
SIGKILL, too; the services of the lab stop by the same sign. Nothing but the standard
library is imported: one more process must not make tests slower.
"""

import shutil
import sys
import time
from pathlib import Path

_PATIENCE_S = 15.0


def main(folder: Path) -> None:
    """Wait, then delete; services that are stopping still write for a moment."""
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
