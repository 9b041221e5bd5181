"""Options that more than one command has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def data_option(command: _Command) -> _Command:
    """Add `--data DIR`: where the state lives (TOKENLESS_DATA, else ./data)."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("data"),
        show_default="./data",
        help="Where the state lives.",
    )(command)


def config_option(command: _Command) -> _Command:
    """Add `--config FILE`: what a data folder is initialised from."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        show_default="configs/lab.toml",
        help="The cluster, as TOML; read when the data folder is made.",
    )(command)
