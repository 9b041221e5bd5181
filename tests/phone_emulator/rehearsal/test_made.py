"""Clusters that are made once and copied: each rehearsal has one of its own."""

import time
from contextlib import closing
from pathlib import Path

import msgspec

from tokenless.phone_emulator.rehearsal.rig.clusters.made import KeyStock, MadeClusters
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig, load_config

SMALL = {"certificates": {"key_size": 1024}}
SCRIPT = Script(name="made", lesson="none", groups=(), steps=(), cluster=SMALL)


def config_of(folder: Path, port: int) -> ClusterConfig:
    own = {"cluster": {"manufacturer": str(folder / "manufacturer")}}
    return load_config(None, {**SMALL, **own, "tvs": {"port": port}})


def files(folder: Path) -> dict[str, int]:
    return {
        str(each.relative_to(folder)): each.stat().st_mode
        for each in folder.rglob("*")
        if each.suffix != ".db"
    }


def keys(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in (folder / "cluster").rglob("*.pem")}


def test_a_copy_has_the_same_certificates_and_goes_its_own_way(tmp_path: Path) -> None:
    stock = KeyStock()
    made = MadeClusters(stock)
    folders = [tmp_path / "one", tmp_path / "two"]
    shown = []
    for folder, port in zip(folders, (2445, 2446), strict=True):
        folder.mkdir()
        with stock.in_use():
            config = config_of(folder, port)
            made.make(SCRIPT, folder, {folder / "cluster": config}, time.time)
            first = keys(folder)
            with closing(Cluster.open(folder / "cluster", config)) as cluster:
                shown.append([each.certificate for each in certificates.own(cluster)])
                unit = TrustStore.CALLMANAGER
                certificates.regenerate(cluster, cluster.publisher, unit, by="test")
            (new,) = keys(folder) - first  # no key is given twice
            assert b"PRIVATE KEY" in new
        saved = msgspec.json.decode((folder / "cluster" / "cluster.json").read_bytes())
        assert saved["tvs"]["port"] == port
        assert saved["cluster"]["manufacturer"] == str(folder / "manufacturer")
    assert shown[0] == shown[1]
    assert files(folders[0]).keys() - files(folders[1]).keys() != set()  # new keys
    assert set(files(folders[0]).values()) == set(files(folders[1]).values())
