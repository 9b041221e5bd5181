"""`tokenless cert`, `token` and `ctl-client`: as typed, through the front door."""

import subprocess
from pathlib import Path

from tests.rigs import minting
from tests.services.cli.answers import Tokenless, done, refused
from tokenless.protocol.certificates.certificate import Certificate

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"


def test_own_certificates_and_their_roles(tokenless: Tokenless) -> None:
    everything = done(tokenless("cert list --json"))["certificates"]
    assert isinstance(everything, list)
    listed = [each for each in everything if each["node"] is not None]
    trusted = {(each["store"], each["role_names"] == []) for each in everything[11:]}
    assert trusted == {("CallManager-trust", True), ("CAPF-trust", True)}
    assert [(each["store"], each["node"], each["role_names"]) for each in listed] == [
        ("CallManager", PUB, ["SAST", "CCM+TFTP"]),
        ("TVS", PUB, ["TVS"]),
        ("CAPF", PUB, ["CAPF"]),
        ("ITLRecovery", PUB, ["SAST"]),
        ("tomcat", PUB, ["APP-SERVER"]),
        ("ipsec", PUB, ["APP-SERVER"]),
        ("CallManager", SUB, ["SAST", "CCM+TFTP"]),
        ("TVS", SUB, ["TVS"]),
        ("CAPF", SUB, ["CAPF"]),
        ("tomcat", SUB, ["APP-SERVER"]),
        ("ipsec", SUB, ["APP-SERVER"]),
    ]
    assert all(each["not_after"].endswith("Z") for each in listed)
    status, out, _ = tokenless("cert list --node", SUB)
    assert status == 0
    assert all(each["serial_number"] in out for each in listed[6:])
    assert listed[1]["serial_number"] not in out


def test_a_certificate_is_regenerated_and_put_back(tokenless: Tokenless) -> None:
    old = done(tokenless("cert show CallManager --json"))["serial_number"]
    new = done(tokenless("cert regenerate callmanager --json"))
    assert (new["length"], new["key_bits"]) == (955, 2048)
    history = done(tokenless("cert list --history --json"))["certificates"]
    assert isinstance(history, list)
    assert [each["serial_number"] for each in history] == [old]
    status, out, _ = tokenless(f"cert restore CallManager {old}")
    assert (status, out) == (0, f"Restored CallManager {old}.\n")
    gone = done(tokenless(f"cert delete CallManager {new['serial_number']} --json"))
    assert gone["serial_number"] == new["serial_number"]
    assert done(tokenless("cert list --history --json"))["certificates"] == []


def test_export_gives_the_certificate_and_never_a_key(
    tokenless: Tokenless, tmp_path: Path
) -> None:
    status, out, _ = tokenless("cert export TVS --node", SUB)
    assert status == 0
    assert out.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in out
    described = done(tokenless("cert export TVS --der --output tvs.der --json"))
    certificate = Certificate.decode((tmp_path / "tvs.der").read_bytes())
    assert described["sha1"] == certificate.sha1
    judged = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", "tvs.der", "-noout", "-subject"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert PUB in judged.stdout


def test_uploads_and_their_refusals(tokenless: Tokenless, tmp_path: Path) -> None:
    foreign = minting.server("other-cluster-pub")
    (tmp_path / "foreign.pem").write_bytes(foreign.certificate_pem)
    (tmp_path / "foreign.key").write_bytes(foreign.key_pem)
    uploaded = done(tokenless("cert upload phone-sast-trust foreign.pem --json"))
    assert (uploaded["store"], uploaded["roles"]) == ("Phone-SAST-trust", [0, 3])
    assert uploaded["warning"] is None
    again = tokenless("cert upload Phone-SAST-trust foreign.pem")
    assert "already" in refused(again)
    assert "private key" in refused(
        tokenless("cert upload Phone-SAST-trust foreign.key")
    )
    status, out, err = tokenless("cert upload TVS-trust foreign.pem")
    assert (status, out) == (0, "Success: Certificate Uploaded\n")
    assert "no role" in err
    serial = foreign.certificate.serial_hex
    status, out, _ = tokenless(f"cert show TVS-trust {serial[:6]}")
    assert status == 0
    assert serial in out
    assert tokenless(f"cert delete TVS-trust {serial}")[0] == 0


def test_wrong_usage_exits_2(tokenless: Tokenless) -> None:
    for line in (
        "cert show Phone-SAST-trust",
        "cert show Nonsense-trust",
        "cert regenerate",
        "cert regenerate TVS --key-type DSA",
        "ctl-client set-mode secure",
        "token create",
    ):
        assert tokenless(line)[0] == 2, line


def test_expiry(tokenless: Tokenless) -> None:
    report = done(tokenless("cert expiry --json"))["certificates"]
    assert isinstance(report, list)
    assert len(report) == 11 + 2 * 6 + 2, "own, of phones' issuers, of CallManager"
    ours = [each for each in report if each["node"] is not None]
    assert len(ours) == 11
    assert {each["days_left"] for each in ours} <= {1823, 1824}
    assert done(tokenless("cert expiry --within 30 --json"))["certificates"] == []
    assert done(tokenless("cert regenerate TVS --days 1 --json"))
    soon = done(tokenless("cert expiry --within 30 --json"))["certificates"]
    assert isinstance(soon, list)
    assert [each["store"] for each in soon] == ["TVS"]


def test_the_ctl_client_from_nothing_to_non_secure(tokenless: Tokenless) -> None:
    for name in ("A", "B"):
        assert tokenless("token create", name)[0] == 0
    result = done(
        tokenless("ctl-client set-mode mixed-mode --token A --token B --json")
    )
    ctl, servers = result["ctl"], result["servers"]
    assert isinstance(ctl, dict)
    assert isinstance(servers, list)
    assert ctl["length"] == 5728
    assert [
        (each["server"], each["file_location"], each["status"]) for each in servers
    ] == [
        ("127.0.47.155", "/usr/local/cm/tftp/CTLFile.tlv", "Passed"),
        ("127.0.47.156", "/usr/local/cm/tftp/CTLFile.tlv", "Passed"),
    ]
    shown = done(tokenless("ctl-client show --json"))
    assert (shown["mode"], shown["node"]) == ("mixed", PUB)
    status, out, _ = tokenless("ctl-client show")
    assert status == 0
    assert out.count("Security Token") == 2
    status, out, _ = tokenless("ctl-client set-mode non-secure-mode --token B")
    assert status == 0
    assert "Passed" in out
    assert "restart" in out
    emptied = done(tokenless("ctl-client show --json"))["ctl"]
    assert isinstance(emptied, dict)
    assert emptied["length"] == 3746


def test_the_ctl_clients_refusals(tokenless: Tokenless) -> None:
    for name in ("A", "B"):
        assert tokenless("token create", name)[0] == 0
    assert "at least 2 tokens" in refused(
        tokenless("ctl-client set-mode mixed-mode --token A")
    )
    assert "no token was inserted" in refused(
        tokenless("ctl-client set-mode mixed-mode")
    )
    assert tokenless("admin --yes utils ctl set-cluster mixed-mode")[0] == 0
    both = "ctl-client update --token A --token B"
    assert "does not exist in the CTL File" in refused(tokenless(both))
    assert tokenless("admin --yes file delete tftp CTLFile.tlv")[0] == 0
    assert "No CTL File exists" in refused(tokenless(both))
    wrong = f"{both} --ignore-missing-file --password nonsense"
    assert "14 more wrong passwords" in refused(tokenless(wrong))
    assert done(tokenless(f"{both} --ignore-missing-file --json"))
