"""Certificates in use, against those of the lists."""

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CAPF,
    CM,
    RECOVERY,
    TVS,
    ctl,
    itl,
    record,
    used,
)
from tests.rigs.cluster import keypair
from tests.rigs.minting import ec_key, lab_name, mint, name, rsa_key
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import Drift, Drifts
from tokenless.phone_emulator.rehearsal.importing.cluster.node_recoveries import (
    with_node_recoveries,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release

EC = mint(lab_name("sub"), ec_key("sub"), serial=77)
MEMBERS = (
    *(record(TVS, "pub"), record(TVS, "sub")),
    *(record(CAPF), record(RECOVERY)),
)
LISTS = (
    ctl(record(CM, "pub"), record(CM, "sub"), record(CAPF), record(RECOVERY)),
    itl("pub", *MEMBERS),
)


def drifts(
    *in_use: InUse,
    lists: tuple[ImportedList, ...] = LISTS,
    version: str = "12.5(1)",
) -> Drifts:
    release = Release.parse(version)
    return Drifts(
        lists, publisher="pub", release=release, shared=frozenset(), in_use=in_use
    )


def a_use(common: str, file: str) -> InUse:
    return used(keypair(common).certificate, file)


@pytest.mark.parametrize(
    ("common", "file", "unit", "node"),
    [
        ("sub.example.com", "CallManager.pem", CM, "sub"),
        ("pub", "CallManager-pub.der", CM, None),
        ("sub", "tvs_sub.pem", TVS, "sub"),
        ("CAPF-2", "CAPF.pem", CAPF, None),
        ("anything", "itlrecovery.pem", RECOVERY, None),
    ],
)
def test_a_certificate_that_no_list_has_was_regenerated(
    common: str, file: str, unit: TrustStore, node: str | None
) -> None:
    assert drifts(a_use(common, file)).since_lists() == ([Drift(unit, node)], [])


def test_a_multi_server_certificate_is_that_of_all_nodes_with_its_name() -> None:
    both = [
        *(record(CM, node, "A", name="ms.example.com") for node in ("pub", "sub")),
        record(TVS, "pub", "B", name="ms.example.com"),
    ]
    new = a_use("MS.example.com", "CallManager.pem")
    found, strangers = drifts(new, lists=(ctl(*both),)).since_lists()
    assert found == [Drift(CM, None), Drift(CM, "sub")]
    assert strangers == []


@pytest.mark.parametrize("stem", ["tomcat", "Tomcat-sub", "tomcat_ms", "tomcat-ECDSA"])
def test_tomcat_is_in_no_list_and_nothing_of_it_is_said(stem: str) -> None:
    later = a_use("sub", "TVS.pem")  # is looked at all the same
    found = drifts(a_use("sub", f"{stem}.pem"), later)
    assert found.since_lists() == ([Drift(TVS, "sub")], [])


def test_a_certificate_of_a_list_is_no_news_whatever_its_file_is_called() -> None:
    known = keypair("sub").certificate
    export, (the_ctl, the_itl) = used(known, "x.pem"), LISTS
    in_ctl = (ctl(record(CM, "sub", known.serial_hex)), the_itl)
    in_itl = (the_ctl, itl("pub", record(TVS, "sub", known.serial_hex)))
    for lists in (in_ctl, in_itl):
        assert drifts(export, lists=lists).since_lists() == ([], [])
    assert len(drifts(export).since_lists()[1]) == 1


@pytest.mark.parametrize(
    ("common", "file", "why"),
    [
        (
            "sub",
            "ipsec.pem",
            (
                "its file name begins with none of CallManager, TVS, CAPF, "
                "ITLRecovery, and it is in no list"
            ),
        ),
        (
            "other.example.com",
            "TVS.pem",
            (
                "it is in no list, and its common name 'other.example.com' is none of "
                "the nodes that have a TVS: a multi-server certificate has such a name"
            ),
        ),
    ],
)
def test_a_certificate_that_cannot_be_placed_is_said_to_be_left_out(
    common: str, file: str, why: str
) -> None:
    found, (said,) = drifts(a_use(common, file)).since_lists()
    assert found == []
    assert said.topic is Topic.CERTIFICATE
    assert (said.what, said.why) == (f"{file} was left out", why)


def test_a_certificate_without_a_common_name_is_of_no_node() -> None:
    nameless = mint(name([("organization_name", "X")]), rsa_key(1024), serial=78)
    found, (said,) = drifts(used(nameless, "CallManager.pem")).since_lists()
    assert found == []
    assert "its common name '' is none of the nodes" in said.why


def test_a_unit_that_lists_lack_is_said_so() -> None:
    lists = (itl("pub", record(TVS)),)
    _, (said,) = drifts(a_use("CAPF-1", "CAPF.pem"), lists=lists).since_lists()
    assert said.why == "the lists have no CAPF"


def an_ec_record(serial: str) -> ImportedRecord:
    return record(CM, "sub", serial, is_ec=True)


def test_callmanagers_ec_certificate_is_no_new_callmanager() -> None:
    """Its name is a node's, too, where a CA signed it as it was asked."""
    exported = used(EC, "CallManager-ECDSA.pem")
    found, (said,) = drifts(exported).since_lists()
    assert found == []
    assert said.what == "CallManager-ECDSA.pem was left out"
    assert said.why == "its key is an EC key, and it is in no list"
    listed = itl("sub", record(CM, "sub"), an_ec_record(EC.serial_hex), *MEMBERS)
    assert drifts(exported, lists=(*LISTS, listed)).since_lists() == ([], [])


def test_the_ctl_alone_is_older_where_the_order_cannot_be_rebuilt() -> None:
    old, new = (record(RECOVERY, serial=each) for each in "AB")
    servers = record(CM, "pub"), record(CM, "sub")
    lists = (
        ctl(*servers, old, record(CAPF)),
        itl("pub", new),
        itl("sub", record(RECOVERY, serial="C")),
    )
    found = drifts(lists=lists)
    assert found.since_ctl() == [Drift(RECOVERY, None)]
    (only,) = found.regenerations()
    assert only.drifts == (Drift(RECOVERY, None),)
    assert (only.updates_ctl, only.has_older_ctl) == (False, True)
    assert only.unrestarted == frozenset()
    (said,) = found.approximations()
    assert said.topic is Topic.ITLS
    assert said.what == (
        "the ITLs hold 2 certificates for ITLRecovery; here all hold the same"
    )
    assert said.why == (
        "one node's TFTP was not restarted, or its ITL was saved earlier"
    )


@pytest.mark.parametrize("told", ["12.0(1)", None])
def test_nodes_own_recoveries_are_no_regeneration(told: str | None) -> None:
    """With dates, too: the later one of another node is no successor (before 12.5)."""
    lists = tuple(
        itl(node, record(CM, node), record(CAPF), own)
        for node, own in (
            (each, record(RECOVERY, each, each, name=f"ITLRECOVERY_{each}", year=year))
            for each, year in (("pub", 2016), ("sub", 2018))
        )
    )
    marked = tuple(with_node_recoveries(lists, told))
    found = drifts(lists=marked, version="12.0(1)")
    assert found.regenerations() == []
    assert list(found.approximations()) == []
    assert with_node_recoveries(lists, "12.5(1)") == lists


def test_another_domain_makes_no_recovery_of_another_node() -> None:
    old, new = (
        record(RECOVERY, "pub", each, name=f"ITLRECOVERY_pub.{each}.example")
        for each in ("old", "new")
    )
    lists = (ctl(record(CM), record(CAPF), old), itl("pub", record(CM), new))
    assert with_node_recoveries(lists, None) == lists
    own = itl("sub", record(CM, "sub"), record(RECOVERY, "sub", name="ITLRECOVERY_sub"))
    marks = [
        entry.is_node_recovery
        for held in with_node_recoveries((*lists, own), None)
        for entry in held.entries
        if entry.is_recovery
    ]
    assert marks == [False, False, True]


def test_an_itl_with_two_certificates_of_one_node_is_said_so() -> None:
    both = [record(TVS, "sub", each) for each in "AB"]
    found = drifts(lists=(itl("pub", *both),))
    assert found.regenerations() == []
    (said,) = found.approximations()
    assert said.what == (
        "the ITLs hold 2 certificates for TVS of sub; here all hold the same"
    )
    assert said.why == "one ITL alone holds them, and nothing tells what for"


def test_lists_that_14_makes_again_by_itself_cannot_be_kept_old() -> None:
    lists = tuple(
        itl(node, record(RECOVERY, serial=each, year=year))
        for node, each, year in (("pub", "A", 2020), ("sub", "B", 2024))
    )
    before, later = (drifts(lists=lists, version=each) for each in ("12.5(1)", "14"))
    (kept,) = before.regenerations()
    assert kept.drifts == (Drift(RECOVERY, None),)
    assert kept.unrestarted == {"pub"}
    assert (kept.updates_ctl, kept.has_older_ctl) == (True, False)
    assert list(before.approximations()) == []
    assert later.regenerations() == []
    assert [said.topic for said in later.approximations()] == [Topic.ITLS]


def test_a_guess_names_what_differs() -> None:
    servers = record(CM, "pub"), record(CM, "sub", "A")
    lists = (ctl(*servers), itl("sub", record(CM, "sub", "B")))
    (said,) = drifts(lists=lists).approximations()
    assert said.topic is Topic.ORDER
    assert said.what == (
        "the CTL is taken for older than the ITLs: CallManager of sub differs"
    )
    assert said.why == (
        "text has no dates; .tlv files and --cert tell which one is the newer"
    )
