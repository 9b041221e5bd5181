"""`set cert`, `show cert` and a new host name, on a cluster that is down."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rigs import minting
from tests.rigs.endless import endless
from tests.rigs.odd_certificates import NO_END, der_with_dates
from tests.services.admin.lines import PUBLISHER, SUBSCRIBER, Answers, done, refusal
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Profile, Validity, mint
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import TrustStore
from tokenless.services.admin.shell import AdminShell
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.pki.keys import generate_ec, new_serial
from tokenless.services.pki.manufacturing import to_pem


def test_a_regeneration_wants_the_whole_word(lab: Cluster) -> None:
    shell = AdminShell(lab, PUBLISHER, ask=Answers("y", "yes"))
    assert shell.run("set cert regen CallManager").status == 1
    assert done(shell.run("set cert regen CallManager")) == (
        "WARNING: This operation will overwrite any CA signed certificate previously "
        "imported for  CallManager\n"
        "Proceed with regeneration (yes|no)? yes\n"
        "Successfully Regenerated Certificate for CallManager.\n"
        "You must restart services related to CallManager for the regenerated "
        "certificates to become active.\n"
    )


def test_the_recovery_certificates_own_warning(shell: AdminShell) -> None:
    text = done(shell.run("set cert regen ITLRecovery"))
    assert text.startswith("WARNING: If you are using a tokenless CTL and if the Call")
    assert "You must restart the services related to ITLRecovery" in text


def test_a_file_without_end_is_not_read_to_its_end(
    shell: AdminShell, tmp_path: Path
) -> None:
    for line, reason in {
        "set cert import trust TVS-trust": "over 262144 bytes",
        "utils itl reset remotekey": "the key file cannot be opened",
    }.items():
        file = tmp_path / line.replace(" ", "")
        with endless(file):
            assert reason in refusal(shell.run(f"{line} {file}"))


def test_an_uploaded_certificate_is_listed_shown_and_deleted(
    shell: AdminShell, tmp_path: Path
) -> None:
    token = minting.token().certificate
    file = tmp_path / "token.pem"
    file.write_bytes(minting.pem(token.der))
    line = f"set cert import trust Phone-SAST-trust {file}"
    shipped = done(shell.run("show cert list trust"))
    assert done(shell.run(line)).count("successful") == 1
    [listed] = added(shell, shipped)
    name, _, description = listed.partition(": ")
    assert name.startswith("Phone-SAST-trust/SAST-")
    assert description == "Certificate Signed by Cisco Manufacturing CA"
    assert f"Serial Number: {token.serial_hex}" in done(
        shell.run(f"show cert trust {name}")
    )
    assert shell.run(line).status == 1
    done(shell.run(f"set cert delete {name}"))
    assert done(shell.run("show cert list trust")) == shipped


def added(shell: AdminShell, before: str) -> list[str]:
    """Return the lines that the list of trusted certificates has gained."""
    listed = done(shell.run("show cert list trust")).splitlines()
    return [line for line in listed if line not in before.splitlines()]


def test_phones_certificates_are_trusted_as_the_vendor_ships_it(
    shell: AdminShell, lab: Cluster
) -> None:
    listed = done(shell.run("show cert list trust")).splitlines()
    names = sorted(re.sub(r"-[0-9A-F]{8}\.pem: .*", "", line) for line in listed)
    capf = [
        each.certificate.subject.get("CN")
        for each in certificates.own(lab)
        if each.store is TrustStore.CAPF
    ]
    assert len(capf) == len(lab.nodes)
    assert "CAPF-e41e7d87" in capf
    authorities = (
        *capf,
        "Cisco_Manufacturing_CA",
        "Cisco_Manufacturing_CA_SHA2",
        "Cisco_Root_CA_2048",
        "Cisco_Root_CA_M2",
    )
    stores = ("CAPF-trust", "CallManager-trust")
    expected = [f"{store}/{each}" for store in stores for each in authorities]
    expected += [f"CallManager-trust/{node.name}" for node in lab.nodes]
    assert names == sorted(expected)


def test_a_paste_that_is_no_certificate_is_refused(lab: Cluster) -> None:
    for paste, why in {
        ("\udc89PNG\udcff", ""): "no certificate could be read",
        ("y" * 300_000,): "over 262144 bytes",
    }.items():
        shell = AdminShell(lab, PUBLISHER, ask=Answers(*paste))
        assert why in refusal(shell.run("set cert import trust tomcat"))


def test_a_trust_store_is_named_by_its_unit_too(
    shell: AdminShell, tmp_path: Path
) -> None:
    file = tmp_path / "foreign.pem"
    file.write_bytes(minting.pem(minting.server("elsewhere").certificate.der))
    before = done(shell.run("show cert list trust"))
    done(shell.run(f"set cert import trust tomcat {file}"))
    [listed] = added(shell, before)
    assert listed.startswith("tomcat-trust/elsewhere")
    for line in ("set csr gen tomcat-trust", "set cert import own tomcat-trust"):
        assert "is a trust store" in refusal(shell.run(line))


def test_a_pasted_certificate(lab: Cluster) -> None:
    pem = minting.pem(minting.token().certificate.der).decode()
    shell = AdminShell(lab, PUBLISHER, ask=Answers(*pem.splitlines()))
    text = done(shell.run("set cert import trust Phone-SAST-trust"))
    assert text.startswith("Paste the Certificate and Hit Enter\n")


@pytest.mark.parametrize(
    ("content", "store", "reason"),
    [
        (b"not a certificate", "Phone-SAST-trust", "certificate"),
        (b"", "Phone-SAST-trust", "certificate"),
        (minting.server().key_pem, "Phone-SAST-trust", "key"),
        (minting.pem(b"\x30\x03\x02\x01\x01"), "Phone-SAST-trust", "certificate"),
        (minting.server().certificate_pem, "ITLRecovery", "no trust store"),
        (minting.server().certificate_pem, "Fridge-trust", "no store"),
    ],
    ids=["text", "empty", "key", "damaged", "own", "unknown-store"],
)
def test_what_is_no_certificate_is_not_imported(
    shell: AdminShell, tmp_path: Path, content: bytes, store: str, reason: str
) -> None:
    file = tmp_path / "upload"
    file.write_bytes(content)
    shipped = done(shell.run("show cert list trust"))
    result = shell.run(f"set cert import trust {store} {file}")
    assert result.status == 1
    assert result.error is not None
    assert reason in result.error
    assert done(shell.run("show cert list trust")) == shipped


def test_a_store_without_roles_is_warned_of(shell: AdminShell, tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    file.write_bytes(minting.server("other-cluster-pub").certificate_pem)
    text = done(shell.run(f"set cert import trust CallManager-trust {file}"))
    assert "WARNING" in text
    assert "Phone-SAST-trust" in text


def test_yesterdays_certificate_comes_back(shell: AdminShell) -> None:
    def serial() -> str:
        text = done(shell.run("show cert own CallManager"))
        return text.split("Serial Number: ")[1].split()[0]

    before = serial()
    done(shell.run("set cert regen CallManager"))
    assert serial() != before
    assert f"CallManager {before}" in done(shell.run("show cert history"))
    done(shell.run(f"set cert restore CallManager {before}"))
    assert serial() == before


def test_own_certificates_by_the_lists_names(shell: AdminShell) -> None:
    listed = done(shell.run("show cert list own")).splitlines()
    names = [line.partition(": ")[0] for line in listed]
    assert names == [
        "CallManager/CallManager.pem",
        "TVS/TVS.pem",
        "CAPF/CAPF.pem",
        "ITLRecovery/ITLRecovery.pem",
        "tomcat/tomcat.pem",
        "ipsec/ipsec.pem",
    ]
    for name in names:
        assert "-----BEGIN CERTIFICATE-----" in done(shell.run(f"show cert own {name}"))


def test_a_new_hostname_and_new_certificates(lab: Cluster, shell: AdminShell) -> None:
    done(shell.run("set cluster hostname cucm-new"))
    assert lab.publisher.name == "cucm-new"
    text = done(shell.run("show cert own CallManager"))
    assert "CN=cucm-new" in text
    assert shell.run("set cluster hostname not/a/name").status == 1
    assert shell.run(f"set cluster hostname {SUBSCRIBER}").status == 1


def test_when_certificates_end(shell: AdminShell) -> None:
    lines = done(shell.run("show cert expiry")).splitlines()
    assert len(lines) == 11 + 2 * 6 + 2, "own, of phones' issuers, of CallManager"
    assert all(" days) " in line for line in lines)
    assert any("ITLRecovery" in line for line in lines)


def test_a_certificate_without_an_end_is_shown_in_every_time_zone(
    shell: AdminShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "no-end.der"
    file.write_bytes(der_with_dates(b"00010101000000Z", NO_END))
    done(shell.run(f"set cert import trust Phone-SAST-trust {file}"))
    try:
        for zone in ("Europe/Warsaw", "America/Lima"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert ":59:59" in done(shell.run("show cert expiry")).split(" 9999")[0]
            listed = done(shell.run("show cert list trust")).splitlines()
            (line,) = [each for each in listed if "/dates-" in each]
            name = line.partition(": ")[0]
            assert "To:   Fri Dec 31" in done(shell.run(f"show cert trust {name}"))
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("verb", ["show cert trust", "set cert delete"])
def test_a_name_that_no_trust_store_has(shell: AdminShell, verb: str) -> None:
    assert refusal(shell.run(f"{verb} CallManager-trust/nobody")) == (
        "no trust store has CallManager-trust/nobody; "
        "use a name of show cert list trust"
    )


def test_an_authority_may_stand_in_callmanager_trust_only(
    shell: AdminShell, tmp_path: Path
) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(to_pem(authority("Somebody's \x1b[2J CA")))
    reason = refusal(shell.run(f"set cert import trust Phone-SAST-trust {file}"))
    assert "is an authority; Phone-SAST-trust needs the certificate" in reason
    assert reason.isprintable()
    done(shell.run(f"set cert import trust CallManager-trust {file}"))


def test_a_certificates_name_cannot_spoil_the_list_or_the_screen(
    shell: AdminShell, tmp_path: Path
) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(to_pem(authority("Somebody's \x1b[2J CA")))
    shipped = done(shell.run("show cert list trust"))
    done(shell.run(f"set cert import trust CallManager-trust {file}"))
    [listed] = added(shell, shipped)
    name, _, _ = listed.partition(": ")
    assert re.fullmatch(r"CallManager-trust/Somebody_s_2J_CA-[0-9A-F]{8}\.pem", name)
    shown = done(shell.run(f"show cert trust {name}"))
    assert "Subject Name: CN=Somebody's \\1B[2J CA\n" in shown
    assert "Key: EC secp256r1 (1.2.840.10045.2.1)" in shown
    assert "\x1b" not in shown + listed + done(shell.run("show cert expiry"))
    done(shell.run(f"set cert delete {name}"))


def authority(common_name: str) -> Certificate:
    key = generate_ec(256)
    name = DistinguishedName((("CN", common_name),))
    profile = Profile(frozenset({"key_cert_sign"}), (), is_authority=True)
    validity = Validity.days(datetime(2015, 3, 9, tzinfo=UTC), 3650)
    issuer, serial = Issuer(name, key), new_serial()
    return mint(name, key.public_key(), issuer, profile, validity, serial=serial)
