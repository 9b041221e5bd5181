"""The order in which lists were made, and the steps that make such lists again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    Known,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.script import imported_script
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.trust.verdicts import FileKind

CM, TVS, CAPF, RECOVERY = (
    *(TrustStore.CALLMANAGER, TrustStore.TVS),
    *(TrustStore.CAPF, TrustStore.ITLRECOVERY),
)
ROLES = {CM: Role.CCM_TFTP, TVS: Role.TVS, CAPF: Role.CAPF, RECOVERY: Role.SAST}
NODES = ("pub", "sub1", "sub2")
TFTP = "utils service restart Cisco Tftp"
UPDATE = "admin utils ctl update CTLFile"
RESTART_TVS = "admin --all utils service restart Cisco Trust Verification Service"
BOOT = "phones boot"
Held = Mapping[tuple[TrustStore, str], int]
"""The generations of certificates that are not the first ones."""


def a_record(
    unit: TrustStore, node: str, generation: int, *, dated: bool
) -> ImportedRecord:
    whose = {RECOVERY: "ITLRECOVERY_pub", CAPF: "CAPF-1"}.get(unit, node)
    subject = f"CN={whose};OU=IT;O=Example;C=NO"
    return ImportedRecord(
        role=ROLES[unit],
        dns_name=node,
        address=f"10.1.1.{NODES.index(node) + 1}",
        subject=subject,
        serial=f"{unit}-{node}-{generation}",
        key_bits=2048,
        issuer=subject,
        begins=datetime(2020 + generation, 1, 1, tzinfo=UTC) if dated else None,
    )


def emptied(node: str) -> ImportedRecord:
    """Return what a non-secure CTL of the CTL Client has of a server."""
    address = f"10.1.1.{NODES.index(node) + 1}"
    return ImportedRecord(Role.CCM_TFTP, address, address, "", "", None)


def a_list(owner: str, held: Held, *, dated: bool = True) -> ImportedList:
    """Return the ITL of a node, or the CTL of all (without an owner)."""
    tvs = [(TVS, node) for node in NODES] if owner else []
    managers = [(CM, node) for node in ((owner,) if owner else NODES)]
    places = [*managers, *tvs, (CAPF, "pub"), (RECOVERY, "pub")]
    records = [a_record(*each, held.get(each, 0), dated=dated) for each in places]
    kind = FileKind.ITL if owner else FileKind.CTL
    recovery = records[-1]
    return ImportedList(
        kind, recovery.subject, recovery.serial, tuple(records), owner or "ctl"
    )


def cluster_of(
    ctl: Held, *itls: Held, dated: bool = True, version: str = "12.5(1)"
) -> ImportedCluster:
    lists = [a_list("", ctl, dated=dated)]
    for node, held in zip(NODES, itls, strict=True):
        lists.append(a_list(node, held, dated=dated))
    return read_cluster(lists, Known(version=version, tftp_names=NODES))


def later_steps(cluster: ImportedCluster) -> list[list[str]]:
    script = imported_script(cluster, name="x", models=["8861"])
    task_for(script, "regenerate TVS")  # the planner knows all of it
    return [list(step.run) for step in script.steps[1:]]


def topics(cluster: ImportedCluster) -> set[Topic]:
    return {each.topic for each in cluster.approximations}


OLD: Held = {}
NEW = {(RECOVERY, "pub"): 1}
NEW_TVS = {(TVS, "sub1"): 1}
BOTH = {**NEW, **NEW_TVS}
REGEN, REGEN_CM, REGEN_TVS = (
    "admin set cert regen ITLRecovery",
    "admin set cert regen CallManager",
    "admin --node sub1 set cert regen TVS",
)


def test_certificates_that_expired_there_are_told() -> None:
    """The copy has them as valid ones; a run of it said nothing of that."""
    itl = a_list("pub", OLD)
    over = datetime(2025, 6, 1, tzinfo=UTC)
    entries = [replace(e, ends=over) if e.role is Role.TVS else e for e in itl.entries]
    found = read_cluster([replace(itl, entries=tuple(entries))]).approximations
    (told,) = [each.what for each in found if each.topic is Topic.EXPIRED]
    assert told == (
        "TVS of pub, TVS of sub1, TVS of sub2 expired there; in the copy every "
        "certificate is valid"
    )
    assert Topic.EXPIRED not in topics(cluster_of(OLD, OLD, OLD, OLD))


def at(node: str) -> str:
    return f"admin --node {node} {TFTP}"


@pytest.mark.parametrize(
    ("lists", "steps"),
    [
        ([OLD, OLD, OLD, OLD], []),
        (
            [OLD, NEW, NEW, NEW],
            [[REGEN, RESTART_TVS, f"admin --all {TFTP}", BOOT]],
        ),
        (
            [NEW, OLD, NEW, OLD],
            [[REGEN, UPDATE, RESTART_TVS, at("sub1"), BOOT]],
        ),
        ([OLD, OLD, OLD, NEW], [[REGEN, RESTART_TVS, at("sub2"), BOOT]]),
        (
            [OLD, {(CM, "pub"): 1}, OLD, OLD],  # others' ITLs do not have it
            [[REGEN_CM, RESTART_TVS, f"admin --all {TFTP}", BOOT]],
        ),
        ([NEW, OLD, OLD, OLD], [[REGEN, UPDATE, RESTART_TVS, BOOT]]),
        (
            [OLD, NEW_TVS, OLD, NEW_TVS],
            [[REGEN_TVS, RESTART_TVS, at("pub"), at("sub2"), BOOT]],
        ),
        (
            [NEW, OLD, NEW, BOTH],
            [
                [REGEN, UPDATE, RESTART_TVS, at("sub1"), at("sub2"), BOOT],
                [REGEN_TVS, RESTART_TVS, at("sub2"), BOOT],
            ],
        ),
        (
            [OLD, NEW_TVS, OLD, BOTH],
            [
                [REGEN_TVS, RESTART_TVS, at("pub"), at("sub2"), BOOT],
                [REGEN, RESTART_TVS, at("sub2"), BOOT],
            ],
        ),
    ],
    ids=[
        *("alike", "CTL not updated", "TFTP of two not restarted"),
        *("CTL not updated, one TFTP restarted", "CTL without a CallManager"),
        *("CTL updated only", "one TVS", "a chain", "a chain without the CTL"),
    ],
)
def test_nodes_keep_the_lists_that_they_have(
    lists: Sequence[Held], steps: list[list[str]]
) -> None:
    cluster = cluster_of(*lists)
    assert later_steps(cluster) == steps
    assert cluster.same_anchors


def test_what_cannot_be_rebuilt_is_said() -> None:
    crossed = cluster_of(OLD, NEW, NEW_TVS, OLD)  # no order of restarts makes them
    text = cluster_of(NEW, OLD, NEW_TVS, OLD, dated=False)
    automatic = cluster_of(OLD, NEW, OLD, OLD, version="14SU3")
    for cluster in (crossed, text, automatic):
        assert Topic.ITLS in topics(cluster)
        assert not cluster.same_anchors


def test_text_without_dates_is_a_guess_unless_it_is_in_no_need_of_one() -> None:
    guessed = cluster_of(OLD, NEW, NEW, NEW, dated=False)
    assert later_steps(guessed) == later_steps(cluster_of(OLD, NEW, NEW, NEW))
    assert Topic.ORDER in topics(guessed)
    assert not guessed.same_anchors
    assert Topic.ORDER not in topics(cluster_of(OLD, OLD, OLD, OLD, dated=False))


def test_a_token_ctl_and_its_itls_name_one_node_in_two_ways() -> None:
    """The CTL Client writes addresses as names: no certificate of several nodes."""
    ctl = a_list("", OLD)
    named = [
        ImportedRecord(
            each.role, each.address or "", each.address, each.subject, each.serial, 2048
        )
        if each.role == Role.CCM_TFTP
        else each
        for each in ctl.entries
    ]
    client = ImportedList(ctl.kind, "cn=SAST-1", "AA", tuple(named), "ctl")
    itls = [a_list(node, OLD) for node in NODES]
    cluster = read_cluster([client, *itls], Known(version="10.5(1)"))
    assert [node.name for node in cluster.nodes] == list(NODES)
    assert Topic.SHARED not in topics(cluster)


def test_addresses_of_an_emptied_ctl_are_no_further_nodes() -> None:
    """ITLs as text have names without addresses, the CTL Client's CTL the reverse."""
    token = ImportedRecord(Role.SAST, "", None, "cn=SAST-1", "AA", 1024)
    ctl = ImportedList(
        FileKind.CTL, token.subject, "AA", (token, *map(emptied, NODES)), "ctl"
    )
    itls = [a_list(node, OLD, dated=False) for node in NODES]
    as_text = [
        replace(
            each, entries=tuple(replace(entry, address=None) for entry in each.entries)
        )
        for each in itls
    ]
    for lists in ([ctl, *itls], [ctl, *as_text]):
        cluster = read_cluster(lists, Known(version="11.5(1)"))
        assert [node.name for node in cluster.nodes] == list(NODES)
    alone = read_cluster([ctl, as_text[0]], Known(version="11.5(1)"))
    assert [node.name for node in alone.nodes] == list(
        NODES
    )  # its TVS records name all
    assert len(read_cluster([ctl], Known(version="11.5(1)")).nodes) == len(NODES)


def test_an_itlrecovery_of_another_cluster_is_no_earlier_one_of_this() -> None:
    """A bulk import puts it into Phone-SAST-trust, and so into the CTL (12.5)."""
    lists = [a_list("", OLD), *(a_list(node, OLD) for node in NODES)]
    own = lists[0].entries[-1]
    other = replace(own, subject="CN=ITLRECOVERY_old-pub;O=Example", serial="AA")
    lists[0] = replace(lists[0], entries=(*lists[0].entries, other))
    cluster = read_cluster(lists, Known(version="12.5(1)", tftp_names=NODES))
    assert later_steps(cluster) == []
    (said,) = (each for each in cluster.approximations if each.topic is Topic.ROLES)
    assert "left out" in said.what
    assert "CN=ITLRECOVERY_old-pub" in said.what
    units = {each.serial: each.unit for each in cluster.certificates}
    assert (units["AA"], units[own.serial]) == ("trust", "ITLRecovery")
    assert not cluster.same_anchors
