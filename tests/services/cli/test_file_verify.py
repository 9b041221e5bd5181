"""`tokenless file verify`: whose signature is enough, and every defect's one line."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from tests.rigs import damage, defects
from tests.rigs.damage import Defect
from tests.rigs.defects import DEFECTS
from tests.rigs.lists import tokenless
from tests.rigs.run_cli import run_cli

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_gives_one_line_with_its_offset_and_status_1(
    run: Run, tmp_path: Path, defect: Defect
) -> None:
    path = tmp_path / "damaged.tlv"
    path.write_bytes(defect.data)
    for command in ("show", "lint", "verify"):
        status, out, err = run(command, path)
        assert (status, out) == (1, "")
        assert err.startswith(f"tokenless: {path}: ")
        assert err.count("\n") == 1
        assert " at byte " in err


@pytest.mark.parametrize(
    ("options", "status", "verified_by"),
    [
        ([], 1, None),
        (["--allow-self-signed"], 0, None),
        (["--signer", "pub.pem"], 0, "signer"),
        (["--signer", "sub.pem"], 1, None),
        (["--signer", "impostor.pem"], 1, None),
        (["--signer", "impostor.pem", "--allow-self-signed"], 1, None),
        (["--signer", "sub.pem", "--signer", "pub.pem"], 0, "signer"),
        (["--against", "copy.tlv"], 0, "against"),
        (["--against", "CTLFile.tlv"], 1, None),
        (["--against", "./CTLFile.tlv"], 1, None),
        (["--against", "CTLFile.tlv", "--allow-self-signed"], 0, None),
        (["--against", "CTLFile.tlv", "--against", "copy.tlv"], 0, "against"),
        (["--against", "token.tlv"], 1, None),
        (["--against", "token.tlv", "--signer", "pub.pem"], 0, "signer"),
    ],
)
def test_verify(
    run: Run, folder: Path, options: list[str], status: int, verified_by: str | None
) -> None:
    copyfile(folder / "CTLFile.tlv", folder / "copy.tlv")
    got, out, err = run("verify", "CTLFile.tlv", *options, "--json")
    shown: dict[str, Any] = json.loads(out)
    assert got == status
    assert shown["verified_by"] == verified_by
    assert shown["status"] == ("verified" if verified_by else "self-consistent")
    assert err.count("\n") == (1 if status else 0)
    assert (shown["note"] is not None) == (verified_by == "against")


def test_the_same_names_with_another_key_are_not_the_signer(
    run: Run, folder: Path
) -> None:
    (folder / "forged.tlv").write_bytes(defects.impostors_list().data)
    status, out, err = run("verify", "forged.tlv", "--against", "CTLFile.tlv")
    assert status == 1
    assert out.startswith("self-consistent")
    assert "no SAST of the trusted list" in err
    assert "byte 180" in err
    assert run("verify", "forged.tlv", "--signer", "pub.pem")[0] == 1
    assert run("verify", "forged.tlv", "--signer", "impostor.pem")[0] == 0


def test_a_changed_list_does_not_verify(run: Run, folder: Path) -> None:
    (folder / "changed.tlv").write_bytes(defects.resigned_by_another().data)
    status, out, err = run("verify", "changed.tlv", "--allow-self-signed")
    assert (status, out) == (1, "")
    assert "signature at byte 180 does not hold" in err
    assert run("lint", "changed.tlv")[0] == 1


def test_a_token_signed_list_by_the_tokens_certificate(run: Run) -> None:
    assert run("verify", "token.tlv", "--signer", "token.pem")[0] == 0
    assert run("verify", "token.tlv", "--signer", "other.pem")[0] == 1


def test_configurations_need_a_tftp_role(run: Run, folder: Path) -> None:
    (folder / "a.xml").write_text("<x/>")
    for name, status in (("sub", 0), ("capf", 1)):
        run("sign", "a.xml", "--cert", f"{name}.pem", "--key", f"{name}.key")
        assert run("verify", "a.xml.sgn", "--against", "CTLFile.tlv")[0] == status


def test_as_a_process_of_its_own() -> None:
    status, out, err = run_cli("file", "verify", "CTLFile.tlv", "--signer", "pub.pem")
    assert status == 0, err
    assert out.startswith("verified: signed by CN=cucm-1051-a-pub")


def test_a_changed_list_of_trust_is_pointed_out(run: Run, folder: Path) -> None:
    changed = bytearray(tokenless().data)
    changed[-1] ^= 1  # the last address
    (folder / "changed.tlv").write_bytes(bytes(changed))
    status, _, err = run("verify", "CTLFile.tlv", "--against", "changed.tlv")
    assert status == 0
    assert "the trusted list was changed" in err


def test_a_hostile_name_ends_no_line(run: Run, folder: Path) -> None:
    signer = damage.nested((4, b"CN=a\nverified: \x1b[2J\0"), (5, b"1"), (6, b"CN=b\0"))
    data = damage.with_header(damage.replace(3, signer))
    (folder / "hostile.tlv").write_bytes(data)
    for command in (["verify"], ["verify", "--against", "CTLFile.tlv"], ["lint"]):
        _, out, err = run(command[0], "hostile.tlv", *command[1:])
        assert err.count("\n") <= 1
        assert "\x1b" not in out + err
    out = run("diff", "CTLFile.tlv", "hostile.tlv")[1]
    assert "\x1b" not in out
