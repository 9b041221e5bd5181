"""Run our TFTP server on a folder, for the benchmarks.

    python -m benchmarks.tftp_ours PORT ROOT [--ports single|per-transfer]

The files are in memory, as trust lists and signed configurations are.
"""

import argparse
from pathlib import Path

import trio

from benchmarks.tftp_servers import HOST
from tokenless.ground.heap import freeze_heap_after_startup
from tokenless.services.logs import configure_logs
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings


def main() -> None:
    """Serve until ended by a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("root", type=Path)
    parser.add_argument("--ports", type=Ports, default=TftpSettings().ports)
    given = parser.parse_args()
    configure_logs()
    files = {path.name: path.read_bytes() for path in given.root.iterdir()}
    server = TftpServer(
        MemoryFiles(files),
        address=HOST,
        port=given.port,
        settings=TftpSettings(ports=given.ports),
    )
    freeze_heap_after_startup()  # as `tokenless serve` does
    trio.run(server.serve)


if __name__ == "__main__":
    main()
