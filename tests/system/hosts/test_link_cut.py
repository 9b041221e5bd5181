"""A cable is cut while the cluster changes, and mended."""

from tests.system.hosts.agreement import check_agreement, check_trust, holdings
from tests.system.hosts.changes import (
    RESTART_TFTP,
    SUBSCRIBER_IS_DOWN,
    UPDATE,
    change_signer,
    check_all_boot_well,
)
from tests.system.hosts.host import finished
from tests.system.hosts.scene import Scene

CANNOT_FOLLOW = "cannot follow the database"
FOLLOWS = "following the database again"
PART_OF_THE_FILES = 5000


def test_a_subscriber_that_was_cut_off_follows(scene: Scene) -> None:
    scene.network.part("subscriber")
    assert SUBSCRIBER_IS_DOWN in change_signer(scene)
    scene.publisher.shell(RESTART_TFTP)
    check_all_boot_well(scene)
    check_trust(scene)
    scene.subscriber.await_log(CANNOT_FOLLOW)
    assert scene.subscriber.ctl != scene.newest_ctl
    assert '"degraded"' in scene.subscriber.do("health", "--json")
    scene.network.mend("subscriber")
    scene.await_followed()
    scene.subscriber.await_log(FOLLOWS)
    assert scene.subscriber.ctl == scene.newest_ctl
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)


def test_a_publisher_cut_off_from_the_database_serves_and_changes_nothing(
    scene: Scene,
) -> None:
    before = scene.newest_ctl
    scene.network.part("publisher", "database")
    done = finished(scene.publisher.type(UPDATE))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "start PostgreSQL" in done.stderr
    check_all_boot_well(scene)
    scene.publisher.await_log(CANNOT_FOLLOW)
    assert scene.newest_ctl == before
    scene.network.mend("publisher", "database")
    scene.publisher.await_log(FOLLOWS)
    change_signer(scene)
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)


def test_a_cable_that_breaks_in_the_middle_of_a_file_costs_only_time(
    scene: Scene,
) -> None:
    change_signer(scene)
    scene.restart_tftp()
    before = holdings(scene.office)
    scene.network.break_after("office", PART_OF_THE_FILES)
    report = scene.office.boot()
    assert report["outcomes"].get("ok") is None, report
    assert holdings(scene.office) == before
    scene.network.renew_cables()
    check_all_boot_well(scene)
    check_agreement(scene)
