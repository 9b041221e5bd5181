"""A branch is cut off while the cluster changes: once is nothing, twice is too often.

REFERENCE 7.4 and 7.20: a phone that missed a new signer asks TVS. One that missed new
TVS certificates as well has nobody to ask: for it both changes were one batch (7.8).
"""

from tests.system.hosts.agreement import check_agreement, check_trust, holdings
from tests.system.hosts.changes import (
    REGENERATE,
    REGENERATE_TVS,
    RESTART_TVS,
    UPDATE,
    change_signer,
    check_all_boot_well,
)
from tests.system.hosts.host import PHONES, PhonesHost
from tests.system.hosts.scene import Scene, hand_over
from tests.system.serving import SUBSCRIBER

NOBODY_TO_ASK = (
    "is unknown; no TVS server can be used: its certificate is no TVS record (role 21) "
    "of the installed ITL"
)
ON_SUBSCRIBER = "admin", "--node", SUBSCRIBER, "--yes"


def test_during_one_change_then_tvs_knows_the_signer(scene: Scene) -> None:
    before = _cut_off_branch(scene)
    change_signer(scene)
    scene.restart_tftp()
    assert scene.office.boot()["outcomes"] == {"ok": PHONES}
    assert holdings(scene.branch) == before
    scene.network.mend("branch")
    report = scene.branch.boot()
    assert report["outcomes"] == {"ok": PHONES}
    assert report["tvs_answers"] == {"trusted": PHONES}
    assert report["verified_by"]["tvs"] == PHONES
    check_agreement(scene)


def test_during_two_changes_then_nobody_is_left_to_ask(scene: Scene) -> None:
    before = _cut_off_branch(scene)
    _change_both_signers(scene)
    _change_both_tvs(scene)
    scene.network.mend("branch")
    assert scene.branch.boot()["outcomes"] == {"rejected": PHONES}
    assert holdings(scene.branch) == before
    assert all(NOBODY_TO_ASK in reason for reason in _reasons(scene.branch))
    assert scene.office.boot()["outcomes"] == {"ok": PHONES}
    _bring_them_back(scene)


def _cut_off_branch(scene: Scene) -> dict[str, object]:
    before = holdings(scene.branch)
    scene.network.part("branch")
    assert scene.branch.boot()["outcomes"] == {"unreachable": PHONES}
    assert holdings(scene.branch) == before
    return before


def _change_both_signers(scene: Scene) -> None:
    scene.publisher.shell(REGENERATE)
    scene.publisher.do(*ON_SUBSCRIBER, REGENERATE)
    hand_over(scene)
    scene.publisher.shell(UPDATE)
    scene.restart_tftp()
    assert scene.office.boot()["outcomes"] == {"ok": PHONES}


def _change_both_tvs(scene: Scene) -> None:
    """Node by node, as every procedure has it (REFERENCE 7.5)."""
    scene.publisher.shell(REGENERATE_TVS)
    scene.publisher.shell(RESTART_TVS)
    scene.restart_tftp()
    assert scene.office.boot()["outcomes"] == {"ok": PHONES}
    scene.publisher.do(*ON_SUBSCRIBER, REGENERATE_TVS)
    hand_over(scene)
    scene.subscriber.shell(RESTART_TVS)
    scene.restart_tftp()
    assert scene.office.boot()["outcomes"] == {"ok": PHONES}


def _reasons(site: PhonesHost) -> list[str]:
    """Return why each phone of a site refused the CTL."""
    ctls = [phone.report["files"]["CTLFile.tlv"] for phone in site.phones()]
    assert {(ctl["action"], ctl["rule"]) for ctl in ctls} == {("rejected", 7)}
    return [ctl["reason"] for ctl in ctls]


def _bring_them_back(scene: Scene) -> None:
    """ITLRecovery is the anchor that is left (REFERENCE 6.2, 7.8)."""
    scene.publisher.shell("utils itl reset localkey")
    scene.await_followed()
    report = scene.branch.boot()
    assert report["files"]["ITLFile.tlv"] == {"updated": PHONES}
    check_trust(scene)
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)
