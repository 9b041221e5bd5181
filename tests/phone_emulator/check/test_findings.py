"""Each finding by the defect that causes it; a healthy cluster has none."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from asn1crypto import x509
from rich.console import Console

from tests.phone_emulator.check.observed import (
    at,
    observation,
    with_group,
    without_tvs,
)
from tests.rigs import odd_certificates
from tests.rigs.cluster import (
    PUB,
    SIGNED_AT,
    SUB,
    Authority,
    Lab,
    UnsignedList,
    configuration,
    keypair,
    record,
)
from tokenless.phone_emulator.check.findings.codes import Code
from tokenless.phone_emulator.check.findings.finding import Finding, Severity
from tokenless.phone_emulator.check.inspect import inspect, locks_phones_out, to_json
from tokenless.phone_emulator.check.observing.observation import Observation
from tokenless.phone_emulator.check.view import check_view
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.trust_list_build import record_for
from tokenless.protocol.phones.configuration import TvsMember

MODELS = ("7975", "8861")
Nodes = dict[str, Authority]
Defect = Callable[[Nodes], None]


def nodes(lab: Lab) -> Nodes:
    """Return both nodes; their TVS knows TVS certificates too, as a database does."""
    those = {PUB: lab.authority("pub"), SUB: lab.authority("sub")}
    for each in those.values():
        each.know(lab.tvs_pub, Role.TVS)
        each.know(lab.tvs_sub, Role.TVS)
    return with_group(those)


PLAIN = Lab()
MIXED = replace(PLAIN, mixed=True)
REGENERATED = MIXED.regenerate_callmanager()


def found(seen: Observation) -> list[Finding]:
    return [f for f in inspect(seen, MODELS) if f.severity is not Severity.NOTE]


def codes(seen: Observation) -> set[str]:
    return {each.code for each in found(seen)}


@pytest.mark.parametrize("lab", [PLAIN, MIXED, REGENERATED])
def test_a_healthy_cluster_has_none(lab: Lab) -> None:
    assert found(observation(nodes(lab))) == []


def test_rsa_1024_and_tls_1_0_are_worth_a_note() -> None:
    notes = {each.code for each in inspect(observation(nodes(MIXED)), MODELS)}
    assert {"small-keys", "tls-old"} <= notes


def stale_ctl(those: Nodes) -> None:
    """The subscriber serves the CTL from before a regeneration of the publisher's."""
    those[SUB].ctl = replace(MIXED.ctl(), timestamp=SIGNED_AT - 3600)


def missing_ctl(those: Nodes) -> None:
    those[SUB].ctl = None


def malformed_itl(those: Nodes) -> None:
    those[PUB].files["ITLFile.tlv"] = b"\x01\x00"
    those[PUB].files["ITLSEP001122334455.tlv"] = b"\x01\x00"


def changed_ctl(those: Nodes) -> None:
    ctl = those[PUB].ctl
    assert ctl is not None
    data = bytearray(ctl.sign("CTLFile.tlv"))
    data[-3] ^= 1
    for each in those.values():
        each.files["CTLSEP001122334455.tlv"] = bytes(data)


def misnamed_ctl(those: Nodes) -> None:
    ctl = those[PUB].ctl
    assert ctl is not None
    for each in those.values():
        each.ctl = replace(ctl, filename="ITLFile.tlv")


def strange_ctl(those: Nodes) -> None:
    """A CTL that another cluster signed."""
    stranger = keypair("stranger")
    records = (record(stranger, Role.SAST), record(stranger, Role.CCM_TFTP))
    for each in those.values():
        each.ctl = UnsignedList(records, stranger)


def forgotten_ctl_update(those: Nodes) -> None:
    for each in those.values():
        each.ctl = MIXED.ctl()


def sha512(those: Nodes) -> None:
    for each in those.values():
        assert each.itl is not None
        each.itl = replace(each.itl, digest=Digest.SHA512)


def silent_node(those: Nodes) -> None:
    those[SUB].silent = True


def empty_lists(nodes: Nodes) -> None:
    for node in nodes.values():
        node.ctl = node.itl = None
        node.files = {"CTLFile.tlv": b"", "ITLFile.tlv": b""}


def no_itl(those: Nodes) -> None:
    those[SUB].itl = None


def one_tvs(those: Nodes) -> None:
    for each in those.values():
        each.configuration = configuration(TvsMember(PUB, 2445, 0))


def no_tvs(those: Nodes) -> None:
    for each in those.values():
        assert each.configuration is not None
        each.configuration = replace(each.configuration, tvs=())
        assert each.itl is not None
        kept = tuple(r for r in each.itl.records if r.role != Role.TVS)
        each.itl = replace(each.itl, records=kept)


def unpinned_tvs(those: Nodes) -> None:
    those[SUB].tvs_certificate = keypair("tvs-sub1", 9)


def itl_without_new_tvs(those: Nodes) -> None:
    """The publisher's TVS was regenerated, the subscriber's TFTP not restarted."""
    newer = MIXED.regenerate_tvs()
    those[PUB] = newer.authority("pub")


def forgetful_tvs(those: Nodes) -> None:
    serial = MIXED.callmanager_sub.certificate.serial_number
    del those[SUB].known[serial]


def unsigned_configuration(those: Nodes) -> None:
    those[SUB].configuration_signer = None


def two_payloads(those: Nodes) -> None:
    other = those[SUB].fetch("SEP001122334455.cnf.xml.sgn")
    assert other is not None
    those[PUB].files["SEP001122334455.cnf.xml.sgn"] = other
    those[PUB].configuration = configuration(TvsMember(SUB, 2445, 0))


def long_itl(those: Nodes) -> None:
    itl = those[PUB].itl
    assert itl is not None
    more = [record(MIXED.tvs_pub, Role.TVS, f"n{n}") for n in range(150)]
    those[PUB].itl = replace(itl, records=(*itl.records, *more))


@dataclass(frozen=True)
class Case:
    defect: Defect
    code: str
    severity: Severity
    words: tuple[str, ...]
    """What its message, consequence or advice must say."""
    lab: Lab = field(default_factory=lambda: MIXED)


E, W = Severity.ERROR, Severity.WARNING
CASES = [
    Case(
        stale_ctl,
        "ctl-stale",
        E,
        ("an older CTL than cucm-pub", "still trust CN=cucm-pub", "restart Cisco Tftp"),
        REGENERATED,
    ),
    Case(stale_ctl, "phone-locked-out", E, ("lists of cucm-pub",), REGENERATED),
    Case(
        missing_ctl,
        "ctl-missing",
        E,
        ("this node has no CTL, but cucm-pub serves one",),
    ),
    Case(malformed_itl, "malformed", E, ("ITLFile.tlv is not a trust list",)),
    Case(
        changed_ctl,
        "signature-invalid",
        E,
        ("was not made by the key of the list's signing record",),
    ),
    Case(
        misnamed_ctl,
        "wrong-filename",
        E,
        ("has the file name ITLFile.tlv in its header",),
    ),
    Case(strange_ctl, "ctl-signer-unknown", E, ("CN=stranger", "Phone-SAST-trust")),
    Case(strange_ctl, "tvs-does-not-know", W, ("CCM+TFTP CN=stranger",)),
    Case(
        forgotten_ctl_update,
        "ctl-outdated",
        E,
        ("CCM+TFTP CN=cucm-pub", "is in use", "utils ctl update CTLFile"),
        REGENERATED,
    ),
    Case(sha512, "digest", W, ("SHA512", "7900, 8900 and 9900 phones")),
    Case(sha512, "new-phone-locked-out", E, ("(7975)", "cannot verify SHA512")),
    Case(silent_node, "tftp-unreachable", E, ("no answer", "UDP 69")),
    Case(no_itl, "itl-missing", W, ("cannot ask TVS",)),
    Case(empty_lists, "list-empty", W, ("the file CTLFile.tlv is empty", "as missing")),
    Case(one_tvs, "tvs-single", W, ("the only TVS member", "second node")),
    Case(no_tvs, "tvs-none", W, ("every new signer locks them out",), PLAIN),
    Case(no_tvs, "phone-locked-out", E, ("no installed ITL has a TVS record",), PLAIN),
    Case(unpinned_tvs, "tvs-unpinned", W, ("not in the ITL of cucm-pub, cucm-sub1",)),
    Case(itl_without_new_tvs, "itl-stale", W, ("TVS CN=tvs-pub",)),
    Case(forgetful_tvs, "tvs-disagrees", W, ("says no", "SAST")),
    Case(unsigned_configuration, "configuration-unsigned", E, ("ask for signed",)),
    Case(
        two_payloads,
        "configuration-differs",
        W,
        ("the signed and the plain configuration differ",),
    ),
    Case(two_payloads, "configuration-differs", W, ("list different TVS members",)),
    Case(long_itl, "too-long", E, ("65536",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.defect.__name__}-{c.code}")
def test_a_defect_is_named(case: Case) -> None:
    those = nodes(case.lab)
    case.defect(those)
    findings = found(observation(those))
    fitting = [
        f
        for f in findings
        if f.code == case.code
        and all(w in f"{f.message} {f.consequence} {f.advice}" for w in case.words)
    ]
    assert fitting, "\n".join(
        f"{f.code}: {f.message} {f.consequence}" for f in findings
    )
    assert fitting[0].severity is case.severity
    assert fitting[0].advice
    assert locks_phones_out(findings) == any(f.severity is E for f in findings)


@pytest.mark.parametrize(("lab", "severity"), [(MIXED, E), (PLAIN, W)])
def test_a_node_that_is_reached_where_its_lists_do_not_say(
    lab: Lab, severity: Severity
) -> None:
    """Behind NAT, with the address of the inside in its lists."""
    seen = observation({"192.0.2.1": nodes(lab)[PUB]})
    (told,) = [each for each in found(seen) if each.code is Code.TFTP_ADDRESS]
    assert told.severity is severity
    assert f"answers at 192.0.2.1, but its lists name {PUB}" in told.message
    assert "`listen.address`" in told.advice


def test_a_multi_server_certificate_stands_for_all_servers() -> None:
    """Under the publisher's address; the phones' own rule 10 takes it so."""
    hosts = ("cucm-pub.lab", "cucm-sub1.lab")
    names = x509.GeneralNames([x509.GeneralName("dns_name", n) for n in hosts])
    shared = odd_certificates.with_alternative_names(names.dump())
    those = nodes(MIXED)
    of_all = record_for(shared, Role.CCM_TFTP, dns_name="cucm-pub", ip_address=PUB)
    signer = MIXED.callmanager_pub
    for each in those.values():
        each.ctl = UnsignedList((record(signer, Role.SAST), of_all), signer)
    assert Code.TFTP_ADDRESS not in codes(observation(those))


def test_the_stale_node_is_named_and_no_other() -> None:
    those = nodes(REGENERATED)
    stale_ctl(those)
    (stale,) = [f for f in found(observation(those)) if f.code == "ctl-stale"]
    assert stale.where == "cucm-sub1"


def test_two_ctls_of_one_second_are_told_apart_by_the_itls() -> None:
    for stale in (PUB, SUB):
        those = nodes(REGENERATED)
        those[stale].ctl = MIXED.ctl()
        (finding,) = [f for f in found(observation(those)) if f.code == "ctl-stale"]
        assert finding.where == ("cucm-pub" if stale == PUB else "cucm-sub1")
        assert finding.message.startswith("another CTL than")


@pytest.mark.parametrize("changed", [PUB, SUB])
@pytest.mark.parametrize("bit", [1, 128])
def test_a_changed_ctl_makes_no_other_one_stale(changed: str, bit: int) -> None:
    those = nodes(MIXED)
    data = bytearray(MIXED.ctl().sign("CTLFile.tlv"))
    data[-1] ^= bit
    those[changed].files["CTLSEP001122334455.tlv"] = bytes(data)
    seen = found(observation(those))
    name = "cucm-pub" if changed == PUB else "cucm-sub1"
    assert {each.where for each in seen if each.code == "signature-invalid"} == {name}
    assert "ctl-stale" not in {each.code for each in seen}


def test_a_phone_that_is_not_registered_is_no_reason_to_cry() -> None:
    """Elsewhere a made-up phone gets no configuration; real ones know TVS."""
    those = nodes(MIXED)
    members = observation(those).members
    for each in those.values():
        each.configuration = None
    without = observation(those)
    seen = Observation(without.nodes, members, without.device, without.at)
    # Secure phones register, and nobody said where: that was not looked at.
    assert codes(seen) == {"callmanager-not-asked"}


def test_a_tvs_that_is_down_is_a_warning_and_two_lock_phones_out() -> None:
    seen = observation(nodes(PLAIN))
    one_down = without_tvs(seen, 0)
    assert codes(one_down) == {"tvs-unreachable"}
    both_down = without_tvs(one_down, 1)
    # The ITL of the other node has a signer that only TVS could tell of.
    assert codes(both_down) == {"tvs-unreachable", "phone-locked-out"}


def test_tls_that_old_phones_do_not_know() -> None:
    seen = observation(nodes(PLAIN), versions=("1.2", "1.3"))
    by_code = {each.code: each for each in found(seen)}
    assert by_code[Code.TLS_TOO_NEW].severity is Severity.WARNING
    assert "too new for a 7975" in by_code[Code.TLS_TOO_NEW].message
    new = {each.code for each in inspect(seen, ("8861", "7960"))}
    assert Code.TLS_TOO_NEW not in new  # to 8861s 1.2 is no fault; 7960s ask no TVS
    locked = by_code[Code.PHONE_LOCKED_OUT]
    assert "(7975)" in locked.message
    assert "the server offers TLS 1.2, 1.3, a 7975 speaks 1.0" in locked.message


def test_certificates_expire() -> None:
    seen = observation(nodes(PLAIN))
    ended = at(seen, 2_300_000_000.0)
    expired = [f for f in found(ended) if f.code == "expired"]
    assert len(expired) >= 5
    assert {f.severity for f in expired} == {Severity.WARNING}


def test_no_ctl_is_no_finding_and_neither_is_an_emptied_one() -> None:
    those = nodes(PLAIN)
    for each in those.values():
        each.ctl = PLAIN.emptied_ctl()
    assert found(observation(those)) == []
    those[SUB].ctl = None
    (missing,) = found(observation(those))
    assert (missing.code, missing.severity) == ("ctl-missing", Severity.WARNING)


def test_a_phone_without_security_by_default_is_told_to_use_its_hands() -> None:
    those = nodes(REGENERATED)
    stale_ctl(those)
    findings = inspect(observation(those), ("7960",))
    locked = [f for f in findings if f.code == "phone-locked-out"]
    assert {f.where for f in locked} == {"cucm-pub", "cucm-sub1"}
    assert all("on a 7960, delete the CTL by hand" in f.advice for f in locked)


def test_what_is_printed_says_what_json_says() -> None:
    those = nodes(REGENERATED)
    stale_ctl(those)
    seen = observation(those)
    findings = inspect(seen, MODELS)
    as_json = to_json(seen, findings)
    assert as_json["ok"] is False
    assert [node["name"] for node in as_json["nodes"]] == ["cucm-pub", "cucm-sub1"]
    console = Console(width=120)
    with console.capture() as capture:
        console.print(check_view(seen, findings), soft_wrap=True)
    printed = capture.get()
    for each in as_json["findings"]:
        assert f"{each['message']} [{each['code']}]" in printed
