"""Tokens behind PKCS#11, with SoftHSM2 as the token."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.codes import Digest
from protocol.signature import verify_signature
from services.cluster import ctl_client
from services.cluster.cluster import Cluster
from services.cluster.security import SecurityMode
from services.errors import ServiceError
from services.pki.hsm import HsmToken, create_hsm_token, list_hsm_tokens
from services.pki.tokens import TokenLockedError, WrongPasswordError
from tests.clock import START

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PASSWORD = "Cisco123"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return SoftHSM2's module with three initialised tokens: A, B, empty."""
    pytest.importorskip("pkcs11", reason="the extra [hsm] is not installed")
    if shutil.which("softhsm2-util") is None or not MODULE.exists():
        pytest.skip("softhsm2 is not installed (.ci/system-packages)")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    # The module reads it once, when it is loaded: for the rest of this process.
    os.environ["SOFTHSM2_CONF"] = str(config)
    for label in ("A", "B", "empty"):
        subprocess.run(
            [
                "softhsm2-util",
                "--init-token",
                "--free",
                "--label",
                label,
                "--pin",
                PASSWORD,
                "--so-pin",
                "12345678",
            ],
            check=True,
            capture_output=True,
        )
    authority = folder / "authority"
    for label in ("A", "B"):
        create_hsm_token(MODULE, label, PASSWORD, authority, now=START)
    return MODULE


def test_the_certificate_needs_no_password(module: Path) -> None:
    token = HsmToken.open(module, "A")
    assert len(token.certificate.der) == 902
    assert [each.name for each in list_hsm_tokens(module).tokens] == ["A", "B"]


@pytest.mark.parametrize("digest", list(Digest))
def test_it_signs_inside(module: Path, digest: Digest) -> None:
    token = HsmToken.open(module, "A")
    with pytest.raises(TokenLockedError):
        token.sign(b"data", digest)
    token.unlock(PASSWORD)
    signature = token.sign(b"data", digest)
    verify_signature(token.certificate.public_key, signature, b"data", digest)


def test_a_wrong_password(module: Path) -> None:
    token = HsmToken.open(module, "A")
    with pytest.raises(WrongPasswordError):
        token.unlock("wrong")
    with pytest.raises(TokenLockedError):
        token.sign(b"data", Digest.SHA1)


def test_two_of_them_sign_the_clusters_ctl(module: Path, lab: Cluster) -> None:
    tokens = [HsmToken.open(module, label) for label in ("B", "A")]
    tokens[0].unlock(PASSWORD)
    ctl = ctl_client.update(lab, tokens, mode=SecurityMode.MIXED, by="test")
    assert len(ctl.data) == 5728
    ctl.verify(tokens[0].certificate.public_key)


def test_a_token_is_made_once(module: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="already"):
        create_hsm_token(module, "A", PASSWORD, tmp_path, now=START)


def test_what_is_not_there(module: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no token nobody"):
        HsmToken.open(module, "nobody")
    with pytest.raises(ServiceError, match="no certificate"):
        HsmToken.open(module, "empty")
    with pytest.raises(ServiceError, match="no PKCS#11 module"):
        HsmToken.open(tmp_path / "module.so", "A")


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ServiceError) as caught:
        list_hsm_tokens(Path("/module.so"))
    assert "[hsm]" in caught.value.explain()
