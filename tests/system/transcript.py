"""Pages with transcripts: what is typed in them, and what must come back.

A page's blocks ```` ```console ```` hold lines that begin with `$ ` (typed, in one
shell that lives as long as the page) and the output under each. A page can be run
against a fresh cluster and compared, or written anew with what really came back:

    python -m tests.system.transcript docs/flows/*.md
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROMPT: Final = "$ "
_MARK: Final = "__end_of_output__"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One typed line and what the page shows under it."""

    command: str
    output: str


def exchanges(page: str) -> Iterator[Exchange]:
    """Return what a page shows, in order."""
    for block in _BLOCK.finditer(page):
        yield from _exchanges_of(block.group(1))


def _exchanges_of(block: str) -> Iterator[Exchange]:
    command, output = None, list[str]()
    for line in block.splitlines():
        if line.startswith(_PROMPT):
            if command is not None:
                yield Exchange(command, "\n".join(output))
            command, output = line.removeprefix(_PROMPT), []
        else:
            output.append(line)
    if command is not None:
        yield Exchange(command, "\n".join(output))


def rewrite(page: str, run: Callable[[str], str]) -> str:
    """Return the page with the outputs that `run` gives for its commands."""

    def block(found: re.Match[str]) -> str:
        lines = list[str]()
        for exchange in _exchanges_of(found.group(1)):
            lines += [_PROMPT + exchange.command, *run(exchange.command).splitlines()]
        return "```console\n" + "".join(f"{line}\n" for line in lines) + "```"

    return _BLOCK.sub(block, page)


class Shell:
    """A bash that runs one line after the other, both outputs together."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=20)

    def run(self, command: str) -> str:
        """Run one line; return what it printed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{command} </dev/null\necho {_MARK}\n")
        stdin.flush()
        printed = list[str]()
        while (line := stdout.readline().rstrip("\n")) != _MARK:
            printed.append(line)
        return "\n".join(printed)
