"""The decision rules of REFERENCE 4.2 about lists, each under its number."""

from dataclasses import replace

import pytest

from tests.rigs.cluster import (
    DEVICE,
    PUB,
    SUB,
    Authority,
    Lab,
    configuration,
    keypair,
    record,
)
from tests.rigs.phone_bench import booted, fate, nodes_of, phone, reboot
from tokenless.phone_emulator.secd.events import PhoneBehaviour
from tokenless.phone_emulator.secd.report import FileAction, Outcome
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.anchors import FileKind, VerifiedBy

CTL, ITL, CONFIGURATION = FileKind.CTL, FileKind.ITL, FileKind.CONFIGURATION
NON_SECURE, MIXED = Lab(), Lab(mixed=True)
PLAIN = configuration().encode()
REGENERATED = MIXED.regenerate_callmanager()


def test_rule_1_a_missing_file_keeps_what_is_installed() -> None:
    bench = booted(MIXED)
    held = bench.contents
    bench.nodes = {PUB: Authority()}
    report = bench.boot().report
    assert bench.contents == held
    assert fate(bench, CTL) == (FileAction.ABSENT, None, 1)
    assert "File Not Found <CTLFile.tlv>" in report.status_messages
    assert report.files[CTL].held == held.ctl


def test_rule_1_an_empty_list_is_a_missing_one() -> None:
    """Sites without CUCM serve empty lists so that phones go on."""
    empty = {"CTLFile.tlv": b"", "ITLFile.tlv": b"", f"{DEVICE}.cnf.xml": PLAIN}
    bench = phone({PUB: Authority(files=dict(empty))})
    report = bench.boot().report
    assert fate(bench, CTL) == fate(bench, ITL) == (FileAction.ABSENT, None, 1)
    assert fate(bench, CONFIGURATION)[0] is FileAction.INSTALLED
    assert report.outcome is Outcome.OK
    assert (bench.contents.ctl, bench.contents.itl) == (None, None)


def test_rule_1_an_empty_list_of_its_own_sends_a_phone_to_the_common_one() -> None:
    bench = phone(nodes_of(MIXED))
    bench.nodes[PUB].files[f"CTL{DEVICE}.tlv"] = b""
    bench.boot()
    assert fate(bench, CTL)[0] is FileAction.INSTALLED


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
    assert fate(bench, CTL) == (FileAction.INSTALLED, VerifiedBy.FIRST_USE, 2)
    assert bench.secd.report.status_messages == ["CTL and ITL installed"]
    assert bench.secd.report.outcome is Outcome.OK


def test_rule_2_holds_for_the_whole_first_boot() -> None:
    """The subscriber's ITL has a signer who is no SAST of the tokenless CTL."""
    bench = booted(MIXED, servers=(SUB,))
    assert fate(bench, ITL) == (FileAction.INSTALLED, VerifiedBy.FIRST_USE, 2)
    bench.boot()
    assert fate(bench, ITL) == (FileAction.UNCHANGED, None, 8)


def test_rule_2_ends_with_the_first_boot() -> None:
    bench = booted(MIXED)
    bench.lose("itl")
    bench.nodes = {PUB: nodes_of(MIXED)[SUB]}
    bench.boot()
    action, _, rule = fate(bench, ITL)
    assert (action, rule) == (FileAction.REJECTED, 7)


def test_rule_2_an_empty_phone_takes_no_list_without_its_signers_record() -> None:
    lab = replace(NON_SECURE)
    stranger = keypair("stranger")
    nodes = nodes_of(lab)
    nodes[PUB].itl = replace(lab.itl(), signer=stranger)
    bench = phone(nodes)
    bench.boot()
    action, _, rule = fate(bench, ITL)
    assert (action, rule) == (FileAction.REJECTED, 2)


def test_rule_3_the_installed_ctl_vouches_for_the_next() -> None:
    bench = booted(MIXED)
    newer = nodes_of(MIXED)
    newer[PUB].ctl = replace(MIXED.ctl(), timestamp=1_600_000_001)
    bench.nodes = newer
    bench.boot()
    assert fate(bench, CTL) == (FileAction.UPDATED, VerifiedBy.INSTALLED_CTL, 3)


def test_rule_3_the_installed_itl_vouches_for_the_first_ctl() -> None:
    bench = reboot(booted(NON_SECURE), MIXED)
    assert fate(bench, CTL) == (FileAction.INSTALLED, VerifiedBy.INSTALLED_ITL, 3)
    assert "CTL Installed" in bench.secd.report.status_messages


def test_rule_4_tvs_vouches_for_a_ctl() -> None:
    bench = reboot(booted(MIXED), REGENERATED)
    assert fate(bench, CTL) == (FileAction.UPDATED, VerifiedBy.TVS, 4)
    (query,) = bench.secd.report.tvs
    assert (query.status, query.roles, query.ttl) == ("trusted", (2, 0), 86_400)
    assert bench.secd.report.status_messages == ["Trust List updated"]


def test_rule_4_tvs_vouches_for_a_ctl_to_phones_of_the_subscriber() -> None:
    bench = reboot(booted(NON_SECURE, servers=(SUB, PUB)), MIXED)
    assert fate(bench, CTL) == (FileAction.INSTALLED, VerifiedBy.TVS, 4)


def test_rule_4_tvs_vouches_for_an_itl() -> None:
    bench = reboot(booted(NON_SECURE), NON_SECURE.regenerate_callmanager())
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.TVS, 4)


def test_rule_5_a_fresh_ctl_vouches_for_the_new_itl() -> None:
    bench = reboot(booted(MIXED), REGENERATED)
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.INSTALLED_CTL, 5)
    assert len(bench.secd.report.tvs) == 1


def test_rule_6_the_installed_itl_vouches_for_the_next() -> None:
    bench = reboot(booted(NON_SECURE), NON_SECURE.regenerate_tvs())
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.INSTALLED_ITL, 6)


def test_rule_6_behind_a_ctl_whose_signer_is_another() -> None:
    bench = booted(MIXED, servers=(SUB,))
    changed = nodes_of(MIXED.regenerate_tvs())
    changed[SUB].ctl = MIXED.ctl()
    bench.nodes = changed
    bench.boot()
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.INSTALLED_ITL, 6)


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
    assert fate(bench, CTL)[::2] == (FileAction.REJECTED, 7)
    assert fate(bench, ITL)[::2] == (FileAction.REJECTED, 7)
    assert "Trust List update failed" in report.status_messages
    assert report.outcome is Outcome.REJECTED


def test_rule_7_without_an_accepted_configuration_nobody_can_be_asked() -> None:
    bench = booted(MIXED)
    bench.lose("configuration")
    reboot(bench, REGENERATED)
    assert fate(bench, CTL)[::2] == (FileAction.REJECTED, 7)
    assert bench.secd.report.tvs == []


def test_rule_8_identical_files_are_no_update() -> None:
    bench = booted(MIXED)
    report = bench.boot().report
    assert {file.action for file in report.files.values()} == {FileAction.UNCHANGED}
    assert fate(bench, CTL) == (FileAction.UNCHANGED, None, 8)
    assert report.status_messages == []
    assert report.outcome is Outcome.OK


def test_rule_8_can_be_switched_off() -> None:
    again = PhoneBehaviour(identical_file_is_an_update=True)
    bench = phone(nodes_of(MIXED), habits=again)
    bench.boot()
    bench.boot()
    assert fate(bench, CTL) == (FileAction.UPDATED, VerifiedBy.INSTALLED_CTL, 3)


def test_rule_11_a_blank_itl_lets_plain_configurations_and_any_itl_in() -> None:
    bench = booted(NON_SECURE)
    blank = nodes_of(NON_SECURE)
    blank[PUB].itl = NON_SECURE.blank_itl()
    bench.nodes = blank
    bench.boot()
    assert fate(bench, ITL)[1:] == (VerifiedBy.INSTALLED_ITL, 6)
    assert fate(bench, CONFIGURATION)[::2] == (FileAction.UNCHANGED, 11)
    requested = bench.secd.report.files[CONFIGURATION].requested
    assert requested == f"{DEVICE}.cnf.xml"
    other = Lab(callmanager_pub=keypair("other-pub"), tvs_pub=keypair("other-tvs"))
    reboot(bench, other)
    assert fate(bench, ITL) == (FileAction.UPDATED, VerifiedBy.FIRST_USE, 11)


def test_rule_11_a_blank_itl_does_not_help_a_phone_with_a_ctl() -> None:
    bench = booted(MIXED)
    blank = nodes_of(MIXED)
    blank[PUB].itl = MIXED.blank_itl()
    bench.nodes = blank
    bench.boot()
    other = Lab(callmanager_pub=keypair("other-pub"), tvs_pub=keypair("other-tvs"))
    reboot(bench, other)
    assert fate(bench, ITL)[::2] == (FileAction.REJECTED, 7)


def test_a_phone_without_security_by_default_refuses_every_new_signer() -> None:
    bench = phone(nodes_of(MIXED), model="7960")
    bench.boot()
    assert ITL not in bench.secd.report.files
    reboot(bench, REGENERATED)
    assert fate(bench, CTL)[::2] == (FileAction.REJECTED, 7)
    assert "CTL update failed" in bench.secd.report.status_messages
    assert bench.secd.report.tvs == []
    bench.lose("ctl")
    bench.boot()
    assert fate(bench, CTL) == (FileAction.INSTALLED, VerifiedBy.FIRST_USE, 2)


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
    assert fate(bench, CTL)[::2] == (FileAction.REJECTED, 7)
