"""SoftHSM2 as a PKCS#11 module: tokens behind it, some with a certificate of ours."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.clock import START
from tests.rigs.peers import do_without, require
from tokenless.services.pki.hsm import create_hsm_token

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PASSWORD: Final = "Cisco123"
EMPTY: Final = ("empty", "fresh", "bad", "again")
"""Labels of tokens that are initialised and hold nothing yet."""


def require_softhsm() -> None:
    """Skip the test where there is no such module."""
    pytest.importorskip("pkcs11", reason="the extra [hsm] is not installed")
    require("softhsm2-util")
    if not MODULE.exists():
        do_without(f"there is no {MODULE}: see .ci/system-packages")


def initialise(folder: Path) -> Path:
    """Return the module with initialised tokens: A and B hold a certificate."""
    require_softhsm()
    # The module reads it once, when it is loaded: for the rest of this process.
    os.environ["SOFTHSM2_CONF"] = str(prepare_store(folder))
    for label in ("A", "B", *EMPTY):
        initialise_token(label)
    for label in ("A", "B"):
        create_hsm_token(MODULE, label, PASSWORD, folder / "authority", now=START)
    return MODULE


def prepare_store(folder: Path) -> Path:
    """Make a place for tokens; return the file that SOFTHSM2_CONF must name."""
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    return settings


def initialise_token(label: str) -> None:
    """Make a token that holds nothing yet."""
    pins = ["--pin", PASSWORD, "--so-pin", "12345678"]
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, *pins]
    subprocess.run(command, check=True, capture_output=True)
