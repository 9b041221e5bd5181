"""Pages with transcripts: what is typed in them, and what must come back.

A page's blocks ```` ```console ```` hold lines that begin with `$ ` (typed, in one
shell that lives as long as the page) and the output under each; a block
```` ```toml NAME ```` is saved as the file NAME when the reader comes to it. A page is
run beside a fresh server on free ports and compared; or written anew with what really
came back:

    python -m tests.system.transcript docs/tutorial.md docs/flows/[1-4]*.md
"""

import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tests.rigs.warm_start import warm_commands
from tests.system.serving import (
    PATIENCE_S,
    PUBLISHER,
    SUBSCRIBER,
    Served,
    environment,
    lab_config,
    serving,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port

_BLOCK: Final = re.compile(
    r"^```(?:console|toml (?P<file>\S+))\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
_PROMPT: Final = "$ "
_MARK: Final = "__end_of_output__"

# Pages are as wide as this; without a terminal, tables would be wider.
_COLUMNS: Final = "96"
# On a terminal this is a bar, and gone when it ends.
_PROGRESS: Final = re.compile(r"step \d+: ")

_ADDRESSES: Final = "127.0.47.155", "127.0.47.156"
_LAB_PORTS: Final = {"tftp": 6969, "tvs": 2445}

# What differs from run to run. The same value is the same word wherever it appears on
# a page, so that a checksum on a node and on a phone are compared, too.
_VOLATILE: Final = [
    (re.compile(pattern, re.MULTILINE), word)
    for pattern, word in [
        (r"(?:^[0-9a-f]{1,2}(?:  [0-9a-f]{1,2}){0,7}\n)+", "signature"),
        (r"\b[0-9A-F]{2}(?:[: ][0-9A-F]{2}){3,}", "bytes"),
        (r"\b[0-9a-f]{32,}\b", "hash"),
        (r"[0-9A-F]{20,}(?=CN=|cn=|\b)", "serial"),
        (r"(?<=SAST-ADN)[0-9a-f]{8}(?:-[0-9A-F]{8})?", "token"),
    ]
]
# A day and its hour look like bytes in hexadecimal to `_VOLATILE`, so these go first.
_DATES: Final = [
    re.compile(pattern)
    for pattern in [
        r"\w{3} \w{3} \d{2} \d{2}:\d{2}:\d{2} \w+ \d{4}",
        r"\b\d{4}-\d{2}-\d{2}\b",
    ]
]
_TIMES: Final = [
    re.compile(pattern)
    for pattern in [
        r"\b\d{1,2}:\d{2}:\d{2}(?:\.\d+)?[ap]?",
        r"\b\d+\.\d s\b",
    ]
]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One typed line and what the page shows under it."""

    command: str
    output: str


def exchanges(page: str) -> Iterator[Exchange]:
    """Return what a page shows, in order."""
    for block in _BLOCK.finditer(page):
        yield from _exchanges_of(block)


def _exchanges_of(block: re.Match[str]) -> Iterator[Exchange]:
    if name := block["file"]:
        yield Exchange(f"cat > {name} <<'END'\n{block['body']}END", "")
        return
    command, output = None, list[str]()
    for line in block["body"].splitlines():
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
        for exchange in _exchanges_of(found):
            lines += [_PROMPT + exchange.command, *run(exchange.command).splitlines()]
        if found["file"]:
            return found.group()
        return "```console\n" + "".join(f"{line}\n" for line in lines) + "```"

    return _BLOCK.sub(block, page)


class Comparable:
    """Outputs of one page without what differs from run to run."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, str], str] = {}

    def of(self, output: str) -> str:
        """Return an output with each volatile value as a numbered word."""
        output += "\n"
        for pattern in _DATES:
            output = pattern.sub("<date>", output)
        for pattern, kind in _VOLATILE:
            output = pattern.sub(partial(self._stand_in, kind), output)
        for pattern in _TIMES:
            output = pattern.sub("<time>", output)
        return output

    def _stand_in(self, kind: str, found: re.Match[str]) -> str:
        return self._word(kind, found.group())

    def _word(self, kind: str, value: str) -> str:
        known = sum(1 for each, _ in self._words if each == kind)
        return self._words.setdefault((kind, value), f"<{kind} {known + 1}>")


class Shell:
    """A bash beside a server; the server's ports look like the lab's on both sides."""

    def __init__(self, served: Served, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ports = _ports(served)

    def run(self, command: str) -> str:
        """Run one line; return what it printed, both outputs together."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{{ {self._real(command)}\n}} </dev/null\necho {_MARK}\n")
        stdin.flush()
        printed = list[str]()
        for line in map(str.rstrip, stdout):
            if line == _MARK:
                return "\n".join(printed).rstrip()
            if not _PROGRESS.match(line):
                printed.append(self._shown(line))
        raise EOFError(command)

    def _real(self, command: str) -> str:
        for shown, real in self._ports.items():
            command = command.replace(shown, real)
        return command

    def _shown(self, line: str) -> str:
        for shown, real in self._ports.items():
            line = re.sub(rf"\b{real.rpartition(':')[2]}\b", shown[-4:], line)
        return line


def _ports(served: Served) -> Mapping[str, str]:
    """Return what pages write for each socket, and where it really is."""
    return {
        f"{address.rpartition(':')[0]}:{port}": address
        for node in (PUBLISHER, SUBSCRIBER)
        for service, port in _LAB_PORTS.items()
        for address in [served.address(node, service)]
    }


def _environment(served: Served) -> dict[str, str]:
    known = environment(served.folder)
    return {
        **known,
        "PATH": f"{warm_commands()}:{known['PATH']}",
        "COLUMNS": _COLUMNS,
        "TOKENLESS_HTTP_PORT": served.address(PUBLISHER, "http").rpartition(":")[2],
    }


@contextmanager
def serving_a_page(folder: Path) -> Iterator[Served]:
    """Serve the lab as readers do: phones find one HTTP port on both nodes."""
    config = lab_config(folder)
    ports = set[int]()
    while len(ports) < 2:
        ports.add(free_port(_ADDRESSES, socket.SOCK_STREAM))
    with config.open("a") as file:
        file.write("\n[http]\nport = {}\ntls_port = {}\n".format(*ports))
    with serving(folder) as served:
        yield served


@contextmanager
def shell_beside(served: Served) -> Iterator[Shell]:
    """Open a shell in the server's folder."""
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=served.folder,
        env=_environment(served),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield Shell(served, process)
        process.communicate(timeout=PATIENCE_S)


def record(page: Path) -> None:
    """Write a page anew, with what its commands print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving_a_page(Path(folder)) as served,
        shell_beside(served) as shell,
    ):
        page.write_text(rewrite(page.read_text(), shell.run))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        record(Path(argument))
