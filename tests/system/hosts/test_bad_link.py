"""5% of all frames are lost, and each takes 50 ms: everything takes longer, no more."""

from tests.system.hosts.agreement import check_agreement
from tests.system.hosts.changes import change_signer, check_all_boot_well
from tests.system.hosts.conftest import MakeScene

# Each way. A node's start asks the database some hundred things, one after the other.
DELAYS_S = {"branch": 0.05, "subscriber": 0.01}
LOST_PERCENT = 5
TFTP_TIMEOUT_S = 2.0


def test_a_change_reaches_a_distant_node_and_its_phones(make_scene: MakeScene) -> None:
    scene = make_scene(DELAYS_S)
    for name in ("branch", "office", "subscriber"):
        scene.network.lose(name, LOST_PERCENT)
    for site in scene.sites:
        site.tftp_timeout_s = TFTP_TIMEOUT_S
    check_all_boot_well(scene)
    change_signer(scene)
    scene.await_followed()
    assert scene.subscriber.ctl == scene.newest_ctl
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)
    assert scene.network.lost > 0
