"""The decision rules of REFERENCE 4.2 about configurations, each under its number."""

import pytest

from tests.rigs.cluster import DEVICE, PUB, Lab, keypair
from tests.rigs.phone_bench import booted, fate, nodes_of, phone
from tokenless.phone_emulator.secd.events import PhoneBehaviour
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy
from tokenless.protocol.trust.reasons import Reason

CTL, ITL, CONFIGURATION = FileKind.CTL, FileKind.ITL, FileKind.CONFIGURATION
MIXED = Lab(mixed=True)


def test_rule_9_a_configuration_by_a_tftp_server_of_the_lists() -> None:
    bench = booted(MIXED)
    action, by, rule = fate(bench, CONFIGURATION)
    assert (action, by, rule) == (FileAction.INSTALLED, VerifiedBy.INSTALLED_CTL, 9)
    assert bench.secd.report.files[CONFIGURATION].requested == f"{DEVICE}.cnf.xml.sgn"


@pytest.mark.parametrize("roles", [(Role.TFTP,), (Role.CCM_TFTP,), (0, Role.TFTP)])
def test_rule_9_tvs_vouches_for_a_configurations_signer(roles: tuple[int, ...]) -> None:
    bench = booted(MIXED)
    new = keypair("cucm-pub", 7)
    bench.nodes = nodes_of(MIXED)
    bench.nodes[PUB].configuration_signer = new
    bench.nodes[PUB].know(new, *roles)
    bench.boot()
    assert fate(bench, CONFIGURATION)[1:] == (VerifiedBy.TVS, 9)


@pytest.mark.parametrize("roles", [None, (Role.SAST,), (Role.CAPF,), ()])
def test_rule_9_else_the_cached_configuration_stays(
    roles: tuple[int, ...] | None,
) -> None:
    bench = booted(MIXED)
    held = bench.contents.configuration
    new = keypair("cucm-pub", 7)
    bench.nodes = nodes_of(MIXED)
    bench.nodes[PUB].configuration_signer = new
    if roles is not None:
        bench.nodes[PUB].know(new, *roles)
    report = bench.boot().report
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.REJECTED, 9)
    assert bench.contents.configuration == held
    assert f"TFTP Error : {DEVICE}.cnf.xml.sgn" in report.status_messages


def test_rule_10_a_tftp_server_that_the_ctl_does_not_name() -> None:
    bench = booted(MIXED)
    elsewhere = "127.0.47.200"
    bench.nodes = {elsewhere: nodes_of(MIXED)[PUB]}
    bench.identity = phone({}, servers=(elsewhere,)).identity
    report = bench.boot().report
    assert fate(bench, CTL)[0] is FileAction.UNCHANGED
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.REJECTED, 10)
    assert report.files[CONFIGURATION].code is Reason.NOT_AUTHORISED
    assert report.status_messages[-1] == "TFTP server not authorized"


def test_rule_10_the_next_server_may_be_named() -> None:
    bench = booted(MIXED)
    elsewhere = "127.0.47.200"
    bench.nodes = {elsewhere: nodes_of(MIXED)[PUB], **nodes_of(MIXED)}
    bench.identity = phone({}, servers=(elsewhere, PUB)).identity
    bench.boot()
    assert fate(bench, CONFIGURATION)[0] is FileAction.UNCHANGED


def test_rule_10_can_be_switched_off() -> None:
    elsewhere = "127.0.47.200"
    bench = phone(
        {elsewhere: nodes_of(MIXED)[PUB]},
        servers=(elsewhere,),
        habits=PhoneBehaviour(authorises_tftp=False),
    )
    bench.boot()
    assert fate(bench, CONFIGURATION)[0] is FileAction.INSTALLED


def test_rule_11_a_ctl_without_tftp_records_and_no_itl() -> None:
    nodes = {PUB: MIXED.authority()}
    nodes[PUB].ctl, nodes[PUB].itl = MIXED.emptied_ctl(), None
    bench = phone(nodes, model="7960", servers=(PUB,))
    bench.boot()
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.INSTALLED, 11)


def test_rule_12_phone_sast_trust_may_sign_lists_and_configurations() -> None:
    """A migration: the old cluster's TVS knows the new CallManager as 0 and 3."""
    bench = booted(MIXED)
    new = Lab(
        callmanager_pub=keypair("new-pub"),
        callmanager_sub=keypair("new-sub1"),
        tvs_pub=keypair("new-tvs"),
        tvs_sub=keypair("new-tvs-sub"),
        mixed=True,
    )
    old_nodes, there = nodes_of(MIXED), "127.0.47.200"
    for node in old_nodes.values():
        node.know(new.callmanager_pub, Role.SAST, Role.TFTP)
    served = new.authority()
    served.ctl = None
    bench.nodes = {there: served, **old_nodes}
    bench.identity = phone(
        {}, servers=(there,), habits=PhoneBehaviour(authorises_tftp=False)
    ).identity
    bench.boot()
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.TVS, 4)
    assert fate(bench, CONFIGURATION)[0] is FileAction.UNCHANGED
    assert fate(bench, CONFIGURATION)[2] == 9


def test_a_ctl_of_an_emptied_cluster_still_takes_signed_configurations() -> None:
    """The ITL has TFTP records: after mixed to non-secure `.sgn` is still asked for."""
    bench = booted(MIXED)
    nodes = nodes_of(MIXED)
    nodes[PUB].ctl = MIXED.emptied_ctl()
    bench.nodes = nodes
    bench.boot()
    assert fate(bench, CTL)[:2] == (FileAction.UPDATED, VerifiedBy.INSTALLED_CTL)
    assert fate(bench, CONFIGURATION)[0] is FileAction.UNCHANGED
