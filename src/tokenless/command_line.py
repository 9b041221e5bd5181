"""The commands, imported only when they are run; their common options, exit and words.

Importing all of them takes most of a second: `tokenless --help` and `tokenless rehearse
list` need the names and one line each. `services/` and `phone_emulator/` build their
groups from this; the table of the first level is `COMMANDS`. Options that belong
together reach a command as one value (`gathered`).
"""

import functools
import gc
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import TokenlessError

Command = Callable[..., Any]
Option = Callable[[Command], Command]
_ENVIRONMENT_PREFIX: Final = "TOKENLESS"
_LINUX: Final = "linux"
_TEXT: Final = click.types.StringParamType


@unique
class ExitStatus(IntEnum):
    """The exit status of a command, for programs; 0 is done, verified, safe."""

    FAILED = 1
    """Refused, failed, not verified; phones unexpectedly stuck."""
    USAGE = 2
    CANNOT_TELL = 3
    """Nothing answered, or nothing could be read."""
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """The place of a command, and its line in a list of commands."""

    target: str
    """`module:attribute`."""
    summary: str
    """The first sentence of the command's own help; a test compares them."""
    needs_linux: bool = True
    """True if it runs on Linux only: services, phones and labs use epoll and locks."""

    def load(self) -> click.Command:
        """Import the command; every flag is readable from TOKENLESS_<FLAG>.

        Raises:
            TokenlessError: When this system lacks what the command needs.
        """
        if self.needs_linux and sys.platform != _LINUX:
            raise _not_here()
        module, _, attribute = self.target.partition(":")
        try:
            command: click.Command = getattr(_imported(module), attribute)
        except (ImportError, AttributeError) as error:
            if sys.platform == _LINUX or not _is_of_the_system(error):
                raise
            raise _not_here() from error
        prepare_parameters(command)
        return command


def _imported(name: str) -> ModuleType:
    """Import a command's module, and keep the garbage collector off what that makes.

    Imports make no garbage, but so many objects that the collector would start hundreds
    of times: an eighth of the time to start.
    """
    if name in sys.modules or not gc.isenabled():
        return import_module(name)
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _is_of_the_system(error: ImportError | AttributeError) -> bool:
    """Return whether the standard library lacks something here, such as `fcntl`."""
    lacking = error.name if isinstance(error, ImportError) else None
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        lacking = error.obj.__name__
    return (lacking or "").partition(".")[0] in sys.stdlib_module_names


def _not_here() -> TokenlessError:
    return TokenlessError(
        f"this command runs on Linux only, and this system is {sys.platform}",
        hint="run it in a container or in a virtual machine; `file` and `rehearse "
        "import` are for all systems, `rehearse plan` for macOS, too",
    )


def prepare_parameters(command: click.Command) -> None:
    """Make flags readable from TOKENLESS_<FLAG>, refuse empty texts; at any depth.

    Click itself would name the variable after the parameter and its command.
    """
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar is None:
            flag = max(parameter.opts, key=len).lstrip("-")
            name = flag.upper().replace("-", "_")
            parameter.envvar = f"{_ENVIRONMENT_PREFIX}_{name}"
    if any(isinstance(each.type, _TEXT) for each in command.params):
        from tokenless.parsed import refuse_empty_values  # noqa: PLC0415

        refuse_empty_values(command)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            prepare_parameters(child)


def complain(message: str) -> None:
    """Say in one line on standard error what was wrong and what to do.

    Args:
        message: May quote certificates, servers and files: it is made printable.
    """
    click.echo(f"tokenless: {printable(message)}", err=True)


def gathered(name: str, make: Callable[..., Any], *options: Option) -> Option:
    """Give a command one argument that is made of several options.

    Args:
        name: The command's argument.
        make: Makes its value; has a parameter for each option.
        options: Options of click.
    """
    taken = tuple(inspect.signature(make).parameters)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(**given: Any) -> Any:  # noqa: ANN401 - whatever click has parsed
            own = {each: given.pop(each) for each in taken}
            return command(**given, **{name: make(**own)})

        with_options: Command = call
        for option in reversed(options):
            with_options = option(with_options)
        return with_options

    return decorate


FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
"""A file that is written, or is read only if need be; what is read: `inputs`."""
json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)


class NumberRange(click.FloatRange):
    """A number within bounds; `nan` is within all of them for click."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """Return the number; click's own error for everything else."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports the one that runs."""

    def __init__(
        self,
        name: str | None = None,
        *,
        lazy_commands: Mapping[str, LazyCommand],
        **settings: Any,  # noqa: ANN401 - whatever click.group() takes
    ) -> None:
        super().__init__(name, **settings)
        self._lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in order."""
        return sorted(self._lazy_commands)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command; None when there is none of that name."""
        command = self._lazy_commands.get(cmd_name)
        return None if command is None else command.load()

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(self._summaries(""))

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the name of a command without importing it."""
        names = [
            CompletionItem(name, help=summary)
            for name, summary in self._summaries(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def _summaries(self, beginning: str) -> list[tuple[str, str]]:
        return [
            (name, self._lazy_commands[name].summary)
            for name in sorted(self._lazy_commands)
            if name.startswith(beginning)
        ]


_SERVICES: Final = "tokenless.services.cli"
_PHONES: Final = "tokenless.phone_emulator.cli"

# Names only, so that services/ never imports phone_emulator/.
COMMANDS: Final[Mapping[str, LazyCommand]] = {
    "admin": LazyCommand(
        f"{_SERVICES}.cluster.admin:admin",
        "Open a node's shell (prompt `admin:`), or run one COMMAND.",
    ),
    "apply": LazyCommand(
        f"{_SERVICES}.cluster.apply:apply",
        "Bring the cluster to what the configuration file says.",
    ),
    "backup": LazyCommand(
        f"{_SERVICES}.cluster.backup:backup",
        "Copy the data folder into TARGET: a new folder or NAME.tar.",
    ),
    "ca": LazyCommand(
        f"{_SERVICES}.certificates.ca:ca",
        "Run a CA of the lab that signs nodes' requests.",
    ),
    "cert": LazyCommand(
        f"{_SERVICES}.certificates.cert:cert",
        "Manage certificates of nodes, and the cluster's trust stores.",
    ),
    "check": LazyCommand(
        f"{_PHONES}.check:check",
        "Inspect a cluster from outside, as its phones see it.",
    ),
    "console": LazyCommand(
        f"{_SERVICES}.console:console",
        "Serve the administration pages over HTTPS until Ctrl-C.",
    ),
    "ctl-client": LazyCommand(
        f"{_SERVICES}.certificates.ctl_client:ctl_client",
        "Sign the cluster's CTL with tokens, as the CTL Client does.",
    ),
    "demo": LazyCommand(
        f"{_PHONES}.rehearsals.demo:demo",
        "Play the vendor's four flows on a lab cluster with phones.",
    ),
    "device": LazyCommand(
        f"{_SERVICES}.cluster.device:device",
        "Manage phones: security profile, CAPF, import from CSV.",
    ),
    "file": LazyCommand(
        f"{_SERVICES}.file.group:file",
        "Read, build, sign, encrypt and verify files of phones.",
        needs_linux=False,
    ),
    "fleet": LazyCommand(
        f"{_PHONES}.fleets:fleet",
        "Boot many emulated phones at once, and show their state.",
    ),
    "health": LazyCommand(
        f"{_SERVICES}.cluster.health:health",
        "Report the health of the nodes served from this data folder.",
    ),
    "init": LazyCommand(
        f"{_SERVICES}.cluster.init:init",
        "Create the data folder of a cluster, without serving it.",
    ),
    "node": LazyCommand(
        f"{_SERVICES}.cluster.node:node",
        "Add nodes, and move nodes to hosts of their own.",
    ),
    "phone": LazyCommand(
        f"{_PHONES}.phones:phone",
        "Boot one emulated phone, show its state, erase its lists.",
    ),
    "preflight": LazyCommand(
        f"{_PHONES}.rehearsals.preflight:preflight",
        "Check an imported cluster before a change.",
    ),
    "rehearse": LazyCommand(
        f"{_PHONES}.rehearsals:rehearse",
        "Play a change on a temporary cluster with phones, step by step.",
        needs_linux=False,
    ),
    "restore": LazyCommand(
        f"{_SERVICES}.cluster.backup:restore",
        "Create the data folder from a backup made by `tokenless backup`.",
    ),
    "serve": LazyCommand(
        f"{_SERVICES}.cluster.serve:serve",
        "Serve TFTP, TVS and the rest until SIGTERM or Ctrl-C.",
    ),
    "studio": LazyCommand(
        f"{_PHONES}.studio:studio",
        "Rehearse a change in a browser, over HTTPS, until Ctrl-C.",
    ),
    "test-agent": LazyCommand(
        f"{_SERVICES}.cluster.test_agent:test_agent",
        "Obey pytest fixtures that run elsewhere.",
    ),
    "token": LazyCommand(
        f"{_SERVICES}.certificates.token:token",
        "Manage security tokens: PKCS#12 files or PKCS#11 tokens.",
    ),
    "tvs": LazyCommand(
        f"{_SERVICES}.tvs:tvs",
        "Ask a TVS server about a certificate.",
    ),
}
