"""Before anything happens: hosts with addresses of their own, and the real ports."""

from tests.system.hosts.agreement import check_agreement
from tests.system.hosts.scene import Scene


def test_each_service_has_its_real_port_on_its_own_host(scene: Scene) -> None:
    for node in scene.nodes:
        assert f"{node.address}:69 " in node.network.run("ss", "-Hlun")
        assert f"{node.address}:2445 " in node.network.run("ss", "-Hltn")
    for report in scene.boot():
        assert report["outcomes"] == {"ok": report["phones"]}
    check_agreement(scene)
