"""Options that more than one command has."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tokenless.command_line import FILE
from tokenless.parsed import Folder, Parsed
from tokenless.services.errors import ServiceError

_DATABASE_URL: Final = "tokenless.database_url"

_Command = TypeVar("_Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    ParamType = click.ParamType
else:

    class ParamType(click.ParamType):
        """A parameter type with its values: before click 8.5 it was not generic."""

        def __class_getitem__(cls, _values: type) -> type:
            """Return the class: the values matter to the type checker only."""
            return cls


def key_size_type(*sizes: Iterable[int]) -> Parsed:
    """Return the type of a key size in bits; what no key has is wrong usage.

    Args:
        sizes: The sizes of each type of key.
    """
    possible = sorted({size for each in sizes for size in each})

    def read(text: str) -> int:
        if text not in map(str, possible):
            raise ServiceError(
                f"no key has {text} bits", hint=f"use {', '.join(map(str, possible))}"
            )
        return int(text)

    return Parsed("BITS", read)


def data_option(command: _Command) -> _Command:
    """Add `--data DIR`: where the state lives (TOKENLESS_DATA, else ./data).

    `--database-url` comes with it, for `open_cluster` of the room `cluster`. Prefer the
    environment variable: other users see the words of a command.
    """
    command = click.option(
        "--database-url",
        metavar="URL",
        expose_value=False,
        callback=_keep_database_url,
        help="The cluster's database, instead of the configuration's [database] url.",
    )(command)
    return click.option(
        "--data",
        type=Folder(),
        default=Path("data"),
        help="The data folder; `tokenless init` and `serve` create it.",
    )(command)


def database_url() -> str | None:
    """Return what `--database-url` said to the command that runs."""
    url: str | None = click.get_current_context().meta.get(_DATABASE_URL)
    return url


def _keep_database_url(
    context: click.Context, _option: click.Parameter, value: str | None
) -> None:
    context.meta[_DATABASE_URL] = value


def config_option(command: _Command) -> _Command:
    """Add `--config FILE`: what a data folder is initialised from."""
    return click.option(
        "--config",
        type=FILE,
        default=None,
        help="The cluster's configuration (TOML), read when the data folder is "
        "created; default: configs/lab.toml.",
    )(command)
