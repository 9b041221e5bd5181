"""CAPF as `check` sees it: its certificate and the lists, certHash and the LSC."""

from dataclasses import replace
from hashlib import md5

import pytest

from tests.phone_emulator.check.observed import observation
from tests.rigs.cluster import DEVICE, PUB, SUB, Authority, Keypair, Lab, keypair
from tokenless.phone_emulator.check.findings.finding import Finding, Severity
from tokenless.phone_emulator.check.inspect import inspect, to_json
from tokenless.phone_emulator.check.observing.observation import CapfView, Observation
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.codes import Role
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.tvs.messages import Query

PLAIN = Lab()
MIXED = replace(PLAIN, mixed=True)
NEW = keypair("CAPF-e41e7d87", 2)
LSC = keypair("SEP001122334455").certificate
LSC_MD5 = md5(LSC.der, usedforsecurity=False).hexdigest()
AT = Server(PUB, 3804)


def authorities(lab: Lab) -> dict[str, Authority]:
    return {PUB: lab.authority("pub"), SUB: lab.authority("sub")}


def look(those: dict[str, Authority], shown: Keypair | None) -> Observation:
    """Return what is seen of nodes whose CAPF shows a certificate; None: it is away."""
    certificate = None if shown is None else shown.certificate
    reason = "Connection refused" if shown is None else None
    return replace(observation(those), capf=(CapfView(AT, certificate, reason),))


def _query(subject: SignerId) -> Query:
    return Query(1, DEVICE, subject.subject, subject.issuer, subject.serial)


def of_capf(seen: Observation) -> list[Finding]:
    found = inspect(seen, ("7975", "8861"))
    return [each for each in found if each.code.startswith("capf")]


@pytest.mark.parametrize("lab", [PLAIN, MIXED])
def test_the_record_of_the_lists_is_no_finding(lab: Lab) -> None:
    assert of_capf(look(authorities(lab), lab.capf)) == []


@pytest.mark.parametrize("lab", [PLAIN, MIXED])
def test_a_capf_that_no_configuration_names_is_said_not_to_be_asked(lab: Lab) -> None:
    (found,) = of_capf(observation(authorities(lab)))
    assert (found.code, found.severity) == ("capf-not-asked", Severity.NOTE)


def test_a_ctl_without_the_new_certificate_is_the_last_word() -> None:
    """TVS knows the new one and the ITLs have it; the CTL was not updated."""
    those = authorities(MIXED)
    for each in those.values():
        each.itl = replace(MIXED, capf=NEW).itl()
        each.know(NEW, Role.CAPF)
    (found,) = of_capf(look(those, NEW))
    assert found.code == "capf-unlisted"
    assert found.severity is Severity.WARNING
    assert found.where == f"CAPF {PUB}:3804"
    assert NEW.certificate.serial_hex in found.message
    assert "not a CAPF record of the CTL of cucm-pub, the CTL of cucm-" in found.message
    assert "refuse CAPF" in found.consequence
    assert "utils ctl update CTLFile" in found.advice


def test_without_a_ctl_it_is_the_itl_and_its_node_that_is_named() -> None:
    those = authorities(PLAIN)
    those[PUB].itl = replace(PLAIN, capf=NEW).itl()
    (found,) = of_capf(look(those, NEW))
    assert "not a CAPF record of the ITL of cucm-sub1" in found.message


def test_without_a_ctl_tvs_may_vouch() -> None:
    seen = look(authorities(PLAIN), NEW)
    assert seen.capf[0].subject in seen.subjects
    (found,) = of_capf(seen)
    assert found.code == "capf-unlisted"

    (member, *others) = seen.members
    subject = seen.capf[0].subject
    assert subject is not None
    known = PLAIN.authority("pub")
    known.know(NEW, Role.CAPF)
    answers = {**member.answers, subject: known.answer(_query(subject))}
    asked = replace(seen, members=[replace(member, answers=answers), *others])
    assert of_capf(asked) == []

    known.know(NEW, Role.TVS)  # another role is not CAPF's
    answers = {**member.answers, subject: known.answer(_query(subject))}
    other = replace(seen, members=[replace(member, answers=answers), *others])
    assert len(of_capf(other)) == 1


def test_one_that_is_away_is_a_note() -> None:
    (found,) = of_capf(look(authorities(MIXED), None))
    assert (found.code, found.severity) == ("capf-unreachable", Severity.NOTE)
    assert "Connection refused" in found.message
    assert "TCP 3804" in found.advice


def test_what_json_says_of_it() -> None:
    seen = look(authorities(MIXED), MIXED.capf)
    (capf,) = to_json(seen, [])["capf"]
    assert capf["server"] == f"{PUB}:3804"
    assert capf["reachable"] is True
    assert capf["serial"] == MIXED.capf.certificate.serial_hex
    (away,) = to_json(look(authorities(MIXED), None), [])["capf"]
    assert (away["reachable"], away["serial"]) == (False, None)


def hashes(config: PhoneConfig) -> list[Finding]:
    those = authorities(MIXED)
    for each in those.values():
        each.configuration = config
    found = inspect(observation(those), ("8861",), LSC)
    return [each for each in found if each.code == "cert-hash-differs"]


def test_the_hash_of_the_lsc_is_no_finding() -> None:
    for written in (LSC_MD5, LSC_MD5.upper()):
        assert hashes(PhoneConfig(certificate_hash=written, encrypted=True)) == []


@pytest.mark.parametrize(
    ("mode", "severity"),
    [
        (0, Severity.ERROR),
        (1, Severity.ERROR),
        (2, Severity.WARNING),
        (3, Severity.WARNING),
        (4, Severity.WARNING),
    ],
)
@pytest.mark.parametrize("written", ["", "0" * 32])
def test_another_hash_locks_out_where_a_person_is_needed(
    written: str, mode: int, severity: Severity
) -> None:
    config = PhoneConfig(certificate_hash=written, encrypted=True, capf_auth_mode=mode)
    (found,) = hashes(config)
    assert found.severity is severity
    assert found.where == "cucm-pub, cucm-sub1"
    assert LSC_MD5 in found.message
    assert (written or "empty") in found.message


def test_another_hash_without_encryption_is_a_warning() -> None:
    (found,) = hashes(PhoneConfig(certificate_hash="ab" * 16))
    assert found.severity is Severity.WARNING


def test_a_configuration_that_is_only_signed_is_read_too() -> None:
    those = authorities(MIXED)
    config = PhoneConfig(certificate_hash="ab" * 16, encrypted=True)
    for each in those.values():
        each.configuration = config
    seen = observation(those)
    nodes = [
        replace(
            node,
            files={n: f for n, f in node.files.items() if not n.endswith(".xml")},
        )
        for node in seen.nodes
    ]
    found = inspect(replace(seen, nodes=nodes), ("8861",), LSC)
    (differs,) = [each for each in found if each.code == "cert-hash-differs"]
    assert "certHash of the signed configuration" in differs.message


def test_without_an_lsc_nothing_is_compared() -> None:
    those = authorities(MIXED)
    for each in those.values():
        each.configuration = PhoneConfig(certificate_hash="ab" * 16, encrypted=True)
    codes = {each.code for each in inspect(observation(those), ("8861",))}
    assert "cert-hash-differs" not in codes
