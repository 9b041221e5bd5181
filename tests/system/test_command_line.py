"""What holds for every command: it explains itself, and its flags have variables."""

from collections.abc import Iterator

import click
import pytest

from tokenless.services.cli.main import cli

_COLUMNS = 78  # what click leaves of a terminal of 80


def _walk(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(("tokenless", *words)), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _walk(child, (*words, name))


COMMANDS = dict(_walk(cli))
GROUPS = [name for name, each in COMMANDS.items() if isinstance(each, click.Group)]


def _help(name: str) -> str:
    context = click.Context(COMMANDS[name], info_name=name, terminal_width=_COLUMNS)
    return COMMANDS[name].get_help(context)


def test_the_groups_are_found() -> None:
    assert {"tokenless", "tokenless rehearse", "tokenless file"} <= set(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
def test_no_summary_is_cut(name: str) -> None:
    listed = _help(name).partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_options_explain_themselves(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert [each.opts for each in options if not each.help] == []


@pytest.mark.parametrize("name", [*COMMANDS][1:])
def test_flags_have_variables(name: str) -> None:
    options = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert [
        each.opts
        for each in options
        if not str(each.envvar or "").startswith("TOKENLESS_")
    ] == []
