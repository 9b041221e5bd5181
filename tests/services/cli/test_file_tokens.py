"""Trust lists signed by security tokens: PKCS#12 folders, a real PKCS#11 module."""

from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tests.rigs.softhsm import (
    MODULE,
    PASSWORD,
    initialise_token,
    prepare_store,
    require_softhsm,
)
from tests.services.cli.conftest import Run
from tokenless.protocol.files.trust_list import TrustList


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Initialise a token `one` in a SoftHSM of its own; return the module."""
    require_softhsm()
    monkeypatch.setenv("SOFTHSM2_CONF", str(prepare_store(tmp_path)))
    initialise_token("one")
    return MODULE


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
    assert run_cli("init", *data)[0] == 0
    assert run_cli("token", "create", "one", *data)[0] == 0
    status, _, err = build(tmp_path)
    assert status == 1
    assert "TOKENLESS_PASSWORD" in err
    status, _, err = build(tmp_path, "--password", "wrong")
    assert status == 1
    assert "more wrong passwords destroy it" in err
    status, _, err = build(tmp_path, "--password", PASSWORD)
    assert status == 0, err
    check_signed(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("sign", "a.xml", "x.sgn"),
        ("build", "x.tlv"),
        ("encrypt", "a.xml", "x.sgn", "--phone", "pub.pem"),
    ],
)
def test_a_data_folder_that_is_not_there(
    run: Run, folder: Path, words: tuple[str, ...]
) -> None:
    (folder / "a.xml").write_text("<x/>")
    status, out, err = run(*words, "--token", "one", "--data", "nowhere")
    assert (status, out) == (3, "")
    assert err == (
        "tokenless: the data folder nowhere does not exist; `tokenless init --data "
        "nowhere` makes one\n"
    )


def test_a_pkcs11_token_signs(tmp_path: Path, softhsm: Path) -> None:
    module = ("--module", str(softhsm))
    data = ("--data", str(tmp_path / "data"))
    assert run_cli("init", *data)[0] == 0
    password = ("--password", PASSWORD)
    # The token counts every wrong password: none is tried that nobody gave.
    status, _, err = run_cli("token", "create", "one", *data, *module)
    assert (status, "TOKENLESS_PASSWORD" in err) == (1, True)
    made = run_cli("token", "create", "one", *data, *module, *password)
    assert made[0] == 0, made
    initialise_token("two")
    assert run_cli("token", "create", "two", *data, *module, *password)[0] == 0
    tokens = ("--token", "one", "--token", "two")
    status, _, err = run_cli(
        "ctl-client", "set-mode", *data, *module, *tokens, "mixed-mode"
    )
    assert (status, "TOKENLESS_PASSWORD" in err) == (1, True)
    status, _, err = build(tmp_path, *module, "--password", "87654321")
    assert status == 1
    assert "wrong password" in err
    status, _, err = build(tmp_path, *module, "--password", PASSWORD)
    assert status == 0, err
    check_signed(tmp_path)


def test_two_tokens_of_one_label(tmp_path: Path, softhsm: Path) -> None:
    initialise_token("one")
    module, data = ("--module", str(softhsm)), ("--data", str(tmp_path / "data"))
    assert run_cli("init", *data)[0] == 0
    for words in (
        ("list",),
        ("export", "one"),
        ("create", "one", "--password", PASSWORD),
    ):
        status, _, err = run_cli("token", *words, *data, *module)
        assert status == 1
        assert err.endswith(
            "token one is in the module more than once; remove all but "
            "one, or initialise them anew with other labels\n"
        )


def check_signed(folder: Path) -> None:
    trust_list = TrustList.decode((folder / "out.tlv").read_bytes())
    assert trust_list.header.header_length == 304
    words = ("file", "verify", str(folder / "out.tlv"))
    assert run_cli(*words, "--signer", str(folder / "one.pem"))[0] == 0
