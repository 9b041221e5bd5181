"""`tokenless rehearse import`: a rehearsal made like a cluster that there is."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from tokenless.command_line import complain
from tokenless.ground.terminal import progress_bar, talk_line
from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
)
from tokenless.phone_emulator.check.observing.observe import Patience
from tokenless.phone_emulator.cli.options import (
    gathered,
    models_option,
    parse_models,
    parse_release,
    tftp_timeout_option,
)
from tokenless.phone_emulator.cli.rehearsals.saving import check_output, save_script
from tokenless.phone_emulator.rehearsal.importing.approximations import Approximation
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    Known,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import Drift
from tokenless.phone_emulator.rehearsal.importing.script import (
    comment_of,
    imported_script,
)
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import (
    CertmgrAccount,
    fetch_in_use,
)
from tokenless.phone_emulator.rehearsal.importing.sources.fetch import (
    Fetched,
    NothingAnsweredError,
    fetch_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    ImportedList,
    InUse,
    load_certificates,
    load_lists,
    without_repeats,
)
from tokenless.phone_emulator.rehearsal.importing.sources.models import load_features
from tokenless.phone_emulator.rehearsal.importing.sources.phone_config import (
    load_phone_config,
)
from tokenless.phone_emulator.rehearsal.importing.sources.phones import load_phones
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.codes import NodeRole
from tokenless.protocol.phones.features import FEATURES, ModelFeatures
from tokenless.protocol.trust.verdicts import FileKind

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_COULD_NOT_BE_TOLD = 3


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources from which a cluster is imported."""

    ctl: Path | None
    itls: tuple[Path, ...]
    certificates: tuple[Path, ...]
    phone_config: Path | None
    phone_table: Path | None
    features: Path | None
    certmgr: tuple[str, ...]
    certmgr_login: str | None
    certmgr_ca: Path | None
    tftp: tuple[str, ...]
    serves_tftp: str
    pools: tuple[str, ...]
    device: str
    tftp_timeout: float
    version: str | None

    def fetched(self) -> Fetched | None:
        """Fetch from the TFTP nodes, with a bar on standard error.

        Raises:
            PhoneError: When nothing answered, or a file could not be had.
        """
        servers = [
            server
            for text in self.tftp
            for server in parse_servers(text, default_port=DEFAULT_TFTP_PORT)
        ]
        if not servers:
            return None
        device = parse_device(self.device)
        with _progress(len(servers)) as on_node:
            return fetch_cluster(servers, device, Patience(self.tftp_timeout), on_node)

    def imported_lists(self, fetched: Fetched | None) -> list[ImportedList]:
        """Return the lists, the CTL first.

        Raises:
            PhoneError: When one cannot be read, or two contradict each other.
        """
        imported = [] if fetched is None else list(fetched.imported_lists)
        if self.ctl is not None:
            imported += load_lists(self.ctl, FileKind.CTL)
        for path in self.itls:
            imported += load_lists(path, FileKind.ITL)
        return sorted(
            without_repeats(imported), key=lambda p: p.kind is not FileKind.CTL
        )

    def known(self, fetched: Fetched | None) -> Known:
        """Return the facts that are known in addition to the lists.

        Raises:
            PhoneError: When a file cannot be read.
        """
        config = None if fetched is None else fetched.config
        if self.phone_config is not None:
            config = load_phone_config(self.phone_config)
        table = self.phone_table
        in_use, unchecked = self._in_use()
        return Known(
            in_use=[*load_certificates(self.certificates), *in_use],
            version=self.version,
            config=config,
            tftp_addresses=() if fetched is None else fetched.addresses,
            tftp_names=_names(self.serves_tftp),
            pools=dict(map(_pool, self.pools)),
            phones=None if table is None else load_phones(table, self._features()),
            approximations=[
                *([] if fetched is None else fetched.approximations),
                *unchecked,
            ],
        )

    def _in_use(self) -> tuple[list[InUse], list[Approximation]]:
        """Return what nodes say that they use, asked over REST."""
        if not self.certmgr:
            return [], []
        if not self.certmgr_login:
            raise click.UsageError(
                "--certmgr needs TOKENLESS_CERTMGR_LOGIN=NAME:PASSWORD"
            )
        account = CertmgrAccount(self.certmgr_login, self.certmgr_ca)
        return fetch_in_use(self.certmgr, account)

    def _features(self) -> Mapping[str, ModelFeatures]:
        """Return what models can do, with the cluster's own list laid over it."""
        if self.features is None:
            return FEATURES
        return load_features(self.features).features


@click.command("import")
@gathered(
    "sources",
    _Sources,
    click.option(
        "--ctl",
        type=_FILE,
        help="CTLFile.tlv, the output of `show ctl`, or a log of several commands; - "
        "reads standard input.",
    ),
    click.option(
        "--itl",
        "itls",
        type=_FILE,
        multiple=True,
        help="A node's ITLFile.tlv, or the output of `show itl`; may be repeated.",
    ),
    click.option(
        "--cert",
        "certificates",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="A certificate in use (PEM or DER), in a file named after its unit: "
        "CallManager.pem, TVS-sub1.pem; may be repeated.",
    ),
    click.option(
        "--config",
        "phone_config",
        # TOKENLESS_CONFIG names the configuration of a cluster.
        envvar="TOKENLESS_PHONE_CONFIG",
        type=_FILE,
        help="A phone's SEP….cnf.xml (or .sgn), for its CallManager group.",
    ),
    click.option(
        "--phones",
        "phone_table",
        type=_FILE,
        metavar="CSV",
        help="An export of the phones (BAT, RIS, or model,device pool,count), for "
        "the groups of phones.",
    ),
    click.option(
        "--certmgr",
        multiple=True,
        metavar="URL",
        help="Read the certificates in use from a node's REST interface (14 and "
        "later): https://NODE; may be repeated. Nothing is changed there.",
    ),
    click.option(
        "--certmgr-login",
        metavar="NAME:PASSWORD",
        help="An OS administrator, a read-only one for preference. Prefer the "
        "environment variable: command lines are visible to other users.",
    ),
    click.option(
        "--certmgr-ca",
        type=_FILE,
        metavar="FILE",
        help="PEM of the CA that signed the nodes' tomcat certificates, to check them.",
    ),
    click.option(
        "--features",
        type=_FILE,
        metavar="CSV",
        help="The cluster's own Unified CM Phone Feature List (Product, Protocol, "
        "Feature): says which models have Security By Default.",
    ),
    click.option(
        "--tftp",
        multiple=True,
        metavar="HOST[:PORT][,…]",
        help="Fetch CTL, ITLs and a configuration from these TFTP nodes.",
    ),
    click.option(
        "--serves-tftp",
        default="",
        metavar="NODE[,NODE…]",
        help="The nodes that serve TFTP, where nothing else tells it.",
    ),
    click.option(
        "--pool",
        "pools",
        multiple=True,
        metavar="POOL=NODE[,NODE…]",
        help="The CallManager group of a device pool of --phones; may be repeated.",
    ),
    click.option(
        "--device",
        default="SEP001122334455",
        help="The phone whose configuration is fetched with --tftp.",
    ),
    tftp_timeout_option,
    click.option("--version", help="The release, when the lists do not tell it."),
)
@models_option
@click.option("--name", help="The name of the rehearsal; default: the file's name.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
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
    sources: _Sources,
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
    if sources.ctl is None and not sources.itls and not sources.tftp:
        raise click.UsageError("give --ctl, --itl or --tftp")
    if sources.features is not None and sources.phone_table is None:
        raise click.UsageError("--features is about the models of --phones; give both")
    if sources.version is not None:
        parse_release(sources.version)
    chosen = parse_models(models)
    if output is not None:
        check_output(output)
    try:
        fetched = sources.fetched()
    except NothingAnsweredError as error:
        complain(error.explain())
        sys.exit(_COULD_NOT_BE_TOLD)
    imported_lists = sources.imported_lists(fetched)
    cluster = read_cluster(imported_lists, sources.known(fetched))
    title = name or (output.stem if output else "imported")
    script = imported_script(cluster, name=title, models=chosen)
    comment = comment_of(
        cluster, [Path(imported_list.source).name for imported_list in imported_lists]
    )
    text = write_script(script, comment=comment)
    _say_approximations(cluster)
    if output is not None:
        save_script(output, text)
    if as_json:
        click.echo(json.dumps(_to_json(cluster, output)))
    elif output is None:
        click.echo(text, nl=False)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _pool(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `POOL=NODE,NODE`."""
    name, _, nodes = text.rpartition("=")
    if not name.strip():
        raise click.UsageError(f"--pool {text}: write POOL=NODE[,NODE…]")
    if name.strip() == "Default":
        raise click.UsageError("the group of Default is that of --config")
    return name.strip(), _names(nodes)


def _say_approximations(cluster: ImportedCluster) -> None:
    for each in cluster.approximations:
        talk_line(f"approximated: {each.what} ({each.why})")


@contextmanager
def _progress(nodes: int) -> Iterator[Callable[[], None]]:
    """Show how many nodes have been asked, on a terminal."""
    columns = (
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("nodes"),
    )
    with progress_bar(None, *columns) as bar:
        task = bar.add_task("fetching", total=nodes)
        yield lambda: bar.advance(task)


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
