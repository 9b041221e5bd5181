"""What a node's TVS answers from: the database, and the CTL file in its folder."""

import os

import pytest

from tests.rigs import lists
from tests.rigs.node_rig import LAB
from tests.rigs.odd_certificates import list_of_year_0
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.config import load_config
from tokenless.services.node.supervised.trust import NodeTrust
from tokenless.services.tvs.caches import CacheName, CtlAdmission


async def counts(trust: NodeTrust) -> dict[object, int]:
    await trust.refill_db_cache()
    await trust.refill_ctl_cache()
    found = [each["cache"] for each in trust.entries()]
    return {name: found.count(name) for name in found}


async def test_a_ctl_file_fills_the_second_cache(lab: Cluster) -> None:
    trust = NodeTrust(lab, lab.publisher)
    before = await counts(trust)
    assert list(before) == [CacheName.DB.value]
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    install_ctl(lab, lab.publisher)
    after = await counts(trust)
    assert after[CacheName.CTL.value] > 0
    lab.publisher.ctl_file.unlink()
    assert CacheName.CTL.value not in await counts(trust)


async def test_other_signers_are_told(lab: Cluster) -> None:
    trust = NodeTrust(lab, lab.publisher)
    assert await trust.refill_db_cache()
    assert not await trust.refill_db_cache()


async def test_believing_any_file_is_warned_of(
    lab: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.take_settings(load_config(LAB, {"tvs": {"ctl_cache": "as-logged"}}))
    NodeTrust(lab, lab.publisher)
    assert "anyone who can write CTLFile.tlv" in "".join(capsys.readouterr())


@pytest.mark.parametrize("kind", ["folder", "pipe", "year 0", "endless"])
async def test_no_ctl_file_stops_a_node(lab: Cluster, kind: str) -> None:
    file = lab.publisher.ctl_file
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "endless":
            file.symlink_to("/dev/zero")
        case _:
            file.write_bytes(list_of_year_0("CTLFile.tlv"))
    trust = NodeTrust(lab, lab.publisher)
    trust.caches.ctl.replace(
        lists.tokenless().data, lambda _: True, CtlAdmission.AS_LOGGED
    )
    assert CacheName.CTL.value not in await counts(trust)
