"""Independent programs that tests talk to, and what becomes of a test without them.

`.ci/system-packages` installs them on Debian. Where one is missing its tests are
skipped, unless TOKENLESS_REQUIRE_PEERS says that all must be there.
"""

import os
import shutil
from typing import Final, NoReturn

import pytest

_PATH: Final = f"{os.environ['PATH']}:/usr/sbin"
"""Servers lie where only root looks."""


def do_without(reason: str) -> NoReturn:
    """Skip the test; fail it where all peers must be there."""
    if os.environ.get("TOKENLESS_REQUIRE_PEERS"):
        pytest.fail(reason)
    pytest.skip(reason)


def require(*names: str) -> str:
    """Return where a program is, by the first of its names that is known here."""
    for name in names:
        if found := shutil.which(name, path=_PATH):
            return found
    do_without(f"{names[0]} is not installed: see .ci/system-packages")
