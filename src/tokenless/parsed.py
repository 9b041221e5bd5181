"""Values of options that a function of ours reads from what a person typed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tokenless.protocol.errors import TokenlessError, UnreadableError

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:  # before click 8.5 it was not generic
    _ParamType = click.ParamType


class Parsed(_ParamType):
    """A value that a function reads; what it refuses is wrong usage."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """Read the value; fail as wrong usage.

        Raises:
            UnreadableError: When nothing can be told of it, as of an unknown host.
        """
        if not isinstance(value, str):
            return value  # a default
        try:
            return self._read(value)
        except UnreadableError:
            raise
        except TokenlessError as error:
            self.fail(error.explain(), param, ctx)
