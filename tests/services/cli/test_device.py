"""`tokenless device` and `utils capf`, as typed."""

from pathlib import Path

from tests.services.cli.answers import Tokenless, done, refused

NAME = "SEP001122334455"


def test_a_phone_is_set_shown_and_listed(tokenless: Tokenless) -> None:
    line = f"device set {NAME} --encrypted --encrypted-config --capf install --json"
    (changed,) = done(tokenless(line))["devices"]
    assert changed["profile"] == (
        "Cisco 7975 - Standard SCCP Encrypted Profile with Encrypted Config"
    )
    assert changed["capf"]["status"] == "Operation Pending"
    assert changed["transport"] == "tls"
    assert done(tokenless(f"device show {NAME.lower()} --json")) == changed
    assert done(tokenless("device list --json")) == {"devices": [changed]}
    status, out, _ = tokenless(f"device show {NAME}")
    assert status == 0
    assert "Certificate Operation: Install/Upgrade\n" in out
    assert "Certificate Operation Status: Operation Pending\n" in out
    status, out, _ = tokenless("device list")
    assert "CAPF: Operation Pending" in out


def test_in_the_admins_words(tokenless: Tokenless) -> None:
    line = f"device set {NAME} --capf install --auth string --string 471100"
    assert tokenless(line)[1] == "1 devices changed; reset them\n"
    query = (
        "admin run sql select name, tkcertificateoperation, tkcertificatestatus, "
        "authenticationstring from device"
    )
    assert tokenless(query)[1].split()[-4:] == [NAME, "2", "2", "471100"]
    assert "Number of stale LSCs: 0" in tokenless("admin utils capf stale-lsc list")[1]
    assert NAME in tokenless("admin utils capf lsc list")[1]


def test_a_file_of_phones(tokenless: Tokenless, tmp_path: Path) -> None:
    file = tmp_path / "phones.csv"
    file.write_text(f"name,model,security\n{NAME},8861,authenticated\n")
    assert tokenless("device import", str(file))[0] == 0
    (listed,) = done(tokenless("device list --model 8861 --json"))["devices"]
    assert listed["security"] == "authenticated"
    file.write_text("name,colour\n")
    assert "columns: name, model" in refused(tokenless("device import", str(file)))


def test_what_cannot_be(tokenless: Tokenless) -> None:
    assert tokenless("device set")[0] == 2
    assert tokenless(f"device set {NAME} --encrypted --security non-secure")[0] == 2
    for line, reason in {
        "device show SEP00AABBCCDDEE": "there is no device",
        "device set --pool nowhere --capf install": "no device fits: pool nowhere",
        f"device set {NAME} --finish-by tomorrow": "write 2026:12:31:23:59",
    }.items():
        assert reason in refused(tokenless(line))
