"""The publisher's host is killed (-9) in the middle of an update, and comes back."""

from tests.system.hosts.agreement import check_agreement, check_trust
from tests.system.hosts.changes import (
    REGENERATE,
    RESTART_TFTP,
    UPDATE,
    change_signer,
    check_all_boot_well,
)
from tests.system.hosts.moments import Moment, await_standing, held
from tests.system.hosts.scene import Scene

DECIDED = frozenset({Moment.COMMITTED, Moment.INSTALLED})
"""When the update is the cluster's already, whoever dies."""


def test_the_subscriber_goes_on_and_the_publisher_comes_back(scene: Scene) -> None:
    for moment, line in (
        (Moment.NUMBERED, UPDATE),
        (Moment.KEYED, REGENERATE),
        (Moment.SIGNED, UPDATE),
        (Moment.COMMITTED, UPDATE),
        (Moment.INSTALLED, UPDATE),
        (Moment.REBUILDING, RESTART_TFTP),
    ):
        before = scene.newest_ctl
        with held(scene, moment):
            scene.publisher.type(line)
            await_standing(scene, moment, scene.publisher.address)
            if moment is Moment.INSTALLED:
                assert scene.publisher.ctl == scene.newest_ctl != before
            scene.publisher.kill()
        if moment in DECIDED:
            scene.await_newer_ctl(before)
        check_all_boot_well(scene)
        check_trust(scene)
        scene.publisher.serve()
        scene.publisher.await_serving()
        assert (scene.newest_ctl != before) == (moment in DECIDED), moment
        scene.await_followed()
        assert {node.ctl for node in scene.nodes} == {scene.newest_ctl}
    change_signer(scene)
    scene.restart_tftp()
    scene.boot()
    check_agreement(scene)
