"""A cluster in containers of our image, started and removed by the tests.

    with ContainerCluster("tokenless") as cluster:
        cluster.admin("show ctl")

Each node is a container; one more is where the administrator's agents run, so that they
outlive nodes that a test kills. All have the data folder in one volume. They are in the
host's network: the nodes serve on loopback, on ports that are free, as the lab does.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from threading import Timer
from typing import Final, Self

import msgspec

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin import container_keeper
from tokenless.phone_emulator.pytest_plugin.configuration import LabConfig, lab_config
from tokenless.phone_emulator.pytest_plugin.external import ExternalCluster
from tokenless.phone_emulator.pytest_plugin.remote import PATIENCE_S
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.codes import NodeRole
from tokenless.services.config import ClusterConfig

DEFAULT_IMAGE: Final = "tokenless"
_ENGINES: Final = ("podman", "docker")
_ENGINE_VARIABLE: Final = "TOKENLESS_ENGINE"
_LABEL: Final = "tokenless.tests"
_HARDENED: Final = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
_CONFIG: Final = "/data/tests.toml"
_MAKE: Final = f"cat > {_CONFIG} && tokenless init"


def find_engine(name: str | None = None) -> str:
    """Return the program that runs containers.

    Args:
        name: Its name; when None, that of TOKENLESS_ENGINE, else podman or docker,
            whichever is installed.

    Raises:
        PhoneError: When it is not installed.
    """
    wanted = name or os.environ.get(_ENGINE_VARIABLE)
    for each in (wanted,) if wanted else _ENGINES:
        if shutil.which(each) is not None:
            return each
    raise PhoneError(
        f"no container engine: {wanted or ' and '.join(_ENGINES)} is not installed",
        hint=f"install podman or docker, or name one in {_ENGINE_VARIABLE}",
    )


class ContainerCluster(ExternalCluster):
    """A cluster of our image; a context manager."""

    def __init__(
        self,
        image: str = DEFAULT_IMAGE,
        config: LabConfig = None,
        *,
        engine: str | None = None,
    ) -> None:
        """Describe the cluster; entering it starts it.

        Args:
            image: The image, which the engine has already.
            config: A configuration file, or tables over the lab's; None: the lab.
            engine: As `find_engine` takes it.

        Raises:
            ConfigurationError: When the configuration cannot be used.
            PhoneError: When there is no engine, or no port is free.
        """
        settings = lab_config(config)
        self._engine = find_engine(engine)
        self._image = image
        self._settings = settings
        self._run_name = f"tokenless-{secrets.token_hex(4)}"
        self._desk = f"{self._run_name}-admin"
        self._lifeline = -1
        self._starts = dict.fromkeys((node.name for node in settings.nodes), 0)
        self._down: set[str] = set()
        self._stack = ExitStack()
        super().__init__(
            {
                node.name: Server(node.address, settings.tftp.port)
                for node in settings.nodes
                if NodeRole.TFTP in node.activated
            },
            f"{self._engine} exec -i {self._desk}",
        )

    def __enter__(self) -> Self:
        """Start the cluster, and wait until its nodes serve.

        Raises:
            PhoneError: When the engine refuses, or a node does not start.
        """
        self._call("image", "inspect", self._image)
        with ExitStack() as stack:
            self._lifeline = stack.enter_context(self._keeper())
            stack.callback(self.close)
            common = ("--volume", f"{self._run_name}:/data", *_HARDENED)
            desk = ("--network=none", "--entrypoint=sleep", self._image, "infinity")
            self._run_container(self._desk, *common, *desk)
            text = toml_text(self._settings).encode()
            self._call("exec", "-i", self._desk, "sh", "-ec", _MAKE, given=text)
            for node in self._starts:
                serve = ("--network=host", self._image, "serve", "--node", node)
                self._run_container(self._container(node), *common, *serve)
            for node in self._starts:
                self._await_services(node)
            # Their files name the ports that all nodes have by now.
            self.restart_tftp()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the containers and their volume."""
        self._stack.close()

    # --- nodes ---------------------------------------------------------------------

    def stop_node(self, node: str) -> None:
        """Stop a node as an administrator does; its phones are told."""
        self._take_down("stop", node)

    def kill_node(self, node: str) -> None:
        """Take a node's power away."""
        self._take_down("kill", node)

    def start_node(self, node: str) -> None:
        """Start a node again, on the ports that it had.

        Raises:
            PhoneError: When its services do not start.
        """
        given = self._first_name(node)
        if given in self._down:
            self._call("start", self._container(given))
            self._starts[given] += 1
            self._await_services(given)
            self._down.discard(given)

    def _take_down(self, how: str, node: str) -> None:
        given = self._first_name(node)
        if given not in self._down:
            self._call(how, self._container(given))
            self._down.add(given)

    def _is_down(self, node: str) -> bool:
        return self._first_name(node) in self._down

    def _give_back(self, begun: Sequence[str]) -> None:
        for node in sorted(self._down):
            self.start_node(node)
        super()._give_back(begun)

    def _first_name(self, node: str) -> str:
        return node if node in self._starts else self._given_name(node)

    # --- the engine ----------------------------------------------------------------

    def _container(self, node: str) -> str:
        return f"{self._run_name}-{node}"

    def _keeper(self) -> "_Keeper":
        names = [self._desk, *map(self._container, self._starts)]
        return _Keeper([self._engine, self._run_name, *names])

    def _run_container(self, name: str, *words: str) -> None:
        label = f"{_LABEL}={self._run_name}"
        options = ("--pull=never", f"--name={name}", f"--label={label}")
        config = f"--env=TOKENLESS_CONFIG={_CONFIG}"
        # Not `run`: what keeps a container alive would hold the keeper back, too.
        self._call("create", *options, config, *words, holds=True)
        self._call("start", name)
        node = name.removeprefix(f"{self._run_name}-")
        if node in self._starts:
            self._starts[node] += 1

    def _call(self, *words: str, given: bytes = b"", holds: bool = False) -> None:
        """Run a command of the engine.

        Args:
            words: The command.
            given: Its standard input.
            holds: Whether the keeper waits for its end: it makes something.

        Raises:
            PhoneError: When it fails; has its last line.
        """
        try:
            done = subprocess.run(  # noqa: S603 - the tests' own engine
                [self._engine, *words],
                input=given,
                capture_output=True,
                timeout=PATIENCE_S,
                check=False,
                pass_fds=[self._lifeline] if holds else [],
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PhoneError(f"{self._engine} {words[0]}: {error}") from None
        if done.returncode:
            raise self._refused(words[0], done.stderr)

    def _refused(self, verb: str, stderr: bytes) -> PhoneError:
        said = stderr.decode(errors="replace").strip().splitlines() or ["it failed"]
        # Docker ends with a line about its help.
        reason = next(
            (each for each in said if each.startswith(("Error", "docker:"))), said[-1]
        )
        return PhoneError(
            f"{self._engine} {verb}: {reason}",
            hint=f"see whether the engine runs and has the image {self._image}",
        )

    def _await_services(self, node: str) -> None:
        """Wait until a node has said as often as it was started that it serves.

        Raises:
            PhoneError: When its container ends before; has the last line of its log.
        """
        last, left = "it said nothing", self._starts[node]
        with subprocess.Popen(  # noqa: S603 - the tests' own engine
            [self._engine, "logs", "--follow", self._container(node)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        ) as log:
            watchdog = Timer(PATIENCE_S, log.kill)
            watchdog.start()
            try:
                for line in log.stdout or ():
                    last = line.strip() or last
                    left -= _is_serving(line)
                    if left == 0:
                        return
            finally:
                watchdog.cancel()
                log.kill()
        raise PhoneError(f"the services of {node} did not start: {last}")


def _is_serving(line: str) -> bool:
    """Tell whether a line of a node's output says that it serves."""
    try:
        return bool(json.loads(line) == {"event": "serving"})
    except ValueError:  # the log is among it
        return False


class _Keeper:
    """The process that removes everything, whatever becomes of this one."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def __enter__(self) -> int:
        """Start it; return the descriptor that holds it back."""
        self._child = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-I", container_keeper.__file__, *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self._child.stdin.fileno() if self._child.stdin else -1

    def __exit__(self, *_: object) -> None:
        """Let it remove everything, and wait for it."""
        with self._child:  # closes the pipe
            pass


def toml_text(config: ClusterConfig) -> str:
    """Return a configuration as TOML, one line for each of its tables."""
    tables: Mapping[str, object] = msgspec.to_builtins(config)
    return "".join(
        f"{name} = {_value(value)}\n"
        for name, value in tables.items()
        if value is not None
    )


def _value(value: object) -> str:
    """Write one value; JSON's strings and numbers are TOML's."""
    match value:
        case dict():
            inner = (
                f"{json.dumps(name)} = {_value(each)}"
                for name, each in value.items()
                if each is not None
            )
            return "{ " + ", ".join(inner) + " }"
        case [*items]:
            return "[" + ", ".join(map(_value, items)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
