"""Independent programs that tests talk to, and what becomes of a test without them.

`.ci/system-packages` installs them on Debian. Where one is missing its tests are
skipped, unless TOKENLESS_REQUIRE_PEERS says that all must be there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import pytest

_PATH: Final = f"{os.environ['PATH']}:/usr/sbin"
"""Servers lie where only root looks."""
_PROGRAMS: Final = frozenset(
    {"atftp", "atftpd", "busybox", "curl", "dnsmasq", "gnutls-cli", "in.tftpd", "ip"}
    | {"nft", "openssl", "pdftoppm", "pdftotext", "sipp", "softhsm2-util", "sslscan"}
    | {"stunnel", "stunnel4", "tftp", "tshark", "unshare", "xxd"}
)
"""What `.ci/system-packages` installs, as tests call it."""


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


@contextmanager
def missing_programs_skip() -> Iterator[None]:
    """Skip a test that starts an independent program which is not installed."""
    try:
        yield
    except FileNotFoundError as error:
        name = error.filename
        if name not in _PROGRAMS or shutil.which(name) is not None:
            raise
        do_without(f"{name} is not installed: see .ci/system-packages")
