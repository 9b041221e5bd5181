"""What administrators type at this cluster, and what nodes must then say."""

from typing import Final

from tests.system.hosts.scene import Scene
from tests.system.serving import SUBSCRIBER

UPDATE: Final = "utils ctl update CTLFile"
REGENERATE: Final = "set cert regen CallManager"
REGENERATE_TVS: Final = "set cert regen TVS"
RESTART_TFTP: Final = "utils service restart Cisco Tftp"
RESTART_TVS: Final = "utils service restart Cisco Trust Verification Service"
SUBSCRIBER_IS_DOWN: Final = f"node {SUBSCRIBER} is down"


def change_signer(scene: Scene) -> str:
    """Regenerate the publisher's CallManager, and with it who signs the CTL."""
    printed = scene.publisher.shell(REGENERATE)
    return printed + scene.publisher.shell(UPDATE)


def check_all_boot_well(scene: Scene) -> None:
    """Switch all phones off and on; each must hold what its servers serve."""
    for report in scene.boot():
        assert report["outcomes"] == {"ok": report["phones"]}, report
