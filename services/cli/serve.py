"""`tokenless serve`: the services of the configured nodes, in the foreground."""

import json
import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
import trio

from services.cli.administration import open_cluster
from services.cli.options import config_option, data_option
from services.cluster.cluster import Cluster
from services.logs import configure_logs, get_logger
from services.node.runtime import Kind, Listening
from services.node.serve import serve_nodes
from services.tftp.heap import settle_heap


@click.command()
@data_option
@config_option
@click.option(
    "--node",
    "nodes",
    multiple=True,
    help="Serve this node; may be repeated. All nodes when not given.",
)
@click.option(
    "--only",
    metavar="SERVICE[,SERVICE...]",
    help=f"Serve only these: {', '.join(Kind)}.",
)
@click.option("--log-json", is_flag=True, help="Log one JSON object a line.")
def serve(
    data: Path,
    config: Path | None,
    nodes: tuple[str, ...],
    only: str | None,
    *,
    log_json: bool,
) -> None:
    """Serve TFTP, TVS and the rest until SIGTERM or Ctrl-C.

    Prints one JSON line for each listening socket, then {"event":"serving"}. Logs go
    to standard error; TOKENLESS_LOG_LEVEL=debug shows each step of every TVS query.
    """
    configure_logs(json=log_json or None)
    kinds = _parse_only(only)
    with closing(open_cluster(data, config)) as cluster:
        trio.run(_serve, cluster, nodes, kinds)


def _parse_only(only: str | None) -> frozenset[Kind]:
    if only is None:
        return frozenset(Kind)
    try:
        return frozenset(Kind(name.strip()) for name in only.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"{error}; services: {', '.join(Kind)}", param_hint="--only"
        ) from None


async def _serve(
    cluster: Cluster, nodes: Sequence[str], kinds: frozenset[Kind]
) -> None:
    """Serve until a signal; then finish what is under way, and close everything."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            running = await nursery.start(serve_nodes, cluster, nodes, kinds)
            for each in running.listening:
                _print_ready(each)
            settle_heap()
            click.echo(json.dumps({"event": "serving"}))
            async for number in signals:
                get_logger().info("stopping", signal=signal.Signals(number).name)
                break
            await running.drain()
            nursery.cancel_scope.cancel()


def _print_ready(listening: Listening) -> None:
    click.echo(
        json.dumps(
            {
                "event": "ready",
                "node": listening.node,
                "service": listening.service,
                "address": listening.address,
                "port": listening.port,
            }
        )
    )
