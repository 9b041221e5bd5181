"""A node's administration shell: a line in, printed text and a status out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenless.ground.disk import explain, is_of_the_output
from tokenless.protocol.errors import TokenlessError
from tokenless.services.admin import commands
from tokenless.services.admin.command import TREE, Command, UsageError, Yes, split_line
from tokenless.services.admin.session import Ask, Session
from tokenless.services.cluster.cluster import Cluster

PROMPT: Final = "admin:"

STATUS_DONE: Final = 0
STATUS_REFUSED: Final = 1
STATUS_USAGE: Final = 2

_ = commands  # importing the package is what fills the tree


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of one line."""

    text: str
    """All that was printed, with questions and their answers, as a terminal shows."""

    status: int
    """0 done, 1 refused or failed, 2 no such command."""

    error: str | None = None
    """The error and its remedy in one line, when the status is not 0."""


def check_line(line: str) -> Command:
    """Check a line of the shell without running it; return its command.

    Raises:
        TokenlessError: When there is no such command, or its arguments cannot be meant
            on any node.
    """
    typed = line.rstrip()
    if typed.endswith("?"):
        return TREE.check_line(f"help {typed[:-1]}")
    return TREE.check_line(typed)


class AdminShell:
    """The shell of one node, for a person or for a program."""

    def __init__(
        self,
        cluster: Cluster,
        node_name: str,
        *,
        ask: Ask = lambda _: "",
        ask_secret: Ask | None = None,
        assume_yes: bool = False,
        echo: Callable[[str], None] = lambda _: None,
        output: Path | None = None,
        folder: Path | None = None,
        by: str | None = None,
    ) -> None:
        """Open the shell.

        Args:
            cluster: The cluster, opened.
            node_name: Whose shell it is.
            ask: Shows a question and returns its answer; by default "", which is no.
            ask_secret: The same for passwords, without showing what is typed.
            assume_yes: Answer every confirmation with yes, without asking.
            echo: Is given every line as it is printed, while the command runs.
            output: Where `file get` saves.
            folder: Where files lie that commands may save and load; None: anywhere.
            by: The administrator, for the audit log; the system's user when None.

        Raises:
            ServiceError: When the cluster has no such node.
        """
        self._assume_yes = assume_yes
        self._session = Session(
            cluster,
            cluster.node(node_name),
            ask=ask,
            ask_secret=ask if ask_secret is None else ask_secret,
            echo=echo,
            output=output,
            folder=folder,
            by=by,
        )

    @property
    def pagination(self) -> bool:
        """Return whether output stops after each screen in a terminal."""
        return self._session.pagination

    def run(self, line: str) -> CommandResult:
        """Run one typed line."""
        typed = line.rstrip()
        if typed.endswith("?"):
            return self._run(["help", *typed[:-1].split()], "")
        try:
            return self._run(split_line(typed), typed)
        except UsageError as error:
            return CommandResult("", STATUS_USAGE, error.explain())

    def run_words(self, words: Sequence[str]) -> CommandResult:
        """Run a line that something else has split already (a Unix shell)."""
        if words and words[-1] == "?":
            words = ["help", *words[:-1]]
        return self._run(words, " ".join(words))

    def _run(self, words: Sequence[str], line: str) -> CommandResult:
        """Run words.

        Args:
            words: The line without its quotes.
            line: The line itself, for commands that read it as it is.
        """
        if not words:
            return CommandResult("", STATUS_DONE)
        status, reason = STATUS_DONE, None
        try:
            command, arguments = TREE.read(words, line)
            self._execute(command, arguments)
        except UsageError as error:
            status, reason = STATUS_USAGE, error.explain()
        except TokenlessError as error:
            status, reason = STATUS_REFUSED, error.explain()
        except BrokenPipeError:
            raise  # the reader of the output has gone: not the command's failure
        except OSError as error:
            status = STATUS_REFUSED
            reason = (
                explain(error)
                if is_of_the_output(error)
                else f"{error.filename}: {error.strerror}; nothing was changed there"
            )
        return CommandResult(self._session.take_said(), status, reason)

    def _execute(self, command: Command, arguments: Sequence[str]) -> None:
        if command.publisher_only and not self._session.node.is_publisher:
            publisher = self._session.cluster.publisher.name
            raise TokenlessError(
                "This command can only be executed on the publisher",
                hint=f"use the shell of {publisher}",
            )
        if command.question is not None:
            question = command.question.render(self._session, arguments)
            self._confirm(question, command.question.yes)
        command.action(self._session, *arguments)

    def _confirm(self, question: str, yes: Yes) -> None:
        if self._assume_yes:
            self._session.say(f"{question}{yes}")
            return
        answer = self._session.ask(question).strip().lower()
        accepted = {"y", "yes"} if yes is Yes.LETTER else {"yes"}
        if answer not in accepted:
            raise TokenlessError("The operation was cancelled", hint=f"answer {yes}")
