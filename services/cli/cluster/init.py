"""`tokenless init`: make a data folder, and nothing else."""

import json
from contextlib import closing
from pathlib import Path

import click

from tokenless.command_line import json_option
from tokenless.ground.terminal import slow_view
from tokenless.services.cli.options import config_option, data_option, database_url
from tokenless.services.cluster.cluster import Cluster


@click.command()
@data_option
@config_option
@json_option
def init(*, data: Path, config: Path | None, as_json: bool) -> None:
    """Create the data folder of a cluster, without serving it.

    The folder gets the nodes of the configuration, their keys and certificates, and the
    database. `tokenless serve` also creates a missing one; every other command needs
    one that exists.
    """
    with slow_view("making keys and certificates"):
        made = Cluster.create(data, config, database_url=database_url())
    with closing(made) as cluster:
        if as_json:
            click.echo(json.dumps(_describe(cluster)))
        else:
            names = ", ".join(node.name for node in cluster.nodes)
            name = cluster.config.cluster.name
            click.echo(f"{data}: cluster {name}, {cluster.version}: {names}")


def _describe(cluster: Cluster) -> dict[str, object]:
    return {
        "data": str(cluster.data),
        "cluster": cluster.config.cluster.name,
        "version": cluster.version,
        "nodes": [
            {
                "name": node.name,
                "address": node.address,
                "publisher": node.is_publisher,
                "roles": sorted(node.roles),
            }
            for node in cluster.nodes
        ],
    }
