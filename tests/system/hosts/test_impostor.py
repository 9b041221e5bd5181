"""The publisher's cable is cut, and somebody else takes its address.

He has all names right, TFTP and TVS of his own, and other keys (REFERENCE 10.6).
"""

from tests.system.hosts.agreement import check_agreement, check_trust, holdings
from tests.system.hosts.changes import check_all_boot_well
from tests.system.hosts.host import PHONES, NodeHost
from tests.system.hosts.scene import Scene


def test_no_phone_believes_an_impostor(scene: Scene) -> None:
    before = holdings(scene.office)
    scene.network.part("publisher")
    impostor = _impostor(scene)
    try:
        _forget_who_was_where(scene)
        report = scene.office.boot()
        assert report["outcomes"] == {"rejected": PHONES}, report
        assert report["files"]["configuration"] == {"rejected": PHONES}
        assert scene.branch.boot()["outcomes"] == {"ok": PHONES}
        assert holdings(scene.office) == before
        check_trust(scene)
        assert impostor.ctl not in {
            phone.contents.ctl for phone in scene.office.phones()
        }
    finally:
        impostor.kill()
    scene.network.part("impostor")
    scene.network.mend("publisher")
    _forget_who_was_where(scene)
    check_all_boot_well(scene)
    check_agreement(scene)
    scene.agrees = False  # there is a host too many


def _impostor(scene: Scene) -> NodeHost:
    """Serve a cluster with the same names at the publisher's address."""
    publisher = scene.publisher
    folder = publisher.folder.with_name("impostor")
    folder.mkdir()
    (folder / "lab.toml").write_text((publisher.folder / "lab.toml").read_text())
    stack = scene.network.add("impostor", publisher.address)
    impostor = NodeHost(
        "impostor", publisher.address, stack, folder, node=publisher.node
    )
    impostor.do("init")
    impostor.shell("utils ctl set-cluster mixed-mode")
    impostor.serve("--node", publisher.node)
    impostor.await_serving()
    return impostor


def _forget_who_was_where(scene: Scene) -> None:
    for host in scene.hosts:
        host.network.ip("neighbour flush dev eth0")
