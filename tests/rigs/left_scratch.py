"""Processes that work in a scratch folder, to be killed there."""

import subprocess
import sys
from pathlib import Path

_WORKS = """
import sys
from pathlib import Path
from tokenless.services.files import made_beside
with made_beside(Path(sys.argv[1])) as (scratch, _):
    (scratch / "key.pem").write_text("secret")
    print(scratch, flush=True)
    sys.stdin.read()
"""


def start_working(place: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Start a process that makes something beside a place; return its folder, too."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKS, str(place)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())
