"""`tokenless rehearse import`: a rehearsal made like a cluster that there is."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tokenless.command_line import FILE, ExitStatus, complain
from tokenless.ground.counting import counted
from tokenless.ground.terminal import talk_line
from tokenless.phone_emulator.cli.options import (
    models_option,
    parse_models,
)
from tokenless.phone_emulator.cli.rehearsals.import_sources import (
    ImportSources,
    import_options,
)
from tokenless.phone_emulator.cli.rehearsals.saving import check_output, save_script
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import Drift
from tokenless.phone_emulator.rehearsal.importing.script import (
    comment_of,
    imported_script,
)
from tokenless.phone_emulator.rehearsal.importing.sources.fetch import (
    NothingAnsweredError,
)
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import NodeRole


@click.command("import")
@import_options
@models_option
@click.option("--name", help="The name of the rehearsal; default: the file's name.")
@click.option(
    "--output",
    "-o",
    type=FILE,
    help="The file to write; default: standard output. An edited file is not "
    "overwritten.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the imported data as one JSON object.",
)
def import_script(
    *,
    sources: ImportSources,
    models: str,
    name: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Create a rehearsal of a cluster from its trust lists.

    The rehearsal's cluster has the same nodes, names, roles and release, but new keys,
    so that you can try a planned change on it. The output says what was guessed and
    what could not be rebuilt. An incomplete list is refused. Only --tftp uses the
    network.
    """
    sources.check()
    chosen = parse_models(models)
    if output is not None:
        check_output(output)
    try:
        fetched = sources.fetched()
    except NothingAnsweredError as error:
        complain(error.explain())
        sys.exit(ExitStatus.CANNOT_TELL)
    imported_lists = sources.imported_lists(fetched)
    cluster = read_cluster(imported_lists, sources.known(fetched))
    title = name or (output.stem if output else "imported")
    script = imported_script(cluster, name=title, models=chosen)
    comment = comment_of(
        cluster, [Path(imported_list.source).name for imported_list in imported_lists]
    )
    text = write_script(script, comment=comment)
    _say_approximations(cluster)
    _say_phones(cluster)
    if output is not None:
        save_script(output, text)
    if as_json:
        click.echo(json.dumps(_to_json(cluster, output)))
    elif output is None:
        click.echo(text, nl=False)


def _say_approximations(cluster: ImportedCluster) -> None:
    for each in cluster.approximations:
        talk_line(f"approximated: {each.what} ({each.why})")


def _say_phones(cluster: ImportedCluster) -> None:
    """Say how many phones were taken of the table, by device pool and model."""
    pools: dict[str, list[str]] = {}
    for kind in cluster.phones:
        said = f"{kind.count} {kind.model}"
        pools.setdefault(printable(kind.pool) or "no device pool", []).append(said)
    if pools:
        number = sum(kind.count for kind in cluster.phones)
        told = "; ".join(f"{pool}: {', '.join(each)}" for pool, each in pools.items())
        talk_line(f"{counted(number, 'phone')} of the table: {told}")


def _to_json(cluster: ImportedCluster, output: Path | None) -> dict[str, object]:
    return {
        "file": None if output is None else str(output),
        "version": cluster.version,
        "mixed": cluster.is_mixed,
        "tokens": cluster.tokens,
        "nodes": [
            {"name": n.name, "address": n.address, "real_address": n.real_address}
            for n in cluster.nodes
        ],
        "callmanager_group": {
            "name": cluster.group.name,
            "members": list(cluster.group.members),
        },
        "tftp_nodes": list(cluster.tftp_nodes),
        "roles": {
            name: [role.value for role in NodeRole if role in roles]
            for name, roles in cluster.roles.of.items()
        },
        "device_pools": {pool: list(each) for pool, each in cluster.pools.items()},
        "phones": sum(kind.count for kind in cluster.phones) or None,
        "regenerated_since_ctl": _regenerated(cluster, cluster.since_ctl),
        "regenerated_since_lists": _regenerated(cluster, cluster.since_lists),
        "same_anchors": cluster.same_anchors,
        "approximations": [each.to_json() for each in cluster.approximations],
        "remarks": [f"{each.what}: {each.why}" for each in cluster.approximations],
    }


def _regenerated(
    cluster: ImportedCluster, drifts: Sequence[Drift]
) -> list[dict[str, str]]:
    return [
        {"unit": str(drift.unit), "node": drift.node or cluster.nodes[0].name}
        for drift in drifts
    ]
