"""Remedies that have files made again: what is named heals, played on both sides."""

from pathlib import Path

import pytest

from tests.phone_emulator.rehearsal.playing import (
    BOOT_TWICE,
    MIXED,
    NEW,
    SUB,
    TFTP,
    TVS,
    is_stuck,
    kinds,
    play,
    statuses,
)
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.rig.clusters.cluster import RunningCluster
from tokenless.phone_emulator.rehearsal.scripts.remedy import RemedyKind
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason
from tokenless.services.changes.security import set_parameter
from tokenless.services.store.parameters import SHA1, Parameter

TVS_LAST = [
    "admin --all set cert regen TVS",
    f"admin --all {TVS}",
    "phones boot",
]
"""Regenerates what phones ask after TFTP has made its ITL: no phone has it."""
TFTP_THERE = f"admin --node {SUB} {TFTP}"


@pytest.mark.parametrize("version", ["11.5", "12.5"])
def test_a_new_itl_that_phones_take_is_named_and_heals_at_the_second_boot(
    tmp_path: Path, version: str
) -> None:
    """Before 12.0 the subscriber's CallManager signs it, which its phones know."""
    change = [
        "admin set cert regen ITLRecovery",
        "admin set cert regen CallManager",
        "admin utils ctl update CTLFile",
        f"admin --all {TFTP}",
        *TVS_LAST,
    ]
    played = play(tmp_path, version, MIXED, change, [TFTP_THERE, *BOOT_TWICE])
    _, stuck, after = statuses(played)

    assert {each.code for each in stuck.refusals} == {Reason.TVS_NOT_IN_ITL}
    heals = version == "11.5"
    named = [each for each in stuck.remedies if each.kind is RemedyKind.RESTART_TFTP]
    assert [each.about for each in named] == ([(SUB,)] if heals else [])
    assert all("twice" in each.text for each in named)
    assert is_stuck(after) is not heals


def test_a_new_itl_heals_phones_of_a_reset_one(tmp_path: Path) -> None:
    """The publisher's ITL does not list the signer of a subscriber's configurations."""
    reset = ["admin utils itl reset localkey", *BOOT_TWICE]
    heal = [TFTP_THERE, "phones boot"]
    played = play(tmp_path, "12.5", ["phones boot"], reset, TVS_LAST, reset, heal)
    _, taken, *stuck, healed = statuses(played)

    assert not is_stuck(taken)
    for status in stuck:
        assert {each.file for each in status.refusals} == {FileKind.CONFIGURATION}
        assert status.remedies[0].kind is RemedyKind.RESTART_TFTP
        assert "twice" not in status.remedies[0].text
        assert RemedyKind.ITL_RESET_LOCALKEY not in kinds(status)
    assert not is_stuck(healed)


def _set_sha1(running: RunningCluster, _key: str, _value: str) -> None:
    """Set what no line of a script sets, as an administrator does on a page."""
    set_parameter(running.cluster, Parameter.SIGNATURE_DIGEST, SHA1, by="test")


SHA512 = 'tftp_file_signature_algorithm = "SHA-512"'
SET_BACK = "setting tvs.tls_minimum 1.0"


def _is_named_and_heals(stuck: GroupStatus, healed: GroupStatus) -> None:
    assert is_stuck(stuck)
    assert {each.code for each in stuck.refusals} == {Reason.DIGEST}
    assert RemedyKind.LOWER_DIGEST in kinds(stuck)
    assert RemedyKind.DELETE_BY_HAND not in kinds(stuck)
    assert not stuck.impact.locked_out
    assert not is_stuck(healed)


def test_the_digest_that_a_model_verifies_is_named_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunningCluster, "set", _set_sha1)
    again = ["admin utils ctl update CTLFile", f"admin --all {TFTP}", "phones boot"]
    groups = f"[cluster.parameters]\n{SHA512}\n"
    played = play(tmp_path, "12.5", MIXED, [SET_BACK, *again], groups=groups)
    _is_named_and_heals(*statuses(played))


def test_the_digest_of_another_cluster_is_named_where_phones_take_its_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunningCluster, "set", _set_sha1)
    upload = "cert upload Phone-SAST-trust new-pub:ITLRecovery"
    move = ["phones move far --to new-pub", "phones boot"]
    heal = [f"{SET_BACK} --cluster new", f"admin --cluster new {TFTP}", "phones boot"]
    groups = f"{NEW}\n[others.new.parameters]\n{SHA512}\n"
    steps = [["phones boot"], [upload, *move], heal]
    played = play(tmp_path, "12.5", *steps, groups=groups)
    _, stuck, healed = statuses(played)
    _is_named_and_heals(stuck, healed)
    assert RemedyKind.GIVE_BACK in kinds(stuck)

    played = play(tmp_path, "12.5", ["phones boot"], move, heal, groups=groups)
    _, refused, unknown = statuses(played)
    assert RemedyKind.LOWER_DIGEST not in kinds(refused)
    assert refused.remedies[-1].kind is RemedyKind.DELETE_BY_HAND
    assert is_stuck(unknown)
