"""Options that several commands have, and their values."""

from codecs import StreamWriter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tokenless.command_line import FILE, NumberRange, Option, gathered
from tokenless.parsed import Parsed
from tokenless.phone_emulator.addresses import parse_servers
from tokenless.phone_emulator.errors import WrongNameError
from tokenless.phone_emulator.files import output_file
from tokenless.phone_emulator.phone import HttpPort, http_at
from tokenless.phone_emulator.phone import tftp_only as without_http
from tokenless.phone_emulator.tvs_client import TlsRange
from tokenless.protocol.phones.models import (
    PHONE_MODELS,
    TLS_VERSIONS,
    hint_for_unknown_models,
)
from tokenless.protocol.release import Release

_TLS_RANGES: Final[dict[str, TlsRange]] = {
    newest: (TLS_VERSIONS[0], newest) for newest in TLS_VERSIONS
}


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:  # click 8.1 has choices without a type
    _Choice = click.Choice


class ModelName(_Choice):
    """The name of a phone model; for others it names the nearest one."""

    def __init__(self) -> None:
        super().__init__(list(PHONE_MODELS))

    def get_metavar(
        self,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        ctx: click.Context,  # noqa: ARG002
    ) -> str:
        """Name the value in help; `phone models` lists all of them."""
        return "MODEL"

    def get_invalid_choice_message(
        self,
        value: str,
        ctx: click.Context | None,  # noqa: ARG002 - click's signature
    ) -> str:
        """Say what to name instead."""
        return f"there is no phone model {value}; {hint_for_unknown_models(value)}"


def tls_range(newest: str | None) -> TlsRange | None:
    """Return the versions up to the one named; None leaves it to the model."""
    return None if newest is None else _TLS_RANGES[newest]


def tvs_timeout_option(default_s: float, what: str = "one question to TVS") -> Option:
    """Return the option for the patience with TVS, and what else it is for."""
    return click.option(
        "--tvs-timeout",
        type=NumberRange(0.01, 300),
        default=default_s,
        help=f"Seconds for {what}.",
    )


def http_port_of(http_port: int | None, *, tftp_only: bool) -> HttpPort:
    """Return where phones try HTTP, by what a person gave.

    Raises:
        UsageError: When both options are given.
    """
    if tftp_only and http_port is not None:
        raise click.UsageError("--tftp-only and --http-port cannot be combined")
    return without_http if tftp_only else http_at(http_port)


def phones_option(least: int, help_text: str) -> Option:
    """Return the option for the size of a rehearsal."""
    return click.option(
        "--phones",
        type=click.IntRange(least, 20_000),
        default=20,
        help=help_text,
    )


class Workers(NamedTuple):
    """The processes that play rehearsals side by side."""

    jobs: int | None
    scheduler: str | None

    @property
    def are_one(self) -> bool:
        """Return whether one rehearsal is to be played after the other."""
        return self.jobs == 1 and self.scheduler is None


worker_options = gathered(
    "workers",
    Workers,
    click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        help="The number of runs at the same time on this machine; default: one per "
        "processor.",
    ),
    click.option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="Play on the workers of this Dask scheduler instead "
        "(pip install 'tokenless[dask]').",
    ),
)
tls_option = click.option(
    "--tls",
    type=click.Choice(list(_TLS_RANGES)),
    default=None,
    help="Newest TLS version for TVS, instead of the model's.",
)
SERVERS: Final = Parsed("HOST[:PORT],…", parse_servers)
tftp_option = click.option(
    "--tftp",
    required=True,
    type=SERVERS,
    metavar="HOST[:PORT],…",
    help="TFTP servers in the order in which the phone tries them.",
)
tftp_timeout_option = click.option(
    "--tftp-timeout",
    type=NumberRange(0.01, 60),
    default=1.0,
    help="Seconds until a TFTP packet is sent again.",
)
http_port_option = click.option(
    "--http-port",
    type=click.IntRange(1, 65535),
    default=None,
    help="The HTTP port of models that try HTTP before TFTP; default: 6970, or no "
    "HTTP when TFTP uses another port than 69 and 6969.",
)
tftp_only_option = click.option(
    "--tftp-only",
    is_flag=True,
    help="Fetch by TFTP only, also for models that try HTTP first.",
)
CHECK_SERVER: Final = (
    "check that it is the cluster's, and that the device exists there or "
    "auto-registration is on"
)
"""Advice where a server answers and has no file at all."""
ONLY_SIGNED: Final = (
    "a phone that holds lists asks for signed files only: at a server without them, "
    "`delete-trust` makes it ask for the others"
)
"""Advice where a phone may have asked a server that signs nothing."""
keep_option = click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the clusters, logs and the phones' flash in this new folder.",
)
models_option = click.option(
    "--models",
    default="7975",
    metavar="MODEL[,MODEL…]",
    help="The phone models at every node.",
)


class ReportFiles(NamedTuple):
    """The files in which the results of rehearsals are wanted, besides the output."""

    report: Path | None
    junit: Path | None

    @property
    def given(self) -> dict[str, bool]:
        """Which of the options were given."""
        return {f"--{name}": path is not None for name, path in self._asdict().items()}

    @contextmanager
    def open(self) -> Iterator[tuple[StreamWriter | None, StreamWriter | None]]:
        """Open those that are wanted, before the work; they take their place after it.

        Raises:
            PhoneError: When one cannot be put there; before the block begins.
        """
        with ExitStack() as stack:
            page, tests = (
                None if path is None else stack.enter_context(output_file(path))
                for path in self
            )
            yield page, tests


report_options = gathered(
    "files",
    ReportFiles,
    click.option("--report", type=FILE, help="Write one self-contained HTML page."),
    click.option(
        "--junit",
        type=FILE,
        help="Write the results as JUnit XML, for a CI server.",
    ),
)


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def parse_models(text: str) -> Sequence[str]:
    """Return the models of a list, each once.

    Raises:
        WrongNameError: When one is not known.
    """
    chosen = list(dict.fromkeys(part.strip() for part in text.split(",")))
    unknown = [model for model in chosen if model not in PHONE_MODELS]
    if unknown:
        raise WrongNameError(
            f"there is no phone model {', '.join(unknown)}",
            hint=hint_for_unknown_models(*unknown),
        )
    return chosen


def parse_release(text: str) -> Release:
    """Return the release that a person names.

    Raises:
        WrongNameError: When there is none of that name.
    """
    try:
        return Release.parse(text)
    except ValueError as error:
        raise WrongNameError(str(error), hint='write it as "10.5(1)"') from None


RELEASE: Final = Parsed("RELEASE", parse_release)
