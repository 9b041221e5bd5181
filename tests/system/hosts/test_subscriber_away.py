"""The subscriber is stopped, or hangs, while the cluster changes; then it is back."""

import signal

from tests.system.hosts.agreement import check_agreement, check_trust
from tests.system.hosts.changes import (
    RESTART_TFTP,
    SUBSCRIBER_IS_DOWN,
    UPDATE,
    change_signer,
    check_all_boot_well,
)
from tests.system.hosts.host import finished
from tests.system.hosts.moments import Moment, await_standing, held
from tests.system.hosts.scene import Scene


def test_it_takes_what_it_missed_when_it_starts(scene: Scene) -> None:
    scene.subscriber.stop()
    assert SUBSCRIBER_IS_DOWN in change_signer(scene)
    scene.publisher.shell(RESTART_TFTP)
    check_all_boot_well(scene)
    check_trust(scene)
    assert scene.subscriber.ctl != scene.newest_ctl
    scene.subscriber.serve()
    scene.subscriber.await_serving()
    assert scene.subscriber.ctl == scene.newest_ctl
    check_all_boot_well(scene)
    check_agreement(scene)


def test_it_hangs_in_mid_update_and_goes_on(scene: Scene) -> None:
    server = scene.subscriber.server
    assert server is not None
    with held(scene, Moment.INSTALLED):
        typed = scene.publisher.type(UPDATE)
        await_standing(scene, Moment.INSTALLED, scene.subscriber.address)
        server.send_signal(signal.SIGSTOP)
    done = finished(typed)
    assert done.returncode == 0, done.stderr
    assert SUBSCRIBER_IS_DOWN in done.stdout + done.stderr
    scene.publisher.shell(RESTART_TFTP)
    check_all_boot_well(scene)
    check_trust(scene)
    server.send_signal(signal.SIGCONT)
    scene.await_followed()
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)
