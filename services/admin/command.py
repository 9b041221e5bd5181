"""A command of the shell, and the tree of words that all of them make.

A command is one function; `CommandTree.command` gives it its words, its help and its
conditions. What the user types is matched against the longest command whose words it
begins with; the rest are the command's arguments, checked against its usage text.
`columns` lays out what commands print as tables.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import TokenlessError
from tokenless.services.admin.session import Session

_SHOWN: Final = 80
"""The most characters of a wrong command that a message repeats."""
_LONGEST_LINE: Final = 64 * 1024
"""Characters; shlex takes the square of the length: 1 s for three times so many."""


class UsageError(TokenlessError):
    """A line that is not a command, or a command with the wrong arguments."""


@unique
class Yes(StrEnum):
    """The answer that lets a question's command go on."""

    LETTER = "y"
    WORD = "yes"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is asked before a command runs.

    A text that depends on the cluster's release or on the arguments is a function.
    """

    text: str | Callable[[Session, Sequence[str]], str]
    yes: Yes = Yes.LETTER

    def render(self, session: Session, arguments: Sequence[str]) -> str:
        """Return the text for these arguments."""
        return (
            self.text if isinstance(self.text, str) else self.text(session, arguments)
        )


Action = Callable[..., None]
"""Takes the session and the command's arguments, each as text."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the shell."""

    words: tuple[str, ...]
    usage: tuple[str, ...]
    """Names of its arguments: `NAME`, `[NAME]` optional, `NAME...` one or more."""
    summary: str
    publisher_only: bool
    question: Question | None
    literal: bool
    """True if it is given the rest of the line in one piece, as it was typed."""
    action: Action
    values: Callable[..., object] | None = None
    """Raises when the arguments cannot be meant, before anything is done with them."""

    @property
    def synopsis(self) -> str:
        """The words and arguments, as help shows them."""
        return " ".join((*self.words, *self.usage))

    def check(self, arguments: Sequence[str]) -> None:
        """Raise UsageError when the number of arguments is not the command's."""
        least = sum(not name.startswith("[") for name in self.usage)
        endless = any("..." in name for name in self.usage)
        if len(arguments) < least or (len(arguments) > len(self.usage) and not endless):
            raise UsageError("wrong arguments", hint=f"usage: {self.synopsis}")


class CommandTree:
    """All the commands, found by their words."""

    def __init__(self) -> None:
        self._commands: dict[tuple[str, ...], Command] = {}

    def __iter__(self) -> Iterator[Command]:
        return iter(sorted(self._commands.values(), key=lambda each: each.words))

    def command(
        self,
        synopsis: str,
        *,
        publisher_only: bool = False,
        ask: Question | None = None,
        literal: bool = False,
        values: Callable[..., object] | None = None,
    ) -> Callable[[Action], Action]:
        """Register the decorated function.

        Args:
            synopsis: Its words in lower case or mixed case, then its arguments in
                capitals: `show cert own NAME`.
            publisher_only: Whether a subscriber refuses it.
            ask: What to ask first.
            literal: Whether quotes and blanks in its arguments are its own business.
            values: Takes the arguments and raises TokenlessError when they cannot be
                meant, such as a unit that there is not; for checks before a line runs.
        """
        parts = synopsis.split()
        words = tuple(part for part in parts if not _is_argument(part))

        def register(action: Action) -> Action:
            # Without docstrings (`python -OO`) the help has the command's own words.
            about = (action.__doc__ or " ".join(words)).strip()
            summary = about.splitlines()[0].rstrip(".")
            self._commands[words] = Command(
                words,
                tuple(parts[len(words) :]),
                summary,
                publisher_only,
                ask,
                literal,
                action,
                values,
            )
            return action

        return register

    def find(self, typed: Sequence[str]) -> tuple[Command, tuple[str, ...]]:
        """Return the command that `typed` begins with, and its arguments.

        Raises:
            UsageError: When there is none, or its arguments are wrong.
        """
        for length in range(len(typed), 0, -1):
            if command := self._commands.get(tuple(typed[:length])):
                arguments = tuple(typed[length:])
                command.check(arguments)
                return command, arguments
        raise UsageError(
            f"no such command: {' '.join(typed)[:_SHOWN]}", hint=self._nearest(typed)
        )

    def read(self, words: Sequence[str], line: str) -> tuple[Command, tuple[str, ...]]:
        """Return the command of a typed line, and its arguments.

        Args:
            words: The line without its quotes.
            line: The line itself, for commands that read it as it is.

        Raises:
            UsageError: When there is no such command, or its arguments are wrong.
        """
        command, arguments = self.find(words)
        if command.literal:
            depth = len(command.words)
            arguments = tuple(line.split(maxsplit=depth)[depth:])
        return command, arguments

    def check_line(self, line: str) -> Command:
        """Check a line as it would be typed, without running it; return its command.

        Raises:
            TokenlessError: When there is no such command, or its arguments cannot be
                meant on any node.
        """
        command, arguments = self.read(split_line(line), line)
        if command.values is not None:
            command.values(*arguments)
        return command

    def next_words(self, typed: Sequence[str]) -> list[str]:
        """Return the words that may follow `typed`, sorted."""
        depth = len(typed)
        return sorted(
            {
                words[depth]
                for words in self._commands
                if len(words) > depth and words[:depth] == tuple(typed)
            }
        )

    def under(self, typed: Sequence[str]) -> list[Command]:
        """Return the commands that begin with `typed`."""
        return [each for each in self if each.words[: len(typed)] == tuple(typed)]

    def _nearest(self, typed: Sequence[str]) -> str:
        known = list(typed)
        while known and not self.next_words(known):
            known.pop()
        following = ", ".join(self.next_words(known))
        if not known:
            return f"commands begin with {following}"
        return f"after `{' '.join(known)}` come {following}"


def split_line(line: str) -> list[str]:
    """Split a typed line into words; quotes keep blanks together.

    Raises:
        UsageError: When a quote is not closed, or the line is too long.
    """
    if len(line) > _LONGEST_LINE:
        raise UsageError(
            f"the line has {len(line):,} characters", hint=f"{_LONGEST_LINE:,} are read"
        )
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"cannot read the line: {error}", hint="close the quotes"
        ) from None


def _is_argument(part: str) -> bool:
    return part.strip("[]").rstrip(".").isupper()


TREE: Final = CommandTree()
"""The commands of `services.admin.commands`."""


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


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out under their heads: every column as wide as its widest cell."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(heads, *rows, strict=True)]
    lines = [heads, ["=" * width for width in widths], *rows]
    return "\n".join(
        " ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
