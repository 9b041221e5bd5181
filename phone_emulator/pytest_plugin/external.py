"""A cluster that somebody else runs: containers, other hosts, a lab with our services.

    ExternalCluster.of("publisher=172.30.47.155,subscriber=172.30.47.156",
                       "docker compose exec -T {node}")

Phones need the addresses of its TFTP servers. What an administrator does is done by
`tokenless` on the node, which a command in front of it reaches: `podman exec {node}`,
`kubectl exec -i {node} --`, `ssh {host}`.
"""

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from tokenless.phone_emulator.addresses import parse_servers
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin.cluster import LSC_BITS, ClusterUnderTest
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.phones.device_security import (
    CapfOperation,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.protocol.phones.models import PHONE_MODELS

_PATIENCE_S: Final = 120.0


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
        if self._reach is None:
            raise PhoneError(
                "commands cannot be run on the nodes of this cluster",
                hint="say how with --tokenless-exec 'podman exec {node}'",
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
        return _output_of([*front, "tokenless", *words], given)

    def admin(self, line: str, *, node: str | None = None) -> str:
        """Run a line in a node's administration shell, with yes to its questions.

        Raises:
            PhoneError: When the command is refused or fails.
        """
        name = node or self.publisher
        words = ("--node", self._name_in_cluster(name), *line.split())
        return self.run("admin", "--yes", *words, node=name)

    def create_token(self, name: str) -> None:
        """Make a security token. Raises PhoneError when there is one of the name."""
        self.run("token", "create", name)

    def ctl_client(self, *tokens: str, mode: str | None = None) -> None:
        """Update the CTL with tokens, as the CTL Client does.

        Args:
            tokens: Their names.
            mode: `mixed-mode` or `non-secure-mode` to set it as well.

        Raises:
            PhoneError: When a token is none, or the CTL Client refuses.
        """
        inserted = [word for name in tokens for word in ("--token", name)]
        verb = ["update"] if mode is None else ["set-mode", mode]
        self.run("ctl-client", *verb, *inserted)

    def upload_certificate(self, store: str, source: bytes | Path | str) -> None:
        """Upload a certificate to a trust store, as `tokenless cert upload` does.

        Args:
            store: For example `Phone-SAST-trust`.
            source: PEM or DER, a file with it, or the name of a token.

        Raises:
            PhoneError: When it is no certificate, or the store does not take it.
        """
        if isinstance(source, str):
            self.run("cert", "upload", store, f"token:{source}")
            return
        content = source.read_bytes() if isinstance(source, Path) else source
        self.run("cert", "upload", store, "-", given=content)

    def secure_device(
        self,
        device: str,
        model: str,
        mode: DeviceSecurity = DeviceSecurity.ENCRYPTED,
        *,
        operation: CapfOperation | None = CapfOperation.INSTALL,
        key_size: int = LSC_BITS,
    ) -> None:
        """Give a phone a security profile, and let it get an LSC at its next boot.

        Args:
            device: Its name.
            model: Its model.
            mode: The profile's Device Security Mode.
            operation: What CAPF shall do; None leaves that as it is.
            key_size: Of the LSC in bits.

        Raises:
            PhoneError: When the device cannot be so.
        """
        security = mode.name.lower().replace("_", "-")
        words = ["device", "set", device, "--model", model, "--security", security]
        is_sip = model in PHONE_MODELS and PHONE_MODELS[model].protocol == "SIP"
        if is_sip and mode is not DeviceSecurity.NON_SECURE:
            words += ["--transport", DeviceTransport.TLS.name.lower()]
        if operation is not None:
            words += ["--capf", operation.name.lower(), "--key-size", str(key_size)]
        self.run(*words)

    def _name_in_cluster(self, node: str) -> str:
        """Return what the cluster calls a node that we call by its container."""
        if node not in self._names:
            said = self.run("health", "--json", node=node)
            try:
                served = msgspec.json.decode(said, type=_Health).nodes
            except msgspec.DecodeError as error:
                raise PhoneError(
                    f"`tokenless health --json` on {node} cannot be read: {error}"
                ) from None
            names = [each.node for each in served]
            if node not in names and len(names) != 1:
                raise PhoneError(
                    f"{node} serves {json.dumps(names)}, not one node",
                    hint="call it by the name of one of them: NODE=HOST",
                )
            self._names[node] = node if node in names else names[0]
        return self._names[node]


def _output_of(command: list[str], given: bytes) -> str:
    shown = shlex.join(command)
    try:
        done = subprocess.run(  # noqa: S603 - the tests' own command
            command, input=given, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except OSError as error:
        raise PhoneError(f"{shown}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise PhoneError(f"{shown}: no answer within {_PATIENCE_S:g} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise PhoneError(f"{shown}: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode(errors="replace")
