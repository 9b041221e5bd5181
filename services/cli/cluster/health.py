"""`tokenless health`: whether the nodes that are served here are well.

It asks their control sockets, so it needs no port and no database, and a container's
health check works with a read-only root.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from tokenless.command_line import json_option
from tokenless.protocol.certificates.name_text import printable
from tokenless.services.cli.options import data_option
from tokenless.services.cluster.data_folder import is_node_here
from tokenless.services.errors import ServiceError, UnreadableFileError
from tokenless.services.monitoring.health import (
    Health,
    NodeHealth,
    Question,
    Verdict,
    unreachable,
)
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import Status

_TIMEOUT_S: Final = 5.0


@click.command()
@data_option
@click.option(
    "--node",
    "nodes",
    multiple=True,
    help="Ask this node; may be repeated. Default: all nodes that were served here.",
)
@click.option(
    "--ready",
    is_flag=True,
    help="Exit with 1 when a node is degraded, too; not for a newer schema alone.",
)
@json_option
def health(data: Path, nodes: tuple[str, ...], *, ready: bool, as_json: bool) -> None:
    """Report the health of the nodes served from this data folder.

    Exit status 0 when all are ok or degraded (they serve phones, but the database is
    unreachable, takes no change or has a newer schema, or an administrator stopped a
    service); 1 when a service crashed or a node's server process is gone. A node that
    was stopped in an orderly way does not count; it is named as not asked.
    With --ready a degraded node is 1, unless the newer schema is all.
    """
    for name in nodes:
        if Path(name).name != name or name in {"", ".."}:
            raise click.BadParameter(
                f"{name!r} is not a valid node name; name a folder of DATA/nodes",
                param_hint="--node",
            )
    found, refusals = _ask_all(data, nodes or _served(data))
    not_asked = [] if nodes else _stopped(data)
    state = Health.of(found)
    if as_json:
        told = {**msgspec.to_builtins(state), "not_asked": not_asked}
        click.echo(json.dumps(told))
    else:
        lines = [_line(node) for node in state.nodes]
        lines += [f"{name}: not asked: it is not served" for name in not_asked]
        for line in lines:
            click.echo(printable(line))
    if not state.says_yes_to(Question.READY if ready else Question.HEALTH):
        raise _not_well(data, state, refusals)


def _ask_all(
    data: Path, names: Sequence[str]
) -> tuple[list[NodeHealth], list[ServiceError]]:
    """Return each node's health, and why some did not answer: they are failing."""
    found, refusals = [], []
    for name in names:
        try:
            found.append(_ask(data, name))
        except ServiceError as error:
            refusals.append(error)
            found.append(unreachable(name, str(error)))
    return found, refusals


def _not_well(
    data: Path, state: Health, refusals: Sequence[ServiceError]
) -> ServiceError:
    """Return the error that names the nodes that are not well, and those that are."""
    if not state.nodes:
        return ServiceError(
            f"no node of {data} is being served", hint="start `tokenless serve`"
        )
    if len(state.nodes) == 1 and refusals:
        return refusals[0]
    words = [
        f"{verdict}: {', '.join(names)}"
        for verdict in reversed(Verdict)
        if (names := [each.node for each in state.nodes if each.verdict is verdict])
    ]
    return ServiceError(
        "; ".join(words), hint="look at the log of `tokenless serve` there"
    )


def _served(data: Path) -> list[str]:
    """Return the nodes whose server is there, or ended without tidying up."""
    if not data.exists():
        raise UnreadableFileError(
            f"the data folder {data} does not exist", hint="correct --data"
        )
    sockets = sorted((data / "nodes").glob("*/control.sock"))
    return [path.parent.name for path in sockets]


def _stopped(data: Path) -> list[str]:
    """Return the nodes of this host that have no server now, and left no socket."""
    here = filter(is_node_here, sorted((data / "nodes").glob("*")))
    return [each.name for each in here if not (each / "control.sock").exists()]


def _ask(data: Path, name: str) -> NodeHealth:
    path = data / "nodes" / name / "control.sock"
    answer: dict[str, Any] = request(name, path, Status(), timeout_s=_TIMEOUT_S)
    try:
        return msgspec.convert(answer.get("health"), NodeHealth)
    except msgspec.ValidationError as error:
        raise ServiceError(
            f"node {name} is served by another version: {error}",
            hint="restart its `tokenless serve`",
        ) from None


def _line(node: NodeHealth) -> str:
    if not node.services and node.reason is not None:
        return f"{node.node}: {node.verdict}: {node.reason}"
    services = ", ".join(f"{name} {state}" for name, state in node.services.items())
    line = f"{node.node}: {node.verdict}, revision {node.revision}; {services}"
    if node.drops_requests:
        line += "; TFTP drops requests at its limits: too many clients, or an attack"
    if node.newer_schema is not None:
        line += f"; {node.newer_schema}"
    for record, reason in node.unwritten.items():
        line += f"; the database does not have its {record}: {reason}"
    if node.stale_since is None:
        return line
    since = node.stale_since.isoformat()
    return f"{line}; caches stale since {since}: {node.reason}"
