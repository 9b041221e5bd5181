"""Pairs of clusters, on SQLite and on PostgreSQL, that are equal to the byte."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.rigs.clock import Clock
from tests.rigs.postgresql import Server
from tests.services.conftest import LAB
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.pki.keys import generate_rsa


class Source:
    """Keys and serial numbers: the same ones in the same step, whoever asks."""

    def __init__(self) -> None:
        self._keys = [generate_rsa(1024) for _ in range(12)]
        self._random = Random()

    def begin(self, step: int) -> None:
        self._random.seed(step)

    def key(self, _bits: int) -> RSAPrivateKey:
        return self._random.choice(self._keys)

    def ec_key(self, bits: int) -> EllipticCurvePrivateKey:
        return derive_private_key(
            self._random.getrandbits(bits - 8) | 1,
            SECP256R1() if bits == 256 else SECP384R1(),
        )

    def serial(self, length: int = 16) -> bytes:
        return b"\x55" + self._random.randbytes(length - 1)


def _with_manufacturer(config: ClusterConfig, folder: Path) -> ClusterConfig:
    """Let both clusters trust one manufacturer: its keys are random."""
    cluster = msgspec.structs.replace(config.cluster, manufacturer=str(folder))
    return msgspec.structs.replace(config, cluster=cluster)


class Bench:
    """Makes pairs of clusters that are equal to the byte."""

    def __init__(self, folder: Path, server: Server, source: Source) -> None:
        self.source, self.clock, self.steps = source, Clock(), 0
        self._folder, self._server = folder, server
        self._database = server.create_database()
        self._numbers = count()
        config = _with_manufacturer(load_config(LAB), folder / "manufacturer")
        for name, url in (("lite", None), ("shared", server.url(self._database))):
            source.begin(0)
            Cluster.open(
                folder / name, config, database_url=url, clock=self.clock
            ).close()

    @contextmanager
    def pair(self) -> Iterator[tuple[Cluster, Cluster]]:
        scratch = self._folder / f"pair-{next(self._numbers)}"
        database = self._server.create_database(self._database)
        for name in ("lite", "shared"):
            shutil.copytree(self._folder / name, scratch / name)
        clusters = (
            Cluster.open(scratch / "lite", clock=self.clock),
            Cluster.open(
                scratch / "shared",
                database_url=self._server.url(database),
                clock=self.clock,
            ),
        )
        try:
            yield clusters
        finally:
            for cluster in clusters:
                cluster.close()
            shutil.rmtree(scratch)
            self._server.drop_database(database)
