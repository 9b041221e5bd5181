"""A cluster that somebody else runs: containers, other hosts, a lab with our services.

    ExternalCluster.of("publisher=172.30.47.155,subscriber=172.30.47.156",
                       "docker compose exec -T {node}")

Phones need the addresses of its TFTP servers. What an administrator does is done by
`tokenless` on the node, which a command in front of it reaches: `ssh {host}`,
`podman exec -i {node}`, `kubectl exec -i {node} --`.
"""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final, Self

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.addresses import parse_servers
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin.cluster import (
    ClusterUnderTest,
    SecuredDevice,
)
from tokenless.phone_emulator.secd.events import Server

_PATIENCE_S: Final = 120.0
_SSH: Final = "ssh"
"""Gives its words to a shell over there, which takes them apart once more."""


class _Node(msgspec.Struct):
    node: str


class _Health(msgspec.Struct):
    nodes: list[_Node]


class ExternalCluster(ClusterUnderTest):
    """A cluster that runs elsewhere."""

    def __init__(self, tftp: Mapping[str, Server], reach: str | None = None) -> None:
        """Name the cluster; nothing is asked yet.

        Args:
            tftp: The TFTP server of each node, the publisher's first. Names are those
                that `reach` takes, or those of the nodes.
            reach: A command that runs another one on a node; `{node}` stands for the
                name, `{host}` for the address. None: administrators cannot be played.

        Raises:
            PhoneError: When there is no server.
        """
        if not tftp:
            raise PhoneError("a cluster has at least one TFTP server")
        super().__init__(dict(tftp), next(iter(tftp)))
        self._reach = reach
        self._names: dict[str, str] = {}

    @classmethod
    def of(cls, tftp: str, reach: str | None = None) -> Self:
        """Return the cluster that the options of pytest name.

        Args:
            tftp: `[NODE=]HOST[:PORT],…`, the publisher first.
            reach: As `--tokenless-exec` has it.

        Raises:
            PhoneError: When a server is none.
        """
        servers = {}
        for part in tftp.split(","):
            name, equals, where = part.strip().rpartition("=")
            (server,) = parse_servers(where)
            servers[name if equals else where.rpartition(":")[0] or where] = server
        return cls(servers, reach)

    def run(self, *words: str, node: str | None = None, given: bytes = b"") -> str:
        """Run `tokenless WORDS` on a node; return what it printed.

        Args:
            words: The command and its options.
            node: The node, by the name that the cluster was given; the publisher's.
            given: Its standard input.

        Raises:
            PhoneError: When no node can be reached, or the command fails.
        """
        name = node or self.publisher
        done = _done(self._command(name, words), given)
        if done.returncode:
            raise _refused(done)
        return done.stdout.decode(errors="replace")

    def _command(self, name: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs `tokenless WORDS` on a node.

        Raises:
            PhoneError: When there is no such node, or no way to it.
        """
        if self._reach is None:
            raise PhoneError(
                "commands cannot be run on the nodes of this cluster",
                hint="say how with --tokenless-exec 'podman exec -i {node}'",
            )
        if name not in self.tftp:
            raise PhoneError(
                f"there is no node {name}", hint=f"nodes are {', '.join(self.tftp)}"
            )
        host = self.tftp[name].address
        front = [
            part.replace("{node}", name).replace("{host}", host)
            for part in shlex.split(self._reach)
        ]
        typed = ["tokenless", *words]
        if any(PurePath(part).name == _SSH for part in front):
            typed = [shlex.quote(word) for word in typed]
        return [*front, *typed]

    def _admin(self, line: str, node: str) -> str:
        known = self._names.get(node)
        try:
            return self._type(line, node)
        except PhoneError:
            # Nothing was done there if the cluster calls the node otherwise now.
            self._names.pop(node, None)
            if known is None or self._name_in_cluster(node) == known:
                raise
        return self._type(line, node)

    def _type(self, line: str, node: str) -> str:
        # One word: the shell at the other end takes the line apart, quotes and all.
        where = ("--node", self._name_in_cluster(node))
        return self.run("admin", "--yes", *where, line, node=node)

    def _create_token(self, name: str) -> None:
        self.run("token", "create", name)

    def _ctl_client(self, tokens: Sequence[str], mode: str | None) -> None:
        inserted = [word for name in tokens for word in ("--token", name)]
        verb = ["update"] if mode is None else ["set-mode", mode]
        self.run("ctl-client", *verb, *inserted)

    def _upload(self, store: str, data: bytes) -> None:
        self.run("cert", "upload", store, "-", given=data)

    def _upload_token(self, store: str, token: str) -> None:
        self.run("cert", "upload", store, f"token:{token}")

    def _secure(self, wanted: SecuredDevice) -> None:
        security = wanted.mode.name.lower().replace("_", "-")
        words = ["device", "set", wanted.device, "--model", wanted.model]
        words += ["--security", security]
        if wanted.transport is not None:
            words += ["--transport", wanted.transport.name.lower()]
        if wanted.operation is not None:
            words += ["--capf", wanted.operation.name.lower()]
        if wanted.key_size is not None:
            words += ["--key-size", str(wanted.key_size)]
        self.run(*words)

    def _name_in_cluster(self, node: str) -> str:
        """Return what the cluster calls a node that we call by its container."""
        if node not in self._names:
            # It fails when a service does not run, but tells the names all the same.
            done = _done(self._command(node, ["health", "--json"]), b"")
            try:
                names = served_nodes(done.stdout)
            except msgspec.DecodeError as error:
                if done.returncode:
                    raise _refused(done) from None
                raise PhoneError(
                    f"`tokenless health --json` on {node} cannot be read: {error}"
                ) from None
            if node not in names and len(names) != 1:
                raise PhoneError(
                    f"{node} serves {json.dumps(names)}, not one node",
                    hint="call it by the name of one of them: NODE=HOST",
                )
            self._names[node] = node if node in names else names[0]
        return self._names[node]


def served_nodes(printed: bytes) -> list[str]:
    """Return the names of the nodes in the output of `tokenless health --json`.

    Raises:
        msgspec.DecodeError: When it is something else.
    """
    return [each.node for each in decode_json(printed, _Health).nodes]


def _done(command: list[str], given: bytes) -> "subprocess.CompletedProcess[bytes]":
    shown = shlex.join(command)
    try:
        return subprocess.run(  # noqa: S603 - the tests' own command
            command, input=given, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except OSError as error:
        raise PhoneError(f"{shown}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise PhoneError(f"{shown}: no answer within {_PATIENCE_S:g} s") from None


def _refused(done: "subprocess.CompletedProcess[bytes]") -> PhoneError:
    said = done.stderr.decode(errors="replace").strip()
    reason = said or f"exit status {done.returncode}"
    return PhoneError(f"{shlex.join(done.args)}: {reason}")
