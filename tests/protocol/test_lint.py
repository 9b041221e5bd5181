"""What the linter says, one warning a test, and what it leaves alone."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs import damage, defects, minting
from tests.rigs.lists import TIME, client_form, tokenless
from tests.rigs.minting import Identity
from tokenless.protocol.codes import Role
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.trust.lint import (
    LintFinding,
    Severity,
    SignatureState,
    lint,
    signature_state,
)

NOW = datetime(2016, 1, 1, tzinfo=UTC)


def found(trust_list: TrustList, at: datetime = NOW) -> dict[str, LintFinding]:
    return {finding.code: finding for finding in lint(trust_list, at=at)}


def record(identity: Identity, role: int) -> Record:
    return record_for(
        identity.certificate, role, dns_name="node", ip_address="192.0.2.1"
    )


def recovery(bits: int) -> Identity:
    key = minting.rsa_key(bits, "recovery")
    name = minting.lab_name("ITLRECOVERY_cucm-1051-a-pub")
    return Identity(minting.mint(name, key, serial=minting.serial_of("r")), key)


def itl(*records: Record, filename: str = "ITLFile.tlv") -> TrustList:
    signer = minting.server(minting.PUBLISHER, 2048).signer
    return sign_trust_list(filename, records, signer, timestamp=TIME)


def publisher(role: int = Role.SAST) -> Record:
    return record(minting.server(minting.PUBLISHER, 2048), role)


def test_a_good_list_has_no_findings() -> None:
    good = itl(
        publisher(),
        publisher(Role.TFTP),
        record(minting.server("tvs", 2048), Role.TVS),
        record(recovery(2048), Role.SAST),
    )
    assert lint(good, at=NOW) == ()


def test_the_vendors_lists_have_no_errors() -> None:
    for trust_list in (tokenless(), client_form(secure=True)):
        assert Severity.ERROR not in {f.severity for f in lint(trust_list, at=NOW)}


def test_a_tokenless_list_of_10_5_has_one_sast_only() -> None:
    assert set(found(tokenless())) == {"single-sast"}
    assert "single-sast" not in found(client_form(secure=True))


def test_a_third_sast_is_told_and_is_no_fault_of_a_list_of_cucm() -> None:
    one, other = minting.token(), minting.token("SAST-ADN0054f509        ")
    server = minting.server(minting.PUBLISHER, 2048)
    two = [record(server, Role.SAST), record(one, Role.SAST)]
    assert "too-many-sasts" not in found(itl(*two))
    finding = found(itl(*two, record(other, Role.SAST)))["too-many-sasts"]
    assert finding.severity is Severity.NOTE
    assert finding.message.startswith("3 SAST records")


def test_signature_by_another_key() -> None:
    forged = defects.resigned_by_another()
    finding = found(forged)["signature-invalid"]
    assert finding.severity is Severity.ERROR
    assert "byte 180" in finding.message
    assert signature_state(forged) is SignatureState.INVALID


def test_signer_unlisted() -> None:
    unlisted = itl(record(minting.capf(), Role.SAST))
    assert found(unlisted)["signer-unlisted"].severity is Severity.WARNING
    assert signature_state(unlisted) is SignatureState.UNVERIFIABLE


def test_signer_not_sast() -> None:
    finding = found(itl(publisher(Role.TFTP)))["signer-not-sast"]
    assert finding.severity is Severity.ERROR
    assert finding.record == 1


def test_duplicates() -> None:
    finding = found(itl(publisher(), publisher(Role.TFTP), publisher()))
    assert finding["duplicate-record"].record == 3
    assert "record 1" in finding["duplicate-record"].message


def test_over_39_certificates_and_64_kilobytes() -> None:
    many = [record(minting.server(f"n{n}"), Role.TVS) for n in range(3)]
    forty = found(itl(publisher(), *(many * 13)))
    assert "too-many-certificates" in forty
    assert "too-long" not in forty
    assert "too-long" in found(itl(publisher(), *(many * 20)))
    assert "too-many-certificates" not in found(itl(publisher(), *(many * 12)))


def test_expiry() -> None:
    end = minting.server().certificate.not_after
    codes = {
        timedelta(days=1): "expired",
        timedelta(days=-1): "expires-soon",
        timedelta(days=-100): None,
        timedelta(days=-3650): "not-yet-valid",
    }
    for distance, code in codes.items():
        seen = found(tokenless(), end + distance)
        dates = {"expired", "expires-soon", "not-yet-valid"} & set(seen)
        assert dates == ({code} if code else set())
    assert found(tokenless(), end + timedelta(days=1))["expired"].record == 4


@pytest.mark.parametrize(("bits", "warned"), [(1024, True), (2048, False)])
def test_a_weak_recovery_key_beside_strong_ones(bits: int, *, warned: bool) -> None:
    findings = found(itl(publisher(), record(recovery(bits), Role.SAST)))
    assert ("weak-recovery-key" in findings) is warned


def test_a_weak_recovery_key_among_weak_ones_is_left_alone() -> None:
    records = [*minting.lab_records(), record(recovery(1024), Role.SAST)]
    weak = sign_trust_list(
        "CTLFile.tlv", records, minting.server().signer, timestamp=TIME
    )
    assert "weak-recovery-key" not in found(weak)


def test_an_itl_without_tvs_and_tftp() -> None:
    blank = found(itl(publisher()))
    assert {"no-tvs", "no-tftp"} <= set(blank)
    ctl = found(itl(publisher(), filename="CTLFile.tlv"))
    assert "no-tvs" not in ctl


def test_no_sast() -> None:
    assert found(itl(publisher(Role.TFTP)))["no-sast"].severity is Severity.ERROR


def test_signed_in_the_future() -> None:
    before = datetime.fromtimestamp(TIME, UTC) - timedelta(days=2)
    assert "signed-in-future" in found(tokenless(), before)


def test_a_modulus_code_that_lies() -> None:
    lying = TrustList.decode(damage.patched(damage.MODULUS + 3, b"\3"))
    assert "modulus-mismatch" in found(lying)


def test_an_algorithm_that_nobody_has_seen() -> None:
    unknown = TrustList.decode(damage.patched(damage.MODULUS - 1, b"\5"))
    assert "unknown-algorithm" in found(unknown)
