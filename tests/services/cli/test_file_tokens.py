"""Trust lists signed by security tokens: PKCS#12 folders, a real PKCS#11 module."""

import shutil
import subprocess
from pathlib import Path

import pytest

from protocol.trust_list import TrustList
from tests.run_cli import run_cli

PASSWORD = "Cisco123"
MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
)


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Initialise a token `one` in a SoftHSM of its own; return the module."""
    module = next((path for path in MODULES if path.exists()), None)
    tool = shutil.which("softhsm2-util")
    pytest.importorskip("pkcs11", reason="the extra [hsm] is not installed")
    if module is None or tool is None:
        pytest.skip("softhsm2 is not installed")
    store, settings = tmp_path / "softhsm", tmp_path / "softhsm2.conf"
    store.mkdir()
    settings.write_text(f"directories.tokendir = {store}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    words = ["--init-token", "--free", "--label", "one", "--so-pin", "1234567"]
    subprocess.run([tool, *words, "--pin", PASSWORD], check=True, capture_output=True)
    return module


def build(folder: Path, *options: str) -> tuple[int, str, str]:
    data = ("--data", str(folder / "data"))
    certificate = str(folder / "one.pem")
    module = options if "--module" in options else ()
    exported = run_cli(
        *("token", "export", "one", *data, "--output", certificate), *module[:2]
    )
    assert exported[0] == 0, exported
    return run_cli(
        *("file", "build", str(folder / "out.tlv"), "--form", "ctl-client", *data),
        *("--record", f"TOKEN={certificate}", "--token", "one", *options),
    )


def test_a_file_token_signs(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    assert run_cli("token", "create", "one", *data)[0] == 0
    status, _, err = build(tmp_path)
    assert status == 1
    assert "TOKENLESS_PASSWORD" in err
    status, _, err = build(tmp_path, "--password", "wrong")
    assert status == 1
    assert "more wrong ones destroy it" in err
    status, _, err = build(tmp_path, "--password", PASSWORD)
    assert status == 0, err
    check_signed(tmp_path)


def test_a_pkcs11_token_signs(tmp_path: Path, softhsm: Path) -> None:
    module = ("--module", str(softhsm))
    data = ("--data", str(tmp_path / "data"))
    made = run_cli("token", "create", "one", *data, *module)
    assert made[0] == 0, made
    status, _, err = build(tmp_path, *module, "--password", "87654321")
    assert status == 1
    assert "wrong password" in err
    status, _, err = build(tmp_path, *module, "--password", PASSWORD)
    assert status == 0, err
    check_signed(tmp_path)


def check_signed(folder: Path) -> None:
    trust_list = TrustList.decode((folder / "out.tlv").read_bytes())
    assert trust_list.header.header_length == 304
    words = ("file", "verify", str(folder / "out.tlv"))
    assert run_cli(*words, "--signer", str(folder / "one.pem"))[0] == 0
