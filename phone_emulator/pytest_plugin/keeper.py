"""Delete a lab's folder, with its keys, when all processes that use it have ended.

    python -I keeper.py FOLDER

Waits for the end of standard input. The tests and the nodes of the lab hold the other
end of that pipe: it closes when the last of them is gone, however they die, by SIGKILL,
too, and nobody writes into the folder any more. Nothing but the standard library is
imported: one more process must not make tests slower.
"""

import shutil
import sys


def main(folder: str) -> None:
    """Wait, then delete."""
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
