"""Rotations of keys as a table: what changed, and what a phone makes of it.

One row a case (REFERENCE 7): the state that the phone has taken, the state that it
meets next, and for both lists the action with who verified it, or why it was refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.rigs.cluster import PUB, SUB, Authority, Lab, UnsignedList, keypair, record
from tests.rigs.phone_bench import nodes_of, phone
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.anchors import FileKind

Nodes = dict[str, Authority]


@dataclass(frozen=True)
class Case:
    name: str
    before: Callable[[], Nodes]
    after: Callable[[], Nodes]
    ctl: str
    itl: str
    model: str = "7975"
    servers: tuple[str, ...] = (PUB, SUB)


RECOVERY = keypair("ITLRECOVERY_cucm-pub")
NEW_RECOVERY = keypair("ITLRECOVERY_cucm-pub", 2)
TOKEN, SPARE = keypair("SAST-ADN0054f509"), keypair("SAST-ADN008580ef")
OLD, MIXED = Lab(), Lab(mixed=True)
REGENERATED = MIXED.regenerate_callmanager()
BOTH = REGENERATED.regenerate_tvs()


def lists_by_recovery(lab: Lab, recovery: object = RECOVERY) -> Nodes:
    """12.0 and later: ITLRecovery signs both lists, CallManager is the second SAST."""
    assert isinstance(recovery, type(RECOVERY))
    nodes = nodes_of(lab)
    for node in nodes.values():
        assert node.ctl
        assert node.itl
        extra = record(recovery, Role.SAST)
        node.ctl = UnsignedList((extra, *node.ctl.records), recovery)
        node.itl = UnsignedList((extra, *node.itl.records), recovery)
        node.know(recovery, Role.SAST)
    return nodes


def signed_by_callmanager(nodes: Nodes, lab: Lab) -> Nodes:
    """`utils ctl reset localkey` and its ITL twin in 12.0 and later."""
    for node in nodes.values():
        assert node.ctl
        assert node.itl
        node.ctl = replace(node.ctl, signer=lab.callmanager_pub)
        node.itl = replace(node.itl, signer=lab.callmanager_pub)
    return nodes


def token_ctl(lab: Lab, *, known: bool) -> Nodes:
    nodes = nodes_of(lab)
    for node in nodes.values():
        records = (
            record(TOKEN, Role.SAST),
            *lab.ctl().records[1:],
            record(SPARE, Role.SAST),
        )
        node.ctl = UnsignedList(records, TOKEN)
        if known:
            node.know(TOKEN, Role.SAST)
    return nodes


def reset_itl(lab: Lab, signer: object) -> Nodes:
    """`utils itl reset localkey` of 10.5: ITLRecovery signs an ITL for the nodes."""
    assert isinstance(signer, type(RECOVERY))
    nodes = nodes_of(lab)
    for node in nodes.values():
        assert node.itl
        records = (record(signer, Role.SAST), *node.itl.records)
        node.itl = UnsignedList(records, signer)
    return nodes


def itl_with_recovery(lab: Lab) -> Nodes:
    nodes = nodes_of(lab)
    for node in nodes.values():
        assert node.itl
        records = (*node.itl.records, record(RECOVERY, Role.SAST))
        node.itl = replace(node.itl, records=records)
    return nodes


CASES = [
    Case("7.1 mixed mode", lambda: nodes_of(OLD), lambda: nodes_of(MIXED),
         "installed installed-itl", "updated installed-ctl"),
    Case("7.1 mixed mode, subscriber first", lambda: nodes_of(OLD),
         lambda: nodes_of(MIXED), "installed tvs", "updated installed-itl",
         servers=(SUB, PUB)),
    Case("7.2 tokens to tokenless", lambda: token_ctl(MIXED, known=True),
         lambda: nodes_of(MIXED), "updated installed-itl", "unchanged None"),
    Case("7.2 tokens to tokenless without SBD", lambda: token_ctl(MIXED, known=True),
         lambda: nodes_of(MIXED), "rejected cannot ask TVS", "none", model="7960"),
    Case("7.3 tokenless to tokens", lambda: nodes_of(MIXED),
         lambda: token_ctl(MIXED, known=True), "updated tvs", "unchanged None"),
    Case("7.3 a token that TVS does not know", lambda: nodes_of(MIXED),
         lambda: token_ctl(MIXED, known=False), "rejected does not vouch",
         "unchanged None"),
    Case("7.4 CallManager regenerated", lambda: nodes_of(MIXED),
         lambda: nodes_of(REGENERATED), "updated tvs", "updated installed-ctl"),
    Case("7.4 the same, subscriber first", lambda: nodes_of(MIXED),
         lambda: nodes_of(REGENERATED), "updated tvs", "unchanged None",
         servers=(SUB, PUB)),
    Case("7.4 without SBD", lambda: nodes_of(MIXED), lambda: nodes_of(REGENERATED),
         "rejected cannot ask TVS", "none", model="7940"),
    Case("7.4 in 12.x", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(REGENERATED), "updated installed-ctl",
         "updated installed-ctl"),
    Case("7.4 in 12.x without SBD", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(REGENERATED), "updated installed-ctl", "none",
         model="7960"),
    Case("7.5 TVS regenerated", lambda: nodes_of(MIXED),
         lambda: nodes_of(MIXED.regenerate_tvs()), "unchanged None",
         "updated installed-ctl"),
    Case("7.7 ITLRecovery, proper order", lambda: lists_by_recovery(MIXED),
         lambda: signed_by_callmanager(lists_by_recovery(MIXED, NEW_RECOVERY), MIXED),
         "updated installed-ctl", "updated installed-ctl"),
    Case("7.7 ITLRecovery, directly", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(MIXED, NEW_RECOVERY), "updated tvs",
         "updated installed-ctl"),
    Case("7.7 directly, without SBD", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(MIXED, NEW_RECOVERY), "rejected cannot ask TVS",
         "none", model="7960"),
    Case("7.8 CallManager and TVS together", lambda: nodes_of(MIXED),
         lambda: nodes_of(BOTH), "rejected no TVS server can be used",
         "rejected no TVS server can be used", servers=(PUB,)),
    Case("7.8 in 12.x", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(BOTH), "updated installed-ctl",
         "updated installed-ctl"),
    Case("7.8 all three", lambda: lists_by_recovery(MIXED),
         lambda: lists_by_recovery(BOTH, NEW_RECOVERY),
         "rejected no TVS server can be used", "rejected no TVS server can be used"),
    Case("7.8 recovery by reset localkey", lambda: itl_with_recovery(OLD),
         lambda: reset_itl(OLD.regenerate_callmanager().regenerate_tvs(), RECOVERY),
         "absent None", "updated installed-itl"),
    Case("7.8 ITLRecovery that the phone never saw", lambda: nodes_of(OLD),
         lambda: reset_itl(OLD.regenerate_callmanager().regenerate_tvs(), RECOVERY),
         "absent None", "rejected no TVS server can be used"),
    Case("7.20 offline during two changes", lambda: nodes_of(MIXED),
         lambda: nodes_of(MIXED.regenerate_callmanager(3)), "updated tvs",
         "updated installed-ctl"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_phones_make_of_a_rotation(case: Case) -> None:
    bench = phone(case.before(), model=case.model, servers=case.servers)
    assert bench.boot().report.holds_what_is_served
    bench.nodes = case.after()
    files = bench.boot().report.files
    for kind, expected in ((FileKind.CTL, case.ctl), (FileKind.ITL, case.itl)):
        if expected == "none":
            assert kind not in files
            continue
        action, _, detail = expected.partition(" ")
        assert files[kind].action == action
        if action == "rejected":
            assert detail in (files[kind].reason or "")
        else:
            assert str(files[kind].verified_by) == detail


def test_a_phone_settles_after_every_rotation_that_it_survives() -> None:
    for case in CASES:
        if "rejected" in (case.ctl + case.itl):
            continue
        bench = phone(case.before(), model=case.model, servers=case.servers)
        bench.boot()
        bench.nodes = case.after()
        bench.boot()
        second = bench.boot().report
        assert second.holds_what_is_served, case.name
        for kind in (FileKind.CTL, FileKind.ITL):
            if (file := second.files.get(kind)) is not None:
                assert file.action in (FileAction.UNCHANGED, FileAction.ABSENT), (
                    case.name
                )
