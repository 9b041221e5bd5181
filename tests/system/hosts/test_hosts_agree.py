"""Before anything happens: hosts with addresses of their own, and the real ports."""

import json

from tests.system.hosts.agreement import check_agreement
from tests.system.hosts.changes import check_all_boot_well
from tests.system.hosts.scene import Scene

DOCUMENTS_LENGTH = 4947


def test_each_service_has_its_real_port_on_its_own_host(new_scene: Scene) -> None:
    scene = new_scene
    for node in scene.nodes:
        assert f"{node.address}:69 " in node.network.run("ss", "-Hlun")
        assert f"{node.address}:2445 " in node.network.run("ss", "-Hltn")
    check_all_boot_well(scene)
    check_agreement(scene)
    _check_from_outside(scene)


def _check_from_outside(scene: Scene) -> None:
    """Check that the administrator's own host sees what the nodes' shells show."""
    both = ",".join(node.address for node in scene.nodes)
    found = json.loads(scene.administrator.do("check", "--tftp", both, "--json"))
    assert found["ok"], found["findings"]
    assert len(found["nodes"]) == len(scene.nodes)
    for seen, sums in zip(found["nodes"], scene.sums().values(), strict=True):
        assert seen["ctl"]["length"] == DOCUMENTS_LENGTH
        assert (seen["ctl"]["md5"], seen["ctl"]["sha1"]) == sums.ctl
        assert (seen["itl"]["md5"], seen["itl"]["sha1"]) == sums.itl
    assert all(member["reachable"] for member in found["tvs"])
