"""What a command imports before it does anything: start-up stays short."""

import subprocess
import sys

import click
import pytest

from tests.rigs.unmeasured import unmeasured
from tokenless.command_line import COMMANDS, LazyCommand
from tokenless.phone_emulator.cli.fleets import fleet
from tokenless.phone_emulator.cli.phones import phone
from tokenless.phone_emulator.cli.rehearsals import rehearse
from tokenless.protocol.errors import TokenlessError
from tokenless.services.cli.main import cli
from tools import compiled

_HEAVY = frozenset(
    ["alembic", "asn1crypto", "cryptography", "sqlalchemy", "structlog", "trio"]
)
_LIBRARIES = _HEAVY | {
    *("cachetools", "click", "cryptography.x509", "msgspec", "prometheus_client"),
    *("rich.console", "rich.progress", "rich.table", "sqlalchemy.dialects.sqlite"),
}
"""Not ours: what a command loads of them is the same after every other."""
_IMPORTS = """
import sys
from tokenless.services.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""

_EACH_ALONE = """
import gc, importlib, os, sys
gc.disable()
for library in sys.argv[1].split(","):
    importlib.import_module(library)
for name in sys.argv[2:]:
    child = os.fork()
    if not child:
        importlib.import_module(name)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
"""


def _imported(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *words],
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "most", "most_of_our_own"),
    [
        (["--help"], 160, 12),
        (["--version"], 160, 12),
        (["phone", "--help"], 160, 15),
        (["rehearse", "--help"], 160, 15),
        (["rehearse", "list"], 272, 47),
        (["rehearse", "list", "--json"], 272, 47),
    ],
)
def test_little_is_imported(words: list[str], most: int, most_of_our_own: int) -> None:
    found = _imported(*words) - {compiled.SHARED}
    assert {name.partition(".")[0] for name in found} & _HEAVY == set()
    assert len([each for each in found if each.startswith("tokenless")]) <= (
        most_of_our_own
    )
    assert len(found) <= most


def test_each_command_is_imported_where_no_other_was() -> None:
    """Most tests start commands where all of them are loaded (`warm_start`)."""
    modules = {each.target.partition(":")[0] for each in COMMANDS.values()}
    libraries = ",".join(sorted(_LIBRARIES))
    subprocess.run(
        [sys.executable, "-c", _EACH_ALONE, libraries, *sorted(modules)],
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "group", [cli, fleet, phone, rehearse], ids=lambda each: str(each.name)
)
def test_a_list_says_what_the_commands_say_of_themselves(group: click.Group) -> None:
    context = click.Context(group)
    listed = group.get_help(context).partition("Commands:")[2]
    summaries = {
        line.split()[0]: " ".join(line.split()[1:])
        for line in listed.strip().splitlines()
    }
    commands = {
        name: group.get_command(context, name) for name in group.list_commands(context)
    }
    assert summaries == {
        name: command and command.get_short_help_str(200)
        for name, command in commands.items()
    }
    assert len(summaries) >= 4


def test_completion_of_a_command_imports_none() -> None:
    found = cli.shell_complete(click.Context(cli), "re")
    assert [each.value for each in found] == ["rehearse", "restore"]
    assert {each.value for each in found} <= set(COMMANDS)


_ON_A_MAC = """
import select, socket, sys
# Libraries decide by the system what they are: these are of this one.
import alembic.config, click, cryptography.x509, h11, prometheus_client, structlog, trio
import sqlalchemy.dialects.sqlite, subprocess, ssl
sys.platform = "darwin"
for name in [n for n in dir(select) if n.lower().startswith("epoll")]:
    delattr(select, name)
del socket.SOCK_NONBLOCK
from tokenless.command_line import COMMANDS
from tokenless.phone_emulator.cli.rehearsals import rehearse
COMMANDS["file"].load()
for name in ("plan", "import", "list"):
    assert rehearse.get_command(None, name) is not None
from tokenless.services.cli.main import main
sys.argv = ["tokenless", "serve"]
main()
"""


def test_files_and_plans_need_no_linux_and_the_rest_says_that_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_MAC],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("tokenless: this command runs on Linux only")
    assert "darwin" in line
    assert "`file` and `rehearse import` are for all systems" in line
    assert "`rehearse plan` for macOS" in line  # it needs `fcntl`


def test_what_a_system_lacks_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for command in (
        COMMANDS["fleet"],
        LazyCommand("fcntl:flock", "", needs_linux=False),
        LazyCommand("socket:SOCK_NOWHERE", "", needs_linux=False),
    ):
        with pytest.raises(TokenlessError, match=r"runs on Linux only.* win32"):
            command.load()
    with pytest.raises(ImportError):  # a fault of ours is not the system's
        LazyCommand("tokenless.missing:it", "", needs_linux=False).load()
