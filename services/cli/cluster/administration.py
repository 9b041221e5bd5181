"""Common parts of commands that change a cluster."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import click

from tokenless.command_line import Command, gathered, json_option
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.cli.options import (
    ParamType,
    config_option,
    data_option,
    database_url,
)
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import NodeDelivery, announce


def open_cluster(data: Path, config: Path | None, *, makes: bool = False) -> Cluster:
    """Open the cluster of a command that has `data_option`.

    Args:
        data: The data folder.
        config: As `Cluster.open`.
        makes: Whether a folder that does not exist is made: `serve` and `init` alone
            do that, or a misspelt --data would be a new cluster.

    Raises:
        ServiceError: As `Cluster.open`.
    """
    return Cluster.open(data, config, database_url=database_url(), makes=makes)


@contextmanager
def using_cluster(data: Path, config: Path | None) -> Iterator[Cluster]:
    """Open the cluster of a command, and give it back."""
    cluster = open_cluster(data, config)
    try:
        yield cluster
    finally:
        cluster.close()


OpenedCluster: TypeAlias = AbstractContextManager[Cluster]
"""The cluster of a command: open within a `with` block."""
_opened = gathered("opened", using_cluster, data_option, config_option)


def cluster_options(command: Command) -> Command:
    """Add `--data` and `--config` (the command gets `opened`), and `--json`."""
    return _opened(json_option(command))


def announce_change(cluster: Cluster) -> list[NodeDelivery]:
    """Make running nodes apply the change; say on standard error which did not."""
    deliveries = announce(cluster)
    for delivery in deliveries:
        if (line := delivery.explain()) is not None:
            click.echo(line, err=True)
    return deliveries


class StoreType(ParamType[TrustStore]):
    """An own unit or a trust store, whatever its case."""

    name = "STORE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> TrustStore:
        """Find it."""
        try:
            return certificates.find_store(str(value))
        except ServiceError as error:
            self.fail(error.explain(), param, ctx)
