"""Remove the containers and the volume of a cluster when its tests have ended.

    python -I container_keeper.py ENGINE VOLUME CONTAINER...

Waits for the end of standard input, as `keeper` does: the tests hold the other end of
that pipe, and so does each command of the engine that makes a container, so that none
is made afterwards. Nothing but the standard library is imported.
"""

import subprocess
import sys


def main(engine: str, volume: str, *containers: str) -> None:
    """Wait, then remove."""
    sys.stdin.buffer.read()
    for words in (
        ("kill", *containers),  # podman's rm waits ten seconds for each
        *(("rm", "--force", name) for name in containers),
        ("volume", "rm", "--force", volume),
    ):
        subprocess.run(  # noqa: S603 - the tests' own engine
            [engine, *words], capture_output=True, check=False
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
