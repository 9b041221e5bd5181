"""A cluster that somebody else runs: containers, other hosts, a lab with our services.

    ExternalCluster.of("publisher=172.30.47.155,subscriber=172.30.47.156",
                       "podman exec -i {node}")

Phones need the addresses of its TFTP servers. What an administrator does is done by an
agent on the node, `tokenless test-agent`, which a command in front of it reaches:
`ssh {host}`, `podman exec -i {node}`, `kubectl exec -i {node} --`.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import Any, Final, Self

import msgspec

from tokenless.phone_emulator.addresses import SecurePorts, parse_servers
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin.cluster import (
    ClusterUnderTest,
    SecuredDevice,
)
from tokenless.phone_emulator.pytest_plugin.remote import RemoteAgent, run_once
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.test_agent.requests import (
    Begin,
    End,
    Greeting,
    MakeToken,
    OwnCertificate,
    Request,
    SetDevice,
    Sign,
    Type,
    Upload,
)

_TURN_S: Final = 1800.0
"""Patience of tests with others that have the cluster: whole runs, perhaps."""
_SSH: Final = "ssh"
"""Gives its words to a shell over there, which takes them apart once more."""


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
            PhoneError: When there is no server, or the command cannot be read.
        """
        if not tftp:
            raise PhoneError("a cluster has at least one TFTP server")
        super().__init__(dict(tftp), next(iter(tftp)))
        self._reach = None if reach is None else _split(reach)
        self._agents: dict[str, RemoteAgent] = {}
        self._greetings: dict[str, Greeting] = {}
        """As the agents and servers by the names that the cluster was given."""

    @classmethod
    def of(cls, tftp: str, reach: str | None = None) -> Self:
        """Return the cluster that the options of pytest name.

        Args:
            tftp: `[NODE=]HOST[:PORT],…`, the publisher first.
            reach: As `--tokenless-exec` has it.

        Raises:
            PhoneError: When a server is none, or two have one name.
        """
        servers: dict[str, Server] = {}
        for part in tftp.split(","):
            name, equals, where = part.strip().rpartition("=")
            (server,) = parse_servers(where)
            called = name if equals else where.rpartition(":")[0] or where
            if called in servers:
                raise PhoneError(
                    f"two TFTP servers are called {called}",
                    hint="give each a name: NODE=HOST:PORT",
                )
            servers[called] = server
        return cls(servers, reach)

    @contextmanager
    def borrowed(self) -> Iterator[Self]:
        """Have the cluster alone for a while; then it is as it was before.

        Tests of other processes and machines that borrow it wait. The nodes keep its
        state and put it back, even if this process is killed. Nothing happens when
        commands cannot be run on the nodes.

        Raises:
            PhoneError: When a node cannot be reached, or not be put back.
        """
        if self._reach is None:
            yield self
            return
        with ExitStack() as stack:
            if not self._are_up:
                stack.callback(self.close)
            self.connect()
            stack.callback(self._give_back, begun := [])
            for name in self._in_order():
                self._agents[name].ask(Begin(), _TURN_S)
                begun.append(name)
            yield self

    def close(self) -> None:
        """End the agents on the nodes."""
        agents, self._agents = self._agents, {}
        for agent in agents.values():
            agent.close()

    def run(self, *words: str, node: str | None = None, given: bytes = b"") -> str:
        """Run `tokenless WORDS` on a node; return what it printed.

        Args:
            words: The command and its options.
            node: The node, by any of its names; the publisher's.
            given: Its standard input.

        Raises:
            PhoneError: When no node can be reached, or the command fails.
        """
        name = self._given_name(node or self.publisher)
        return run_once(self._command(name, words), given)

    # --- names ---------------------------------------------------------------------

    @property
    def nodes(self) -> Sequence[str]:
        """The nodes' names, as the cluster has them if it can be asked."""
        return tuple(self.tftp)

    @property
    def publisher(self) -> str:
        """The publisher's name."""
        self.connect()
        for greeting in self._greetings.values():
            if greeting.is_publisher:
                return greeting.node
        return self._publisher

    @property
    def tftp(self) -> Mapping[str, Server]:
        """The TFTP server of each node that has one, by the node's name."""
        self.connect()
        return {self._name(given): server for given, server in self._tftp.items()}

    @property
    def ports(self) -> Mapping[str, Mapping[str, int]]:
        """The port of each service, by node and name: `ports["pub"]["tvs"]`."""
        return {each.node: each.ports for each in self._asked().values()}

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address that phones are told of each node, by name."""
        return {each.node: each.address for each in self._asked().values()}

    def servers(self, first: str | None = None) -> tuple[Server, ...]:
        """Return all TFTP servers, that of a node (the publisher) first.

        Raises:
            PhoneError: When the cluster has no such node.
        """
        known = None if first is None else self._name(self._given_name(first))
        return super().servers(known)

    def _name(self, given: str) -> str:
        greeting = self._greetings.get(given)
        return given if greeting is None else greeting.node

    def _given_name(self, name: str) -> str:
        for given in self._tftp:
            if name in (given, self._name(given)):
                return given
        raise PhoneError(
            f"there is no node {name}", hint=f"nodes are {', '.join(self.tftp)}"
        )

    # --- agents --------------------------------------------------------------------

    def connect(self) -> None:
        """Start the agents that do not run, all at once; `close` ends them.

        Raises:
            PhoneError: When a node cannot be reached.
        """
        if self._reach is None or self._are_up:
            return
        self.close()
        try:
            for given in self._tftp:
                words = ("test-agent", "--node", given)
                self._agents[given] = RemoteAgent(self._command(given, words))
            for given, agent in self._agents.items():
                self._greetings[given] = agent.greet()
            self._check_greetings()
        except BaseException:
            self.close()
            raise

    @property
    def _are_up(self) -> bool:
        return bool(self._agents) and all(each.is_up for each in self._agents.values())

    def _check_greetings(self) -> None:
        names = [each.node for each in self._greetings.values()]
        if len(set(names)) < len(names):
            raise PhoneError(
                f"two of {', '.join(self._tftp)} are the same node",
                hint="name the nodes as the cluster does: NODE=HOST",
            )
        if not any(each.is_publisher for each in self._greetings.values()):
            raise PhoneError(
                f"none of {', '.join(names)} is the publisher", hint="name it first"
            )
        ports = {}
        for given, greeting in self._greetings.items():
            if "sccps" in greeting.ports:
                for address in (greeting.address, self._tftp[given].address):
                    ports[address] = greeting.ports["sccps"]
        self.secure_ports = SecurePorts(by_address=ports)

    def _asked(self) -> Mapping[str, Greeting]:
        """Return what the nodes said. Raises PhoneError when they cannot be asked."""
        self.connect()
        if not self._greetings:
            raise _no_way()
        return self._greetings

    def _in_order(self) -> list[str]:
        """Return the publisher, then the others: every run waits in this order."""
        said = self._greetings
        return sorted(said, key=lambda each: (not said[each].is_publisher, each))

    def _give_back(self, begun: Sequence[str]) -> None:
        """Put all nodes back, the publisher first: the others follow its database."""
        told, failures = End(), []
        with ThreadPoolExecutor(max_workers=len(begun) or 1) as pool:

            def end(name: str) -> End:
                return msgspec.convert(self._agents[name].ask(told), End)

            for names in (begun[:1], begun[1:]):
                for job in [pool.submit(end, name) for name in names]:
                    try:
                        done = job.result()
                        told = done if names == begun[:1] else told
                    except PhoneError as error:
                        failures.append(error)
        if failures:
            raise PhoneError(
                f"the cluster is not as it was before the test: {failures[0]}",
                hint=failures[0].hint,
            )

    def _ask(self, request: Request, node: str | None = None) -> dict[str, Any]:
        self.connect()
        if self._reach is None:
            raise _no_way()
        return self._agents[self._given_name(node or self.publisher)].ask(request)

    def _command(self, name: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs `tokenless WORDS` on a node.

        Raises:
            PhoneError: When no command was given that reaches it.
        """
        if self._reach is None:
            raise _no_way()
        host = self._tftp[name].address
        front = [
            part.replace("{node}", name).replace("{host}", host) for part in self._reach
        ]
        typed = ["tokenless", *words]
        if any(PurePath(part).name == _SSH for part in front):
            typed = [shlex.quote(word) for word in typed]
        return [*front, *typed]

    # --- what an administrator does ------------------------------------------------

    def _admin(self, line: str, node: str) -> str:
        return str(self._ask(Type(line), node)["text"])

    def _create_token(self, name: str) -> None:
        self._ask(MakeToken(name))

    def _ctl_client(
        self, tokens: Sequence[str], mode: str | None, *, ignore_missing: bool
    ) -> None:
        self._ask(Sign(tuple(tokens), mode, ignore_missing))

    def _upload(self, store: str, data: bytes) -> None:
        self._ask(Upload(store, data))

    def _upload_token(self, store: str, token: str) -> None:
        self._ask(Upload(store, token=token))

    def _secure(self, wanted: SecuredDevice) -> None:
        self._ask(
            SetDevice(
                device=wanted.device,
                model=wanted.model,
                security_mode=wanted.mode,
                transport=wanted.transport,
                operation=wanted.operation,
                key_size=wanted.key_size,
            )
        )

    def _own_certificate(self, unit: str, node: str) -> bytes:
        return bytes.fromhex(self._ask(OwnCertificate(unit), node)["der"])


def _split(reach: str) -> list[str]:
    try:
        words = shlex.split(reach)
    except ValueError as error:
        raise PhoneError(f"{reach!r} is not a command: {error}") from None
    if not words:
        raise PhoneError("the command that reaches the nodes is empty")
    return words


def _no_way() -> PhoneError:
    return PhoneError(
        "commands cannot be run on the nodes of this cluster",
        hint="say how with --tokenless-exec 'podman exec -i {node}'",
    )
