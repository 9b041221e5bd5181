"""The sources of `rehearse import`, as options name them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from tokenless.command_line import gathered
from tokenless.ground.terminal import progress_bar, slow_view
from tokenless.inputs import INPUT_FILE_OR_STDIN
from tokenless.parsed import Parsed
from tokenless.phone_emulator.addresses import parse_device
from tokenless.phone_emulator.check.observing.fetching import Patience
from tokenless.phone_emulator.cli.options import (
    RELEASE,
    SERVERS,
    names_in,
    tftp_timeout_option,
)
from tokenless.phone_emulator.rehearsal.importing.approximations import Approximation
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import Known
from tokenless.phone_emulator.rehearsal.importing.sources.certmgr import (
    CertmgrAccount,
    fetch_in_use,
)
from tokenless.phone_emulator.rehearsal.importing.sources.fetch import (
    Fetched,
    fetch_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
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
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.phones.features import FEATURES, ModelFeatures
from tokenless.protocol.trust.verdicts import FileKind


@dataclass(frozen=True, slots=True)
class ImportSources:
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
    tftp: tuple[tuple[Server, ...], ...]
    serves_tftp: str
    pools: tuple[str, ...]
    device: str
    tftp_timeout: float
    version: str | None

    def check(self) -> None:
        """Refuse what makes no sense together.

        Raises:
            UsageError: When there is no list, or an option that others need is missing.
        """
        if self.ctl is None and not self.itls and not self.tftp:
            raise click.UsageError("give --ctl, --itl or --tftp")
        if self.features is not None and self.phone_table is None:
            raise click.UsageError(
                "--features is about the models of --phones; give both"
            )
        if self.pools and self.phone_table is None:
            raise click.UsageError(
                "--pool is about the device pools of --phones; give both"
            )

    def fetched(self) -> Fetched | None:
        """Fetch from the TFTP nodes, with a bar on standard error.

        Raises:
            PhoneError: When nothing answered, or a file could not be had.
        """
        servers = list(chain.from_iterable(self.tftp))
        if not servers:
            return None
        with _progress(len(servers)) as on_node:
            return fetch_cluster(
                servers, self.device, Patience(self.tftp_timeout), on_node
            )

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
            tftp_names=names_in(self.serves_tftp),
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
        with slow_view("reading the certificates in use"):
            return fetch_in_use(self.certmgr, account)

    def _features(self) -> Mapping[str, ModelFeatures]:
        """Return what models can do, with the cluster's own list laid over it."""
        if self.features is None:
            return FEATURES
        return load_features(self.features).features


def _checked_release(
    context: click.Context, option: click.Parameter, text: str | None
) -> str | None:
    """Return a release as it was typed: lists are imported with its text."""
    if text is not None:
        RELEASE.convert(text, option, context)
    return text


import_options = gathered(
    "sources",
    ImportSources,
    click.option(
        "--ctl",
        type=INPUT_FILE_OR_STDIN,
        help="CTLFile.tlv, the output of `show ctl`, or a log of several commands; - "
        "reads standard input.",
    ),
    click.option(
        "--itl",
        "itls",
        type=INPUT_FILE_OR_STDIN,
        multiple=True,
        help="A node's ITLFile.tlv, or the output of `show itl`; may be repeated.",
    ),
    click.option(
        "--cert",
        "certificates",
        type=INPUT_FILE_OR_STDIN,
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
        type=INPUT_FILE_OR_STDIN,
        help="A phone's SEP….cnf.xml (or .sgn), for its CallManager group.",
    ),
    click.option(
        "--phones",
        "phone_table",
        type=INPUT_FILE_OR_STDIN,
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
        type=INPUT_FILE_OR_STDIN,
        metavar="FILE",
        help="PEM of the CA that signed the nodes' tomcat certificates, to check them.",
    ),
    click.option(
        "--features",
        type=INPUT_FILE_OR_STDIN,
        metavar="CSV",
        help="The cluster's own Unified CM Phone Feature List (Product, Protocol, "
        "Feature): says which models have Security By Default.",
    ),
    click.option(
        "--tftp",
        type=SERVERS,
        multiple=True,
        metavar="HOST[:PORT][,…]",
        help="Fetch CTL, ITLs and a configuration from these TFTP nodes.",
    ),
    click.option(
        "--serves-tftp",
        default="",
        show_default=False,
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
        type=Parsed("NAME", parse_device),
        default="SEP001122334455",
        help="The phone whose configuration is fetched with --tftp.",
    ),
    tftp_timeout_option,
    click.option(
        "--version",
        callback=_checked_release,
        help="The release, when the lists do not tell it.",
    ),
)


def _pool(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `POOL=NODE,NODE`."""
    name, _, nodes = text.rpartition("=")
    if not name.strip():
        raise click.UsageError(f"--pool {text}: write POOL=NODE[,NODE…]")
    if name.strip() == "Default":
        raise click.UsageError("the group of Default is that of --config")
    return name.strip(), names_in(nodes)


@contextmanager
def _progress(nodes: int) -> Iterator[Callable[[], None]]:
    """Show how many nodes have been asked."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("nodes"),
    )
    with progress_bar(None, *columns) as bar:
        task = bar.add_task("fetching", total=nodes)
        yield lambda: bar.advance(task)
