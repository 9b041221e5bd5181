"""The decision rules of REFERENCE 4.2, each under its number."""

from dataclasses import replace

import pytest

from phone_emulator.secd.events import Habits
from phone_emulator.secd.report import Action, Outcome
from protocol.codes import Role
from protocol.trust_anchors import FileKind, VerifiedBy
from tests.cluster import DEVICE, PUB, SUB, Authority, Lab, keypair, record
from tests.phone_bench import Bench, nodes_of, phone

CTL, ITL, CONFIGURATION = FileKind.CTL, FileKind.ITL, FileKind.CONFIGURATION


def booted(lab: Lab, *, servers: tuple[str, ...] = (PUB, SUB)) -> Bench:
    """Return a phone that has booted once against `lab`."""
    bench = phone(nodes_of(lab), servers=servers)
    bench.boot()
    return bench


def reboot(bench: Bench, lab: Lab) -> Bench:
    bench.nodes = nodes_of(lab)
    bench.boot()
    return bench


def fate(bench: Bench, kind: FileKind) -> tuple[Action, VerifiedBy | None, int | None]:
    report = bench.secd.report.files[kind]
    return report.action, report.verified_by, report.rule


NON_SECURE, MIXED = Lab(), Lab(mixed=True)
REGENERATED = MIXED.regenerate_callmanager()


def test_rule_1_a_missing_file_keeps_what_is_installed() -> None:
    bench = booted(MIXED)
    held = bench.contents
    bench.nodes = {PUB: Authority()}
    report = bench.boot().report
    assert bench.contents == held
    assert fate(bench, CTL) == (Action.ABSENT, None, 1)
    assert "File Not Found <CTLFile.tlv>" in report.status_messages
    assert report.files[CTL].held == held.ctl


def test_rule_1_silent_servers_keep_what_is_installed() -> None:
    bench = booted(MIXED)
    held = bench.contents
    bench.nodes = {}
    report = bench.boot().report
    assert bench.contents == held
    assert report.outcome is Outcome.UNREACHABLE
    assert report.status_messages == ["TFTP timeout"]


def test_rule_2_an_empty_phone_takes_its_first_lists() -> None:
    bench = booted(MIXED)
    assert fate(bench, CTL) == (Action.INSTALLED, VerifiedBy.FIRST_USE, 2)
    assert bench.secd.report.status_messages == ["CTL and ITL installed"]
    assert bench.secd.report.outcome is Outcome.OK


def test_rule_2_holds_for_the_whole_first_boot() -> None:
    """The subscriber's ITL has a signer who is no SAST of the tokenless CTL."""
    bench = booted(MIXED, servers=(SUB,))
    assert fate(bench, ITL) == (Action.INSTALLED, VerifiedBy.FIRST_USE, 2)
    bench.boot()
    assert fate(bench, ITL) == (Action.UNCHANGED, None, 8)


def test_rule_2_ends_with_the_first_boot() -> None:
    bench = booted(MIXED)
    bench.lose("itl")
    bench.nodes = {PUB: nodes_of(MIXED)[SUB]}
    bench.boot()
    action, _, rule = fate(bench, ITL)
    assert (action, rule) == (Action.REJECTED, 7)


def test_rule_2_an_empty_phone_takes_no_list_without_its_signers_record() -> None:
    lab = replace(NON_SECURE)
    stranger = keypair("stranger")
    nodes = nodes_of(lab)
    nodes[PUB].itl = replace(lab.itl(), signer=stranger)
    bench = phone(nodes)
    bench.boot()
    action, _, rule = fate(bench, ITL)
    assert (action, rule) == (Action.REJECTED, 2)


def test_rule_3_the_installed_ctl_vouches_for_the_next() -> None:
    bench = booted(MIXED)
    newer = nodes_of(MIXED)
    newer[PUB].ctl = replace(MIXED.ctl(), timestamp=1_600_000_001)
    bench.nodes = newer
    bench.boot()
    assert fate(bench, CTL) == (Action.UPDATED, VerifiedBy.INSTALLED_CTL, 3)


def test_rule_3_the_installed_itl_vouches_for_the_first_ctl() -> None:
    bench = reboot(booted(NON_SECURE), MIXED)
    assert fate(bench, CTL) == (Action.INSTALLED, VerifiedBy.INSTALLED_ITL, 3)
    assert "CTL Installed" in bench.secd.report.status_messages


def test_rule_4_tvs_vouches_for_a_ctl() -> None:
    bench = reboot(booted(MIXED), REGENERATED)
    assert fate(bench, CTL) == (Action.UPDATED, VerifiedBy.TVS, 4)
    (query,) = bench.secd.report.tvs
    assert (query.status, query.roles, query.ttl) == ("trusted", (2, 0), 86_400)
    assert bench.secd.report.status_messages == ["Trust List updated"]


def test_rule_4_tvs_vouches_for_a_ctl_to_phones_of_the_subscriber() -> None:
    bench = reboot(booted(NON_SECURE, servers=(SUB, PUB)), MIXED)
    assert fate(bench, CTL) == (Action.INSTALLED, VerifiedBy.TVS, 4)


def test_rule_4_tvs_vouches_for_an_itl() -> None:
    bench = reboot(booted(NON_SECURE), NON_SECURE.regenerate_callmanager())
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.TVS, 4)


def test_rule_5_a_fresh_ctl_vouches_for_the_new_itl() -> None:
    bench = reboot(booted(MIXED), REGENERATED)
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.INSTALLED_CTL, 5)
    assert len(bench.secd.report.tvs) == 1


def test_rule_6_the_installed_itl_vouches_for_the_next() -> None:
    bench = reboot(booted(NON_SECURE), NON_SECURE.regenerate_tvs())
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.INSTALLED_ITL, 6)


def test_rule_6_behind_a_ctl_whose_signer_is_another() -> None:
    bench = booted(MIXED, servers=(SUB,))
    changed = nodes_of(MIXED.regenerate_tvs())
    changed[SUB].ctl = MIXED.ctl()
    bench.nodes = changed
    bench.boot()
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.INSTALLED_ITL, 6)


@pytest.mark.parametrize("tvs", ["negative", "unreachable"])
def test_rule_7_without_tvs_an_unknown_signer_is_refused(tvs: str) -> None:
    bench = booted(MIXED)
    held = bench.contents
    bench.nodes = nodes_of(REGENERATED)
    for node in bench.nodes.values():
        node.known.clear()
        node.tvs_down = tvs == "unreachable"
    report = bench.boot().report
    assert bench.contents == held
    assert fate(bench, CTL)[::2] == (Action.REJECTED, 7)
    assert fate(bench, ITL)[::2] == (Action.REJECTED, 7)
    assert "Trust List update failed" in report.status_messages
    assert report.outcome is Outcome.REJECTED


def test_rule_7_without_an_accepted_configuration_nobody_can_be_asked() -> None:
    bench = booted(MIXED)
    bench.lose("configuration")
    reboot(bench, REGENERATED)
    assert fate(bench, CTL)[::2] == (Action.REJECTED, 7)
    assert bench.secd.report.tvs == []


def test_rule_8_identical_files_are_no_update() -> None:
    bench = booted(MIXED)
    report = bench.boot().report
    assert {file.action for file in report.files.values()} == {Action.UNCHANGED}
    assert fate(bench, CTL) == (Action.UNCHANGED, None, 8)
    assert report.status_messages == []
    assert report.outcome is Outcome.OK


def test_rule_9_a_configuration_by_a_tftp_server_of_the_lists() -> None:
    bench = booted(MIXED)
    action, by, rule = fate(bench, CONFIGURATION)
    assert (action, by, rule) == (Action.INSTALLED, VerifiedBy.INSTALLED_CTL, 9)
    assert bench.secd.report.files[CONFIGURATION].requested == f"{DEVICE}.cnf.xml.sgn"


def test_rule_8_can_be_switched_off() -> None:
    again = Habits(identical_file_is_an_update=True)
    bench = phone(nodes_of(MIXED), habits=again)
    bench.boot()
    bench.boot()
    assert fate(bench, CTL) == (Action.UPDATED, VerifiedBy.INSTALLED_CTL, 3)


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
    assert fate(bench, CONFIGURATION)[::2] == (Action.REJECTED, 9)
    assert bench.contents.configuration == held
    assert f"TFTP Error : {DEVICE}.cnf.xml.sgn" in report.status_messages


def test_rule_10_a_tftp_server_that_the_ctl_does_not_name() -> None:
    bench = booted(MIXED)
    elsewhere = "127.0.47.200"
    bench.nodes = {elsewhere: nodes_of(MIXED)[PUB]}
    bench.identity = phone({}, servers=(elsewhere,)).identity
    bench.boot()
    assert fate(bench, CTL)[0] is Action.UNCHANGED
    assert fate(bench, CONFIGURATION)[::2] == (Action.REJECTED, 10)


def test_rule_10_the_next_server_may_be_named() -> None:
    bench = booted(MIXED)
    elsewhere = "127.0.47.200"
    bench.nodes = {elsewhere: nodes_of(MIXED)[PUB], **nodes_of(MIXED)}
    bench.identity = phone({}, servers=(elsewhere, PUB)).identity
    bench.boot()
    assert fate(bench, CONFIGURATION)[0] is Action.UNCHANGED


def test_rule_10_can_be_switched_off() -> None:
    elsewhere = "127.0.47.200"
    bench = phone(
        {elsewhere: nodes_of(MIXED)[PUB]},
        servers=(elsewhere,),
        habits=Habits(authorises_tftp=False),
    )
    bench.boot()
    assert fate(bench, CONFIGURATION)[0] is Action.INSTALLED


def test_rule_11_a_blank_itl_lets_plain_configurations_and_any_itl_in() -> None:
    bench = booted(NON_SECURE)
    blank = nodes_of(NON_SECURE)
    blank[PUB].itl = NON_SECURE.blank_itl()
    bench.nodes = blank
    bench.boot()
    assert fate(bench, ITL)[1:] == (VerifiedBy.INSTALLED_ITL, 6)
    assert fate(bench, CONFIGURATION)[::2] == (Action.UNCHANGED, 11)
    requested = bench.secd.report.files[CONFIGURATION].requested
    assert requested == f"{DEVICE}.cnf.xml"
    other = Lab(callmanager_pub=keypair("other-pub"), tvs_pub=keypair("other-tvs"))
    reboot(bench, other)
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.FIRST_USE, 11)


def test_rule_11_a_blank_itl_does_not_help_a_phone_with_a_ctl() -> None:
    bench = booted(MIXED)
    blank = nodes_of(MIXED)
    blank[PUB].itl = MIXED.blank_itl()
    bench.nodes = blank
    bench.boot()
    other = Lab(callmanager_pub=keypair("other-pub"), tvs_pub=keypair("other-tvs"))
    reboot(bench, other)
    assert fate(bench, ITL)[::2] == (Action.REJECTED, 7)


def test_rule_11_a_ctl_without_tftp_records_and_no_itl() -> None:
    nodes = {PUB: MIXED.authority()}
    nodes[PUB].ctl, nodes[PUB].itl = MIXED.emptied_ctl(), None
    bench = phone(nodes, model="7960", servers=(PUB,))
    bench.boot()
    assert fate(bench, CONFIGURATION)[::2] == (Action.INSTALLED, 11)


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
        {}, servers=(there,), habits=Habits(authorises_tftp=False)
    ).identity
    bench.boot()
    assert fate(bench, ITL) == (Action.UPDATED, VerifiedBy.TVS, 4)
    assert fate(bench, CONFIGURATION)[0] is Action.UNCHANGED
    assert fate(bench, CONFIGURATION)[2] == 9


def test_a_phone_without_security_by_default_refuses_every_new_signer() -> None:
    bench = phone(nodes_of(MIXED), model="7960")
    bench.boot()
    assert ITL not in bench.secd.report.files
    reboot(bench, REGENERATED)
    assert fate(bench, CTL)[::2] == (Action.REJECTED, 7)
    assert "CTL update failed" in bench.secd.report.status_messages
    assert bench.secd.report.tvs == []
    bench.lose("ctl")
    bench.boot()
    assert fate(bench, CTL) == (Action.INSTALLED, VerifiedBy.FIRST_USE, 2)


def test_secure_mode_without_a_ctl_is_no_good_boot() -> None:
    nodes = nodes_of(NON_SECURE)
    configuration = nodes[PUB].configuration
    assert configuration is not None
    nodes[PUB].configuration = replace(configuration, security_mode=2)
    bench = phone(nodes)
    assert bench.boot().report.outcome is Outcome.DEGRADED


def test_a_ctl_of_an_emptied_cluster_still_takes_signed_configurations() -> None:
    """The ITL has TFTP records: after mixed to non-secure `.sgn` is still asked for."""
    bench = booted(MIXED)
    nodes = nodes_of(MIXED)
    nodes[PUB].ctl = MIXED.emptied_ctl()
    bench.nodes = nodes
    bench.boot()
    assert fate(bench, CTL)[:2] == (Action.UPDATED, VerifiedBy.INSTALLED_CTL)
    assert fate(bench, CONFIGURATION)[0] is Action.UNCHANGED


def test_a_record_is_not_trusted_for_a_role_that_it_does_not_have() -> None:
    """A CCM+TFTP record of the ITL may not sign lists."""
    bench = booted(MIXED)
    nodes = nodes_of(MIXED)
    sub = MIXED.callmanager_sub
    for node in nodes.values():
        node.known.clear()
    nodes[PUB].ctl = replace(MIXED.ctl(), records=(record(sub, Role.SAST),), signer=sub)
    bench.nodes = nodes
    bench.boot()
    assert fate(bench, CTL)[::2] == (Action.REJECTED, 7)
