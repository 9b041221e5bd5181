"""The console script: finds the commands, turns every failure into one line.

Commands are found through the entry points `tokenless.commands` and imported only when
they are asked for: start-up stays short, and `services/` imports no phone.
"""

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Never

import click

from tokenless import __version__
from tokenless.protocol.errors import TokenlessError

_ENVIRONMENT_PREFIX: Final = "TOKENLESS"
_DEBUG_VARIABLE: Final = f"{_ENVIRONMENT_PREFIX}_DEBUG"


def _name_environment_variables(command: click.Command) -> None:
    """Make every flag readable from TOKENLESS_<FLAG>, at any depth.

    Click itself would name the variable after the parameter and its command.
    """
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.envvar is None:
            flag = max(parameter.opts, key=len).lstrip("-")
            name = flag.upper().replace("-", "_")
            parameter.envvar = f"{_ENVIRONMENT_PREFIX}_{name}"
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _name_environment_variables(child)


class _CommandsByEntryPoint(click.Group):
    """A group whose commands are looked up by name when they are needed."""

    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group="tokenless.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(self._entries())

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        entry = self._entries().get(cmd_name)
        if entry is None:
            return None
        command: click.Command = entry.load()
        _name_environment_variables(command)
        return command


@click.group(
    cls=_CommandsByEntryPoint,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option("--debug", is_flag=True, envvar=_DEBUG_VARIABLE, help="Show tracebacks.")
@click.version_option(__version__, prog_name="tokenless")
def cli(*, debug: bool) -> None:
    """Serve, administer and rehearse the trust plane of a CUCM cluster."""
    _ = debug  # main() looks for itself: errors of parsing are caught there, too


def _wants_traceback() -> bool:
    """Whether --debug or its variable is given, before anything was parsed."""
    variable = os.environ.get(_DEBUG_VARIABLE) or "0"
    return "--debug" in sys.argv or click.BOOL.convert(variable, None, None)


def _fail(message: str, status: int) -> Never:
    click.echo(f"tokenless: {message}", err=True)
    sys.exit(status)


def main() -> Never:
    """Run the command line; exit 0, 1 (refused or failed) or 2 (wrong usage)."""
    try:
        sys.exit(cli.main(prog_name="tokenless", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except click.Abort:
        _fail("interrupted", 1)
    except (Exception, BaseExceptionGroup) as error:
        if _is_interrupt(error):
            _fail("interrupted", 1)
        if isinstance(_first_cause(error), BrokenPipeError):
            sys.exit(1)  # whoever read our output has seen enough, as `head` does
        if _wants_traceback():
            raise
        _fail(_explain(error), 1)


def _is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is among what trio's nurseries have gathered."""
    return (
        isinstance(error, BaseExceptionGroup)
        and error.subgroup(KeyboardInterrupt) is not None
    )


def _first_cause(error: BaseException) -> BaseException:
    """Return what failed: trio's nurseries wrap what happens in them in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(error: BaseException) -> str:
    """Return one line for a person."""
    error = _first_cause(error)
    if isinstance(error, TokenlessError):
        return error.explain()
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return (
        f"internal error: {type(error).__name__}: {error}; "
        "run `tokenless --debug …` for the traceback and report it"
    )
