"""The CallManager group of an import: whom phones register with, whose TVS they ask."""

from collections.abc import Sequence

import pytest

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.group import (
    ImportedGroup,
    group_of,
    guessed_group,
    known_addresses,
    members_of,
    named_group,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import ImportedNode
from tokenless.protocol.phones.configuration import (
    CallManagerMember,
    PhoneConfig,
    TvsMember,
)

NODES = [ImportedNode(f"n{at}", f"127.0.0.{at}", f"10.1.1.{at}") for at in range(1, 7)]
ALL = tuple(node.name for node in NODES)
LISTED = "nodes are n1, n2, n3, n4, n5, n6"


def member(name: str, address: str = "", priority: int = 0) -> CallManagerMember:
    return CallManagerMember(name, address, priority)


def config(
    *members: CallManagerMember, group: str = "CMG", tvs: Sequence[str] = ()
) -> PhoneConfig:
    servers = tuple(TvsMember(each, 2445, at) for at, each in enumerate(tvs))
    return PhoneConfig(callmanager_group=group, callmanagers=members, tvs=servers)


def test_a_person_names_nodes_by_host_full_name_or_address() -> None:
    assert members_of(["N2", "n1.example.com", "10.1.1.6"], NODES) == ("n2", "n1", "n6")
    assert members_of(["n3"], NODES) == ("n3",)
    assert named_group(ALL[:5], NODES) == ImportedGroup("Given-CMG", ALL[:5])
    with pytest.raises(PhoneError, match=r"^n7 is not a node of the lists$") as refused:
        members_of(["n1", "n7"], NODES)
    assert refused.value.hint == LISTED


@pytest.mark.parametrize("words", [(), ALL, ("n1", "n2", "n1")], ids=len)
def test_a_group_has_1_to_5_different_nodes(words: Sequence[str]) -> None:
    said = "^a CallManager group has 1 to 5 different nodes$"
    with pytest.raises(PhoneError, match=said) as refused:
        members_of(words, NODES)
    assert refused.value.hint == "write --pool DP-Oslo=sub1,sub2"


def test_without_a_configuration_the_first_three_nodes_are_guessed() -> None:
    guess = Approximation(
        Topic.GROUP,
        "the CallManager group is a guess: n1, n2, n3",
        "lists do not tell which nodes' TVS phones ask; --config SEP….cnf.xml does",
    )
    assert guessed_group(ALL) == ImportedGroup("Imported-CMG", ALL[:3], (guess,))


def test_a_configuration_tells_the_group_in_the_order_of_priority() -> None:
    told = config(
        member("10.1.1.3", "10.1.1.3", 2),
        member("N1.example.com", "10.9.9.9", 0),
        member("", "10.1.1.2", 1),
        member("n1", "10.1.1.1", 3),  # the first one again
        tvs=("n1", "10.1.1.2", "n3"),
    )
    assert group_of(told, NODES) == ImportedGroup("CMG", ("n1", "n2", "n3"))
    six = config(*(member(name) for name in ALL), tvs=ALL[:5])
    assert group_of(six, NODES).members == ALL[:5]


@pytest.mark.parametrize(
    ("other", "called"),
    [
        (member("sub9", "10.9.9.9"), "sub9 (10.9.9.9)"),
        (member("10.9.9.9", "10.9.9.9"), "10.9.9.9"),
        (member("", "10.9.9.9"), "10.9.9.9"),
    ],
)
def test_a_configuration_of_another_cluster_is_refused(
    other: CallManagerMember, called: str
) -> None:
    with pytest.raises(PhoneError) as refused:
        group_of(config(member("n1"), other), NODES)
    assert str(refused.value) == (
        f"the configuration's CallManager {called} is not a node of the lists"
    )
    assert refused.value.hint == (
        f"{LISTED}; give lists and configuration of the same cluster, and the "
        "addresses or names in both"
    )


@pytest.mark.parametrize(
    ("tvs", "shown"),
    [((), "none"), (("n2", "n1"), "n2, n1"), (("n1", "a\x07b"), "n1, a\\07b")],
)
def test_other_tvs_servers_than_the_members_are_said(
    tvs: Sequence[str], shown: str
) -> None:
    found = group_of(config(member("n1"), member("n2"), tvs=tvs), NODES)
    assert found.approximations == (
        Approximation(
            Topic.TVS,
            f"phones ask the TVS of the group's members; there they ask {shown}",
            "the configuration lists other TVS servers than its group's members",
        ),
    )


def test_a_groups_name_is_short_and_fit_to_be_shown() -> None:
    def called(group: str) -> str:
        return group_of(config(member("n1"), group=group, tvs=["n1"]), NODES).name

    assert called("x" * 65) == "x" * 64
    assert called("a\x07") == "a\\07"
    assert called("") == "Imported-CMG"


def test_addresses_of_a_configuration_are_known_by_host() -> None:
    told = config(
        member("N1.example.com", "10.1.1.1"),
        member("", "10.1.1.2"),
        member("n3", "n3.example.com"),
    )
    assert known_addresses(told) == {"n1": "10.1.1.1"}
    assert known_addresses(None) == {}
