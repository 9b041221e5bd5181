"""Context of a shell command: cluster, node, terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenless.protocol.certificates.name_text import printable, printable_lines
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.files import PUBLIC, write_output
from tokenless.services.node.control.announce import announce
from tokenless.services.node.control.client import request as ask
from tokenless.services.node.control.requests import Request
from tokenless.services.store.audit import administrator

Ask = Callable[[str], str]
"""Shows a question, returns the answer (without its newline)."""


class Session:
    """An administrator on one node of a cluster.

    Attributes:
        cluster: The stored state.
        node: The node whose shell this is.
        by: The administrator, for the audit log.
        pagination: Whether output stops after each screen in a terminal.
        output: Where `file get` saves; the current folder when None.
        folder: Where all files lie that commands may save and load; anywhere when None.
    """

    def __init__(
        self,
        cluster: Cluster,
        node: Node,
        *,
        ask: Ask,
        ask_secret: Ask,
        echo: Callable[[str], None],
        output: Path | None = None,
        folder: Path | None = None,
        by: str | None = None,
    ) -> None:
        self.cluster = cluster
        self.node = node
        self.by = administrator() if by is None else by
        self.pagination = True
        self.output = output
        self.folder = folder
        self._ask = ask
        self._ask_secret = ask_secret
        self._echo = echo
        self._said: list[str] = []

    def say(self, text: str = "") -> None:
        """Print one or more lines."""
        text = printable_lines(text)
        self._said.append(f"{text}\n")
        self._echo(f"{text}\n")

    def ask(self, question: str) -> str:
        """Put a question; the transcript shows it with its answer on one line."""
        answer = self._ask(question)
        self._said.append(f"{question}{answer}\n")
        return answer

    def ask_secret(self, question: str) -> str:
        """Put a question whose answer is neither shown nor kept."""
        answer = self._ask_secret(question)
        self._said.append(f"{question}\n")
        return answer

    def take_said(self) -> str:
        """Return everything said since the last call."""
        said, self._said = "".join(self._said), []
        return said

    def ask_node(self, request: Request) -> dict[str, Any]:
        """Ask the process that serves this node.

        Raises:
            ServiceError: When the node is down or refuses.
        """
        return ask(self.node.name, self.node.control_socket, request)

    def announce(self) -> None:
        """Make every running node apply the commit; print the nodes that are down."""
        for delivery in announce(self.cluster):
            if (line := delivery.explain()) is not None:
                self.say(line)

    def renamed(self, name: str) -> None:
        """Go on as the shell of the same node under its new name."""
        self.node = self.cluster.node(name)

    def refresh(self) -> None:
        """Read the node again after a change of its row."""
        self.node = self.cluster.node(self.node.name)

    def file(self, name: str) -> Path:
        """Return the file that an argument names.

        Raises:
            ServiceError: When it lies outside of the shell's own folder.
        """
        if self.folder is None:
            return Path(name)
        if name != Path(name).name or name in ("", ".", ".."):
            raise ServiceError(
                f"{printable(name)} is outside of this shell's folder",
                hint="name a file without a folder",
            )
        return self.folder / name

    def deliver(self, name: str, data: bytes, *, mode: int = PUBLIC) -> None:
        """Save a fetched file.

        Raises:
            ServiceError: When a file of that name exists and none was named.
        """
        target = self.file(name) if self.output is None else self.output
        if self.output is None and target.exists():
            raise ServiceError(
                f"{target} exists already", hint="name another file with --output"
            )
        write_output(target, data, mode=mode)
        self.say(f"files: found = 1, transferred = 1 ({target})")
