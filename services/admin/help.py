"""Texts of the shell: help for commands, and tables in columns."""

from collections.abc import Sequence

from tokenless.protocol.certificates.name_text import printable
from tokenless.services.admin.command import Command, CommandTree, UsageError


def help_text(tree: CommandTree, words: Sequence[str]) -> str:
    """Return the help for the words typed so far.

    Raises:
        UsageError: When no command begins with them.
    """
    commands = tree.under(words)
    if not commands:
        raise UsageError(f"no such command: {' '.join(words)}", hint="type help")
    if len(commands) == 1 and commands[0].words == tuple(words):
        return _details(commands[0])
    width = max(len(each.synopsis) for each in commands)
    return "\n".join(f"{each.synopsis:<{width}}  {each.summary}" for each in commands)


def _details(command: Command) -> str:
    lines = [f"{command.synopsis}\n    {command.summary}."]
    if command.publisher_only:
        lines.append("    On the publisher only.")
    if command.question is not None:
        lines.append("    Asks before it does anything; --yes answers.")
    return "\n".join(lines)


def columns(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, underline: str = "="
) -> str:
    """Lay rows out under their heads: every column as wide as its widest cell."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    lines = [heads, [underline * width for width in widths], *rows]
    return "\n".join(
        " ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
