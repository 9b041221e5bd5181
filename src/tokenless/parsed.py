"""Values of options that a function of ours reads from what a person typed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

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


class Folder(click.Path):
    """A folder, which has a name: an empty one would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """Return the path; fail as wrong usage when the name is empty."""
        if value == "":
            self.fail(_IS_EMPTY, param, ctx)
        return super().convert(value, param, ctx)


_IS_EMPTY: Final = "it is empty; give a value, or leave it out"
_MAY_BE_EMPTY: Final = frozenset({"password", "subject", "issuer", "command"})
"""A password that is empty, a certificate without a name, a word of a shell."""


def refuse_empty_values(command: click.Command) -> None:
    """Make an empty value of an option or argument that is text wrong usage.

    A script gives one by a variable that it did not set. An empty variable of the
    environment is one that is not set.
    """
    for parameter in command.params:
        is_text = isinstance(parameter.type, click.types.StringParamType)
        words = set((parameter.name or "").split("_"))
        is_done = isinstance(parameter.callback, _RefusingEmpty)
        if is_text and not is_done and not words & _MAY_BE_EMPTY:
            parameter.callback = _RefusingEmpty(parameter.callback)


class _RefusingEmpty:
    """A callback of click that looks at the value before another one does."""

    def __init__(
        self, then: Callable[[click.Context, click.Parameter, Any], Any] | None
    ) -> None:
        self._then = then

    def __call__(
        self,
        context: click.Context,
        parameter: click.Parameter,
        value: Any,  # noqa: ANN401 - whatever click has parsed
    ) -> Any:  # noqa: ANN401
        """Return the value. Raises BadParameter when a person gave an empty one."""
        source = context.get_parameter_source(parameter.name or "")
        if source is ParameterSource.COMMANDLINE:
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(each, str) and not each.strip() for each in values):
                raise click.BadParameter(_IS_EMPTY, context, parameter)
        return value if self._then is None else self._then(context, parameter, value)
