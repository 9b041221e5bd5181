"""SoftHSM2 as a PKCS#11 module: tokens behind it, some with a certificate of ours."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from services.pki.hsm import create_hsm_token
from tests.clock import START

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PASSWORD: Final = "Cisco123"
EMPTY: Final = ("empty", "fresh", "bad")
"""Labels of tokens that are initialised and hold nothing yet."""


def initialise(folder: Path) -> Path:
    """Return the module with initialised tokens: A and B hold a certificate."""
    pytest.importorskip("pkcs11", reason="the extra [hsm] is not installed")
    if shutil.which("softhsm2-util") is None or not MODULE.exists():
        pytest.skip("softhsm2 is not installed (.ci/system-packages)")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    # The module reads it once, when it is loaded: for the rest of this process.
    os.environ["SOFTHSM2_CONF"] = str(config)
    for label in ("A", "B", *EMPTY):
        _initialise_token(label)
    for label in ("A", "B"):
        create_hsm_token(MODULE, label, PASSWORD, folder / "authority", now=START)
    return MODULE


def _initialise_token(label: str) -> None:
    pins = ["--pin", PASSWORD, "--so-pin", "12345678"]
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, *pins]
    subprocess.run(command, check=True, capture_output=True)
