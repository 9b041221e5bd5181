"""The publisher's host vanishes in mid-update, and says no good-bye to the database.

Its power fails while its cable is cut: the transaction was begun, nobody will end it,
and it has the lock for which every other administrator waits.
"""

import signal

from tests.system.hosts.agreement import check_agreement, check_trust
from tests.system.hosts.changes import UPDATE, check_all_boot_well
from tests.system.hosts.moments import Moment, await_standing, held
from tests.system.hosts.patience import wait_until
from tests.system.hosts.scene import Scene

IDLE = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"


def test_the_database_does_not_wait_for_who_has_vanished(scene: Scene) -> None:
    before = scene.newest_ctl
    publisher = scene.publisher
    with held(scene, Moment.SIGNED):
        typed = publisher.type(UPDATE)
        await_standing(scene, Moment.SIGNED, publisher.address)
        typed.send_signal(signal.SIGSTOP)
    wait_until(lambda: scene.query(IDLE), "the transaction waits for its end")
    wait_until(lambda: not _unconfirmed(scene), "the database's answers have arrived")
    scene.network.part("publisher")
    publisher.kill()
    check_all_boot_well(scene)
    check_trust(scene)
    wait_until(
        lambda: ":5432" not in publisher.network.run("ss", "-Htn"),
        "the publisher's host has forgotten its connections",
    )
    scene.network.mend("publisher")
    publisher.serve()
    publisher.await_serving()
    assert scene.newest_ctl == before
    publisher.shell(UPDATE)
    scene.restart_tftp()
    check_all_boot_well(scene)
    check_agreement(scene)


def _unconfirmed(scene: Scene) -> int:
    """Return how many bytes the database would send again, and so find out."""
    sockets = scene.network.hosts["database"].run("ss", "-Htn").splitlines()
    return sum(int(line.split()[2]) for line in sockets)
