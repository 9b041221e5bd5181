"""The database is stopped in the middle of an update, and comes back."""

from dataclasses import replace

from tests.system.hosts.agreement import check_agreement, check_trust
from tests.system.hosts.changes import (
    REGENERATE,
    RESTART_TFTP,
    UPDATE,
    change_signer,
    check_all_boot_well,
)
from tests.system.hosts.host import PHONES, PhonesHost, finished
from tests.system.hosts.moments import Moment, await_standing, held
from tests.system.hosts.scene import Scene


def test_a_change_is_whole_or_was_never_made(scene: Scene) -> None:
    for moment, line in (
        (Moment.BEFORE, UPDATE),
        (Moment.KEYED, REGENERATE),
        (Moment.SIGNED, UPDATE),
        (Moment.COMMITTED, UPDATE),
    ):
        before = scene.newest_ctl
        _stop_in_the_middle(scene, moment, line)
        check_all_boot_well(scene)
        scene.database.start()
        assert (scene.newest_ctl != before) == (moment is Moment.COMMITTED), moment
        scene.await_followed()
        assert {node.ctl for node in scene.nodes} == {scene.newest_ctl}
        check_trust(scene)
    change_signer(scene)
    scene.restart_tftp()
    scene.boot()
    check_agreement(scene)


def _stop_in_the_middle(scene: Scene, moment: Moment, line: str) -> None:
    with held(scene, moment):
        typed = scene.publisher.type(line)
        await_standing(scene, moment, scene.publisher.address)
        scene.database.stop()
    done = finished(typed)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "start PostgreSQL" in done.stderr


def test_a_restart_that_loses_its_database_leaves_tftp_serving(scene: Scene) -> None:
    publisher = scene.publisher
    with held(scene, Moment.REBUILDING):
        typed = publisher.type(RESTART_TFTP)
        await_standing(scene, Moment.REBUILDING, publisher.address)
        scene.database.stop()
    done = finished(typed)
    assert done.returncode == 1
    assert "start PostgreSQL" in done.stderr
    assert f"{publisher.address}:69 " in publisher.network.run("ss", "-Hlun")
    check_all_boot_well(scene)
    scene.database.start()
    scene.await_followed()
    scene.restart_tftp()
    scene.boot()
    check_agreement(scene)


def test_phones_that_were_never_there_before_are_served_without_it(
    scene: Scene,
) -> None:
    scene.database.stop()
    more = list[PhonesHost]()
    for site in scene.sites:
        folder = site.folder / "new"
        folder.mkdir()
        new = replace(site, first_mac=f"{site.first_mac[:6]}F00000", folder=folder)
        report = new.boot()
        assert report["outcomes"] == {"ok": report["phones"]}, report
        assert report["files"]["CTLFile.tlv"] == {"installed": report["phones"]}
        assert len(new.phones()) == PHONES
        more.append(new)
    scene.database.start()
    scene.await_followed()
    check_trust(scene, *more)
    check_agreement(scene)
