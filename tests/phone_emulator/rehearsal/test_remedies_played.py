"""Remedies are played: what is named heals, and what does not heal is not named."""

from pathlib import Path

import pytest

from tests.phone_emulator.rehearsal.playing import (
    BOOT_TWICE,
    MIXED,
    NEW,
    PUB,
    SUB,
    TFTP,
    TVS,
    is_stuck,
    kinds,
    play,
    statuses,
)
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.scripts.remedy import RemedyKind
from tokenless.protocol.trust.reasons import Reason

RESETS = {
    RemedyKind.ITL_RESET_LOCALKEY: ["admin utils itl reset localkey"],
    RemedyKind.CTL_RESET_LOCALKEY: [
        "admin utils ctl reset localkey",
        f"admin --all {TFTP}",
    ],
}
NEAR = """
[[groups]]
name = "near"
count = 1
tftp = ["cucm-1051-a-pub", "cucm-1051-a-sub1"]
"""
JABBER = """
[[groups]]
name = "jabber"
model = "Jabber"
count = 1
"""
ALL_BUT_A_SUBSCRIBERS = [
    "admin set cert regen ITLRecovery",
    "admin set cert regen CallManager",
    "admin --all set cert regen TVS",
    f"admin --all {TVS}",
]
"""Regenerates all that phones know, but the CallManager of the subscriber."""


@pytest.mark.parametrize("mode", [MIXED, ["phones boot"]], ids=["mixed", "non-secure"])
def test_a_subscribers_callmanager_signs_no_reset_from_12_0_on(
    tmp_path: Path, mode: list[str]
) -> None:
    update = ["admin utils ctl update CTLFile"] if mode is MIXED else []
    resets = [RESETS[kind] for kind in RESETS if update or kind.name[:3] == "ITL"]
    change = [*ALL_BUT_A_SUBSCRIBERS, *update, f"admin --all {TFTP}", "phones boot"]
    played = play(
        tmp_path, "12.5", mode, change, *([*lines, *BOOT_TWICE] for lines in resets)
    )
    before, *after = statuses(played)

    assert before.fewest is not None
    assert f"CallManager of {SUB}" not in before.fewest.signers
    assert len(after) == 1 + len(resets)
    for each in after:
        assert is_stuck(each)
        assert each.impact.locked_out == 1
        assert not set(kinds(each)) & set(RESETS)


def test_before_12_0_a_subscribers_callmanager_brings_its_phones_a_new_itl(
    tmp_path: Path,
) -> None:
    """Its own ITL has the new TVS certificates, and TVS vouches for the CTL then."""
    change = [*ALL_BUT_A_SUBSCRIBERS, "admin utils ctl update CTLFile"]
    restart = [f"admin --all {TFTP}", "phones boot"]
    played = play(tmp_path, "11.5", MIXED, change, restart, ["phones boot"])
    _, changed, taken, healed = statuses(played)

    assert changed.fewest is not None
    assert changed.fewest.signers == (f"CallManager of {SUB}",)
    assert not changed.impact.locked_out
    assert is_stuck(taken)
    assert not taken.impact.locked_out
    assert kinds(taken)[0] is RemedyKind.RESET_PHONES
    assert not is_stuck(healed)


@pytest.mark.parametrize(("version", "kind"), [("11.5", "ITL"), ("12.5", "CTL")])
def test_a_reset_that_is_named_heals(tmp_path: Path, version: str, kind: str) -> None:
    """Before 12.0 ITLRecovery signs it, from then on the publisher's CallManager."""
    by = RemedyKind[f"{kind}_RESET_LOCALKEY"]
    lost = "--all set cert regen CallManager"
    if version == "12.5":
        lost = "set cert regen ITLRecovery"
    change = [
        f"admin {lost}",
        "admin --all set cert regen TVS",
        f"admin --all {TVS}",
        "admin utils ctl update CTLFile",
        f"admin --all {TFTP}",
        "phones boot",
    ]
    played = play(tmp_path, version, MIXED, change, [*RESETS[by], *BOOT_TWICE])
    _, stuck, healed = statuses(played)

    assert is_stuck(stuck)
    assert by in kinds(stuck)
    assert not is_stuck(healed)


def test_a_restart_of_tftp_that_was_left_out_is_named_and_heals(tmp_path: Path) -> None:
    """TVS answered no to the old signer; one that is down would not be asked."""
    change = [
        "admin --all set cert regen CallManager",
        f"admin --node {SUB} utils service stop Cisco Trust Verification Service",
        f"phones move near --to {SUB}",
        "phones boot",
    ]
    start = f"admin --node {SUB} utils service start Cisco Trust Verification Service"
    played = play(
        tmp_path,
        "11.5",
        MIXED,
        change,
        [start, *BOOT_TWICE],
        [f"admin --node {SUB} {TFTP}", "phones boot"],
        groups=NEAR,
    )
    _, stuck, as_before, healed = statuses(played, "near")

    for status in (stuck, as_before):
        assert {each.code for each in status.refusals} == {Reason.WRONG_ROLE}
        assert status.remedies[0].kind is RemedyKind.RESTART_TFTP
        assert status.remedies[0].about == (SUB,)
        assert RemedyKind.START_TVS not in kinds(status)
        assert RemedyKind.RESET_PHONES not in kinds(status)
    assert not is_stuck(healed)


def test_a_restart_of_tftp_is_named_for_phones_that_would_be_stuck(
    tmp_path: Path,
) -> None:
    change = [
        "admin --all set cert regen CallManager",
        f"phones move near --to {SUB}",
    ]
    played = play(
        tmp_path,
        "11.5",
        MIXED,
        change,
        [f"admin --node {SUB} {TFTP}", "phones boot"],
        groups=NEAR,
    )
    _, later, healed = statuses(played, "near")

    assert later.impact.would_be_stuck == 1
    assert later.remedies[0].kind is RemedyKind.RESTART_TFTP
    assert later.remedies[0].about == (SUB,)
    assert not is_stuck(healed)


def test_a_tvs_that_is_started_vouches_for_what_no_tvs_could_be_asked(
    tmp_path: Path,
) -> None:
    stop = "admin --all utils service stop Cisco Trust Verification Service"
    change = [
        "admin --all set cert regen CallManager",
        f"admin --all {TFTP}",
        stop,
        "phones boot",
    ]
    start = f"admin --node {SUB} utils service start Cisco Trust Verification Service"
    played = play(tmp_path, "11.5", ["phones boot"], change, [start], ["phones boot"])
    _, stuck, started, healed = statuses(played)

    assert kinds(stuck)[0] is RemedyKind.START_TVS
    assert is_stuck(started)
    assert kinds(started)[0] is RemedyKind.RESET_PHONES
    assert not is_stuck(healed)


def _moved_to_another_cluster(folder: Path, *steps: list[str]) -> Played:
    """Move phones from 11.5 to 15, both mixed; one of two signers was uploaded."""
    both_mixed = [
        *MIXED[:2],
        "admin --cluster new utils ctl set-cluster mixed-mode",
        f"admin --cluster new {TFTP}",
        "phones boot",
    ]
    move = [
        "cert upload Phone-SAST-trust new-pub:CallManager",
        "phones move far jabber --to new-pub",
        "phones boot",
    ]
    return play(folder, "11.5", both_mixed, move, *steps, groups=JABBER + NEW)


def test_a_ctl_of_a_signer_that_phones_refuse_is_not_named(tmp_path: Path) -> None:
    update = "utils ctl update CTLFile"
    updates = [
        [f"admin --cluster new {update}", f"admin --cluster new {TFTP}", "phones boot"],
        [f"admin {update}", f"admin --all {TFTP}", "phones boot"],
    ]
    upload = ["cert upload Phone-SAST-trust new-pub:ITLRecovery", "phones boot"]
    played = _moved_to_another_cluster(tmp_path, *updates, upload)

    *stuck, healed = statuses(played)[1:]
    for status in stuck:
        assert is_stuck(status)
        assert Reason.NOT_AUTHORISED in {each.code for each in status.refusals}
        assert kinds(status) == [
            RemedyKind.UPLOAD_SIGNER,
            RemedyKind.ITL_RESET_REMOTEKEY,
            RemedyKind.GIVE_BACK,
            RemedyKind.DELETE_BY_HAND,
        ]
    assert not is_stuck(healed)


def test_phones_without_itl_are_offered_no_itl(tmp_path: Path) -> None:
    """The old cluster's ITLRecovery key signs an ITL, and Jabber loads none (4.5)."""
    sign = ["recovery-key export K", "recovery-key sign K --cluster new", *BOOT_TWICE]
    back = [f"phones move jabber --to {PUB}", "phones boot jabber"]
    played = _moved_to_another_cluster(tmp_path, sign, back)

    assert not is_stuck(statuses(played)[2])
    _, *stuck, returned = statuses(played, "jabber")
    for status in stuck:
        assert is_stuck(status)
        assert kinds(status) == [RemedyKind.GIVE_BACK, RemedyKind.DELETE_BY_HAND]
    assert not is_stuck(returned)


def test_a_reset_is_named_once_the_old_clusters_tvs_answers_again(
    tmp_path: Path,
) -> None:
    stop = "admin --all utils service stop Cisco Trust Verification Service"
    upload = "cert upload Phone-SAST-trust new-pub:ITLRecovery"
    played = _moved_to_another_cluster(
        tmp_path,
        [upload, stop, "phones boot"],
        [stop.replace("stop", "start")],
        ["phones boot"],
    )
    unheard, answering, healed = statuses(played)[2:]

    assert kinds(unheard)[0] is RemedyKind.START_TVS
    assert is_stuck(answering)
    assert kinds(answering)[0] is RemedyKind.RESET_PHONES
    assert answering.remedies[0].about == (PUB, SUB)
    assert not is_stuck(healed)
