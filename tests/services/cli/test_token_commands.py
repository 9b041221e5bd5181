"""`tokenless token`, as typed: tokens that are files, tokens behind a module."""

import json
from pathlib import Path

from tests.rigs.softhsm import PASSWORD
from tests.services.cli.answers import Tokenless, done, refused


def test_a_token_is_made_listed_exported_and_deleted(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    made = done(tokenless("token create A --json"))
    assert (made["name"], made["length"]) == ("A", 902)
    assert "already" in refused(tokenless("token create A"))
    tokens = done(tokenless("token list --json"))["tokens"]
    assert isinstance(tokens, list)
    assert [(each["name"], each["tries_left"]) for each in tokens] == [("A", 15)]
    assert tokenless("token export A --output a.pem")[0] == 0
    assert (tmp_path / "a.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    deleted = done(tokenless("token delete A --json"))
    assert (deleted["name"], deleted["sha1"]) == ("A", made["sha1"])
    assert done(tokenless("token list --json"))["tokens"] == []
    assert "no token A" in refused(tokenless("token export A"))


def test_a_damaged_token_is_named_beside_the_others(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    for name in ("A", "B"):
        assert tokenless("token create", name)[0] == 0
    (tmp_path / "data/tokens/A/certificate.pem").write_text("junk")
    status, out, err = tokenless("token list")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == ["B"]
    assert err.startswith("tokenless: token A: ")
    assert "is damaged" in err
    status, out, _ = tokenless("token list --json")
    assert status == 1
    listed = json.loads(out)
    assert [each["name"] for each in listed["tokens"]] == ["B"]
    assert [each["name"] for each in listed["damaged"]] == ["A"]
    assert done(tokenless("token delete A --json")) == {"name": "A"}
    status, out, _ = tokenless("token list")
    assert status == 0
    assert len(out.splitlines()) == 1


def test_what_cannot_be_done_with_a_token(tokenless: Tokenless) -> None:
    assert "use letters" in refused(tokenless("token create", "a/b"))
    assert "needs a password" in refused(tokenless("token create A --password", ""))
    assert "token list" in refused(tokenless("token delete B"))
    assert "no certificate" not in refused(tokenless("cert upload TVS-trust token:B"))
    assert done(tokenless("token list --json")) == {"tokens": [], "damaged": []}


def test_a_tokens_certificate_as_pem_der_and_upload(tokenless: Tokenless) -> None:
    made = done(tokenless("token create A --json"))
    status, out, _ = tokenless("token export A")
    assert status == 0
    assert out.startswith("-----BEGIN CERTIFICATE-----")
    told = done(tokenless("token export A --der --output a.der --json"))
    assert (told["file"], told["length"]) == ("a.der", 902)
    assert Path("a.der").stat().st_size == 902
    uploaded = done(tokenless("cert upload Phone-SAST-trust token:A --json"))
    assert [each["sha1"] for each in uploaded["certificates"]] == [made["sha1"]]


def test_an_export_without_a_file_is_one_json_object(tokenless: Tokenless) -> None:
    made = done(tokenless("token create A --json"))
    _, pem, _ = tokenless("token export A")
    exported = done(tokenless("token export A --json"))
    assert (exported["sha1"], exported["file"]) == (made["sha1"], None)
    assert exported["pem"] == pem
    own = done(tokenless("cert export CallManager --der --json"))
    assert str(own["pem"]).startswith("-----BEGIN CERTIFICATE-----")


def test_tokens_of_a_module(tokenless: Tokenless, softhsm: Path) -> None:
    module = f"--module {softhsm}"
    password = f"--password {PASSWORD}"
    made = done(tokenless(f"token create {module} {password} --json", "fresh"))
    assert made["name"] == "fresh"
    listed = done(tokenless(f"token list {module} --json"))["tokens"]
    found = {each["name"]: each for each in listed}
    assert found["fresh"]["sha1"] == made["sha1"]
    assert found["fresh"]["tries_left"] is None
    status, out, _ = tokenless(f"token list {module}")
    assert status == 0
    assert f"{made['serial_number']}  usable" in out
    exported = done(tokenless(f"token export fresh {module} --output a.pem --json"))
    assert exported["sha1"] == made["sha1"]
    assert "already has a certificate" in refused(
        tokenless(f"token create {module} {password} fresh")
    )
    assert "wrong password" in refused(
        tokenless(f"token create {module} --password nonsense A")
    )


def test_the_vendor_does_not_support_the_ctl_client_of_14(tokenless: Tokenless) -> None:
    for name in ("A", "B"):
        assert tokenless("token create", name)[0] == 0
    update = "ctl-client set-mode mixed-mode --token A --token B"
    said = {}
    for version in ("12.5(1)", "14SU2"):
        assert tokenless("admin set enterprise Version", version)[0] == 0
        status, _, said[version] = tokenless(update)
        assert status == 0
    assert said["12.5(1)"] == ""
    assert "does not support the CTL Client" in said["14SU2"]
