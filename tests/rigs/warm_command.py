"""What a shell of the tests finds as `tokenless`: it hands its words to `warm_server`.

It is copied to a folder of a worker's PATH, beside the socket of that server, and runs
without `site`: what it costs is a bare interpreter.
"""

import json
import os
import signal
import socket
import sys
from typing import Final

SOCKET: Final = "asked"
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STANDARD: Final = (0, 1, 2)


def run() -> int:
    """Run a command in a process of its own; return how that ended."""
    request = {
        "words": sys.argv[1:],
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes as long to load as all else
        "environment": dict(os.environ),
        "network": "",
        "new_session": False,
    }
    end, told = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.connect(os.path.join(os.path.dirname(sys.argv[0]), SOCKET))  # noqa: PTH118, PTH120
        socket.send_fds(asking, [json.dumps(request).encode()], [*_STANDARD, told])
        os.close(told)
        pid = int(asking.recv(16))
    for each in _FORWARDED:
        signal.signal(each, lambda number, _: os.kill(pid, number))
    status = int(os.read(end, 16) or signal.SIGKILL)
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(run())
