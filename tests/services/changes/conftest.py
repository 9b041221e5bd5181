"""Clusters of a release, and a CA of the lab."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.ca_signed import NODES, Make
from tests.rigs.clock import Clock
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import check_tables
from tokenless.services.pki.lab_ca import CaKind, LabCa


@pytest.fixture
def cluster_of(tmp_path: Path, clock: Clock) -> Iterator[Make]:
    opened: list[Cluster] = []

    def make(version: str) -> Cluster:
        tables = {
            "cluster": {"version": version, "domain": "lab.example"},
            "certificates": {"key_size": 1024, "regenerated_key_size": 1024},
            "nodes": [
                {"name": name, "address": f"127.0.61.{n}", "publisher": n == 1}
                for n, name in enumerate(NODES, 1)
            ],
        }
        config = check_tables(tables, "test")
        opened.append(Cluster.open(tmp_path / version, config, clock=clock))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def ca(tmp_path: Path, clock: Clock) -> LabCa:
    return LabCa.create(tmp_path / "ca", "Example", CaKind.COMPANY, None, clock())
