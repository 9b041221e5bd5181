"""The nodes of imported lists: names, addresses, services, shared certificates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.phone_emulator.rehearsal.importing.lists import (
    CAPF,
    CM,
    RECOVERY,
    TVS,
    ctl,
    itl,
    record,
)
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.foreign import marked
from tokenless.phone_emulator.rehearsal.importing.cluster.issuers import (
    Issuers,
    issuers_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.node_roles import (
    ImportedRoles,
    roles_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    MAX_NODES,
    ImportedNode,
    node_name,
    nodes_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.places import place_of
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import EVERY_ROLE, NodeRole, Role, TrustStore


def names(*entries: ImportedRecord) -> list[str]:
    return [node.name for node in nodes_of(entries)]


def at(node: str, address: str | None) -> ImportedRecord:
    return record(CM, node, address=address)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (record(CAPF, "c"), "c"),
        (record(RECOVERY, "b.example.com"), "b"),
        (record(TVS, "c"), "a"),
        (record(RECOVERY, "elsewhere"), "a"),
        (record(RECOVERY, "c", is_foreign=True), "a"),
    ],
)
def test_the_publisher_has_capf_or_itlrecovery(
    last: ImportedRecord, first: str
) -> None:
    found = names(*(record(CM, each) for each in "abc"), last)
    assert found == [first, *(each for each in "abc" if each != first)]


def test_a_ctl_clients_capf_names_the_publisher_by_its_address() -> None:
    """It writes addresses in the place of names (REFERENCE 1.7)."""
    servers = [
        record(CM, f"10.1.1.{at}", name=name, address=f"10.1.1.{at}")
        for at, name in ((1, "sub.example.com"), (2, "pub.example.com"))
    ]
    capf = record(CAPF, "10.1.1.2", address="10.1.1.2")
    assert names(*servers, capf) == ["pub", "sub"]
    emptied = [replace(each, subject="", serial="") for each in servers]
    found = nodes_of([*emptied, capf])
    assert [(each.name, each.real_address) for each in found] == [
        *(("node-10-1-1-2", "10.1.1.2"), ("node-10-1-1-1", "10.1.1.1")),
    ]


@pytest.mark.parametrize(
    ("unit", "said", "more", "name"),
    [
        (CM, "sub.example.com", {}, "sub"),
        (CM, " sub .example.com", {}, "sub"),
        (CM, "two words", {}, ""),
        (CM, "", {"has_node_name": False}, "host"),
        (TVS, "", {"has_node_name": False}, "host"),
        (CM, "", {"has_node_name": False, "role": Role.CALLMANAGER}, "host"),
        (CAPF, "", {"has_node_name": False}, ""),
        (CM, "", {}, ""),
        (CM, "10.1.1.1", {}, "host"),
        (RECOVERY, "10.1.1.1", {}, "host"),
        (CAPF, "10.1.1.1", {}, ""),
        (CM, "sub", {"has_node_name": False}, "sub"),
    ],
)
def test_the_name_of_a_records_node(
    unit: TrustStore, said: str, more: Mapping[str, Any], name: str
) -> None:
    entry = record(unit, said, "A", name="host.example.com", **more)
    assert node_name(entry) == name


def test_servers_without_any_name_are_numbered() -> None:
    def nameless(serial: str, address: str | None = None) -> ImportedRecord:
        entry = record(CM, "", serial, name="no host!", has_node_name=False)
        return replace(entry, address=address)

    one, two = nameless("A", address="10.1.1.1"), nameless("B")
    others = (
        replace(one, role=Role.SAST, serial="C"),
        replace(one, serial="", role=Role.TVS),
        record(CM, "", "D", name="host", role=Role.CALLMANAGER, has_node_name=False),
    )
    found = nodes_of((one, two, replace(one, role=Role.TVS), *others))
    assert [(each.name, each.real_address) for each in found] == [
        ("node-1", "10.1.1.1"),
        ("node-2", None),
        ("host", None),
    ]


def test_lists_of_no_node_or_of_too_many_are_refused() -> None:
    with pytest.raises(
        PhoneError, match=r"^the lists name no node and no server$"
    ) as no:
        nodes_of([record(RECOVERY, "pub")])
    assert no.value.hint == "give the CTL and the ITL of every node"
    entries = [record(CM, f"n{each}") for each in range(MAX_NODES + 1)]
    assert len(nodes_of(entries[1:])) == MAX_NODES == 20
    with pytest.raises(PhoneError, match=r"^21 nodes are more than 20$") as refused:
        nodes_of(entries)
    assert refused.value.hint == "give the lists of one cluster only"


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("10.48.47.155", "127.0.47.155"),
        ("10.168.1.20", "127.10.1.20"),
        ("192.168.1.20", "127.168.1.20"),
        ("192.1.1.20", "127.1.1.20"),
        ("10.5.1.1", "127.5.1.1"),  # no loopback address is as short
        ("172.16.0.255", "127.16.0.255"),
        (None, "127.0.48.11"),
    ],
)
def test_addresses_keep_their_lengths_on_loopback(there: str | None, here: str) -> None:
    (node,) = nodes_of([at("pub", there)])
    assert node == ImportedNode("pub", here, there)


def test_each_node_has_an_address_of_its_own() -> None:
    alike = [at("a", "10.48.47.155"), at("b", "10.58.47.155"), at("c", None)]
    assert [each.address for each in nodes_of(alike)] == [
        *("127.0.47.155", "127.0.48.12", "127.0.48.13"),
    ]
    # One that is kept may be one that would be made for another node.
    taken = [at("a", "10.20.48.12"), at("b", None), at("c", None)]
    assert [each.address for each in nodes_of(taken)] == [
        *("127.0.48.12", "127.0.48.13", "127.0.48.14"),
    ]


def test_an_address_is_that_of_any_record_or_is_known_from_elsewhere() -> None:
    pub = at("Pub", None), at("Pub", "10.1.1.1"), at("Pub", None)
    entries = (*pub, at("sub", "10.1.1.2"))
    known = {"sub": "10.9.9.9", "other": "10.1.1.3"}
    found = nodes_of((*entries, at("Other", None)), known)
    assert [(each.name, each.real_address) for each in found] == [
        *(("Pub", "10.1.1.1"), ("sub", "10.1.1.2"), ("Other", "10.1.1.3")),
    ]


NODES = [
    ImportedNode(name, f"127.0.48.{11 + at}", f"10.1.1.{at}")
    for at, name in enumerate(("pub", "sub1", "sub2"), 1)
]
TFTP, CALLS = Role.TFTP, Role.CALLMANAGER


def roles(
    *lists: ImportedList,
    nodes: Sequence[ImportedNode] = NODES,
    fetched_from: Sequence[str] = (),
    named: Sequence[str] = (),
    members: Sequence[str] = (),
) -> ImportedRoles:
    return roles_of(
        nodes, lists, fetched_from=fetched_from, named=named, members=members
    )


def test_without_more_every_node_is_guessed_to_serve_tftp() -> None:
    found = roles()
    assert found.of == dict.fromkeys(("pub", "sub1", "sub2"), EVERY_ROLE)
    (said,) = found.approximations
    assert said.topic is Topic.TFTP
    assert said.what == (
        "phones are put at every node, as if all served TFTP: pub, sub1, sub2"
    )
    assert said.why == (
        "lists do not tell which nodes serve TFTP; --tftp and --serves-tftp do"
    )
    assert roles(nodes=NODES[:1]).approximations == ()
    assert len(roles(nodes=NODES[:2]).approximations) == 1


def test_nodes_that_a_person_names_serve_tftp_and_no_others() -> None:
    found = roles(named=["SUB2", "10.1.1.2"], fetched_from=["10.1.1.1"])
    assert found.tftp_nodes == ("sub1", "sub2")
    assert found.callmanagers == ("pub", "sub1", "sub2")
    assert found.approximations == ()
    with pytest.raises(PhoneError, match=r"^sub3 is not a node of the lists$") as no:
        roles(named=["sub1", "sub3"])
    assert no.value.hint == "nodes are pub, sub1, sub2"


def test_nodes_that_were_asked_serve_tftp_if_all_of_them_are_known() -> None:
    found = roles(fetched_from=["10.1.1.3", "10.1.1.3", "10.1.1.1"])
    assert found.tftp_nodes == ("pub", "sub2")
    assert found.approximations == ()
    partial = roles(fetched_from=["10.1.1.3", "10.9.9.9"])
    assert partial.tftp_nodes == ("pub", "sub1", "sub2")
    (said,) = partial.approximations
    assert said.why == ("the servers that were asked are not all nodes of the lists")


def functions(**of: Role) -> ImportedList:
    return ctl(*(record(CM, node, role=role) for node, role in of.items()))


def test_functions_of_the_ctl_tell_roles() -> None:
    found = roles(functions(pub=TFTP, sub1=CALLS, sub2=Role.CCM_TFTP, old=TFTP))
    assert found.of == {
        "pub": EVERY_ROLE - {NodeRole.CALLMANAGER},
        "sub1": EVERY_ROLE - {NodeRole.TFTP},
        "sub2": EVERY_ROLE,
    }
    assert found.approximations == ()
    assert roles(itl("pub", record(CM, role=TFTP))).callmanagers[0] == "pub"


@pytest.mark.parametrize("role", [TFTP, CALLS])
def test_a_cluster_whose_nodes_lack_a_service_is_none(role: Role) -> None:
    found = roles(functions(pub=role, sub1=role, sub2=role))
    assert set(found.of.values()) == {EVERY_ROLE}
    assert len(found.approximations) == 1


def test_members_of_a_group_process_calls() -> None:
    found = roles(functions(pub=TFTP, sub1=TFTP), members=["sub1"])
    assert found.callmanagers == ("sub1", "sub2")
    assert found.tftp_nodes == ("pub", "sub1", "sub2")


def test_roles_are_written_where_a_node_has_not_all() -> None:
    found = roles(functions(pub=TFTP, sub1=TFTP, sub2=Role.CCM_TFTP))
    assert found.written("pub") == ["tftp", "capf"]
    assert found.written("sub1") == ["tftp"]
    assert found.written("sub2") is None


def server(
    unit: TrustStore, node: str, serial: str = "A", *, ca: bool = False, name: str = ""
) -> ImportedRecord:
    issuer = "CN=CA" if ca else f"CN={name or 'ms'};O=Example"
    return record(unit, node, serial, name=name or "ms", issuer=issuer)


def shared(*lists: ImportedList, version: str = "14", nodes: int = 2) -> Issuers:
    return issuers_of(lists, nodes, version)


def test_a_certificate_in_the_itls_of_two_nodes_is_shared() -> None:
    itls = [itl(node, server(CM, node)) for node in ("pub", "sub")]
    assert shared(*itls) == Issuers(frozenset({CM}), frozenset())
    assert shared(*itls, version="12.5(1)") == Issuers(frozenset(), frozenset())
    assert shared(itls[0], itls[0]).shared == frozenset()  # of one node
    other = itl("sub", server(CM, "sub", "B"))
    assert shared(itls[0], other).shared == frozenset()
    both = ctl(server(CM, "pub"), server(CM, "sub"))
    assert shared(both, itls[0]) == Issuers(frozenset({CM}), frozenset())
    # A list of ITLs is newer: the CTL still has what each node had.
    stale = ctl(server(CM, "pub", "X"), server(CM, "sub", "Y"))
    assert shared(stale, *itls).shared == {CM}


def test_before_14_only_a_ca_signs_for_several_nodes() -> None:
    itls = [itl(node, server(CM, node, ca=True)) for node in ("pub", "sub")]
    expected = Issuers(frozenset({CM}), frozenset({CM}))
    assert shared(*itls, version="12.5(1)") == shared(*itls) == expected
    partly = itl("sub", server(CM, "sub", "B"))
    assert shared(itls[0], partly) == Issuers(frozenset(), frozenset())
    apart = itl("sub", server(CM, "sub", "B", ca=True))
    assert shared(itls[0], apart) == Issuers(frozenset(), frozenset({CM}))


def test_one_tvs_certificate_of_several_nodes_is_shared_from_14_on() -> None:
    one = itl("pub", server(TVS, "pub", ca=True), record(CAPF))
    assert shared(one) == Issuers(frozenset({TVS}), frozenset({TVS}))
    assert shared(one, nodes=1).shared == frozenset()
    assert shared(one, version="12.5(1)") == Issuers(frozenset(), frozenset({TVS}))
    both = itl("pub", server(TVS, "pub"), server(TVS, "sub", "B"))
    assert shared(both).shared == frozenset()


def test_a_name_of_no_node_is_taken_for_that_of_all_as_a_guess() -> None:
    the_ctl, the_itl = ctl(server(CM, "pub")), itl("pub", server(CM, "pub"))
    guess = Issuers(frozenset({CM}), frozenset(), frozenset({CM}))
    assert shared(the_ctl, the_itl) == guess
    assert shared(the_itl).shared == frozenset()  # others' may be in no list
    assert shared(the_ctl, the_itl, nodes=1).shared == frozenset()
    for name in ("PUB.example.com", "pub"):
        own = server(CM, "pub", name=name)
        assert shared(ctl(own), itl("pub", own)).shared == frozenset()
    more = ctl(server(CM, "pub"), server(CM, "sub", "B"))
    assert shared(more, the_itl).shared == frozenset()
    emptied = replace(server(CM, "sub"), serial="", subject="")
    ec = replace(server(CM, "sub", "E"), is_ec=True)
    assert shared(ctl(server(CM, "pub"), emptied, ec), the_itl) == guess


def test_what_a_ca_signs_is_not_shared_from_the_beginning() -> None:
    assert Issuers(frozenset({CM, TVS}), frozenset({CM})).first_shared == ("TVS",)
    assert Issuers(frozenset({CM}), frozenset()).first_shared == ("CallManager",)


def test_lines_in_which_a_ca_signs() -> None:
    found = Issuers(frozenset({CM}), frozenset({CM, TVS}))
    assert list(found.lines(["pub", "sub"])) == [
        "cert sign CallManager",
        "cert sign TVS --node pub",
        "cert sign TVS --node sub",
    ]
    assert list(Issuers(frozenset({CM}), frozenset()).lines(["pub"])) == []


def sast(name: str, serial: str = "S", node: str = "pub") -> ImportedRecord:
    return record(CM, node, serial, name=name, role=Role.SAST)


def foreign(*entries: ImportedRecord) -> list[str]:
    (held,) = marked([ctl(*entries)])
    return [each.serial for each in held.entries if each.is_foreign]


def test_sasts_of_no_node_are_another_clusters() -> None:
    servers = record(CM, "pub", "P"), record(CAPF, "sub", "C")
    own = (
        sast("PUB.example.com", "1"),  # the host of a server
        sast("capf-1", "2"),  # the name of one
        record(CM, "", "3", role=Role.SAST, name="token"),
        replace(sast("x", "4"), subject=""),
    )
    assert foreign(*servers, *own, sast("old.example.com", "F")) == ["F"]
    assert foreign(sast("old", "F")) == []  # nothing tells whose the list is
    emptied = replace(record(CM, "pub"), serial="", subject="")
    assert foreign(emptied, sast("old", "F")) == []


def test_an_itlrecovery_is_ours_if_it_is_a_nodes_or_the_only_one() -> None:
    server = record(CM, "pub", "P")
    ours, other = sast("ITLRECOVERY_PUB", "1"), sast("ITLRECOVERY_old-pub", "2")
    assert foreign(server, ours, other) == ["2"]
    assert foreign(server, other) == []
    assert foreign(server, other, sast("ITLRECOVERY_third", "3")) == []


def test_the_place_of_a_record() -> None:
    assert place_of(record(CM, "sub.example.com")) == (CM, "sub")
    assert place_of(record(CM, "sub"), {CM}) == (CM, "")
    assert place_of(record(TVS, "sub"), {CM}) == (TVS, "sub")
    assert place_of(record(CAPF, "sub")) == (CAPF, "")
    assert place_of(record(RECOVERY, "sub")) == (RECOVERY, "")
    for none in (
        sast("sub"),
        record(CM, "sub", is_ec=True),
        replace(record(CM, "sub"), serial=""),
        record(RECOVERY, "sub", is_foreign=True),
    ):
        assert place_of(none) is None
