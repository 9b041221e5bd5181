"""The agent of one node: obeys tests that run elsewhere, line by line.

Tests reach it over the standard input of `tokenless test-agent`, which a command such
as `podman exec -i` brings to the node. Between `begin` and `end` it holds a lock on the
node, so that tests of other processes and machines wait. When its input ends, for
whatever reason, it puts the node back as it was and gives the lock back.
"""

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, assert_never

import msgspec

from tokenless import __version__
from tokenless.protocol.errors import TokenlessError
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.node.control.announce import announce
from tokenless.services.node.control.requests import encode_answer, encode_refusal
from tokenless.services.test_agent.administrator import Administrator
from tokenless.services.test_agent.requests import (
    MAX_LINE_BYTES,
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
    decode_request_untrusted,
)
from tokenless.services.test_agent.settling import NodeServices
from tokenless.services.test_agent.snapshot import Snapshot

_LOCK_FILE: Final = "tests.lock"
_PUBLISHER_S: Final = 60.0
"""Patience of a subscriber with the publisher's agent, which may finish a command."""
_LOOK_S: Final = 0.05


def choose_node(cluster: Cluster, name: str | None) -> Node:
    """Return the node that tests call by a name, which may be a container's.

    Raises:
        ServiceError: When no node is called so, and not exactly one is served here.
    """
    nodes = cluster.nodes
    called = [node for node in nodes if name and node.name.lower() == name.lower()]
    here = called or [node for node in nodes if node.is_here]
    if len(here) != 1:
        names = ", ".join(node.name for node in here) or "none"
        raise ServiceError(
            f"{name or 'this host'} serves {len(here)} nodes ({names}), not one",
            hint="call it by the name of one of them: NODE=HOST",
        )
    return here[0]


@dataclass(slots=True)
class _Held:
    """A node that tests have."""

    snapshot: Snapshot
    services: NodeServices
    revision: int
    lock: int


class NodeAgent:
    """Does on one node what tests ask for."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node_id = node.id
        self._administrator = Administrator(cluster)
        self._held: _Held | None = None

    def serve(self, asked: BinaryIO, answers: BinaryIO) -> None:
        """Obey requests until there are no more; then put the node back.

        Raises:
            TokenlessError: When the node cannot be put back.
            OSError: As TokenlessError.
        """
        try:
            with suppress(BrokenPipeError):  # the tests have gone
                self._write(answers, encode_answer(msgspec.to_builtins(self._greet())))
                while line := asked.readline(MAX_LINE_BYTES):
                    self._write(answers, self._answer(line, asked))
        finally:
            if self._held is not None:
                self._end(self._untold(self._held))

    @staticmethod
    def _write(answers: BinaryIO, line: bytes) -> None:
        answers.write(line)
        answers.flush()

    def _answer(self, line: bytes, asked: BinaryIO) -> bytes:
        if len(line) == MAX_LINE_BYTES:
            # One answer for it, not one for each piece: others would come too late.
            while line and not line.endswith(b"\n"):
                line = asked.readline(MAX_LINE_BYTES)
            return encode_refusal("the request is longer than 4 MB", None)
        try:
            return encode_answer(self._do(decode_request_untrusted(line)))
        except TokenlessError as error:
            return encode_refusal(str(error), error.hint)
        except OSError as error:
            return encode_refusal(str(error), None)

    def _do(self, request: Request) -> dict[str, object]:
        match request:
            case Begin():
                self._begin()
            case End():
                return msgspec.to_builtins(self._end(request))  # type: ignore[no-any-return]
            case Type(line):
                return {"text": self._administrator.type_line(self._node, line)}
            case MakeToken(name):
                self._administrator.create_token(name)
            case Sign(tokens, mode, ignore_missing):
                self._administrator.sign_with_tokens(
                    tokens, mode, ignore_missing=ignore_missing
                )
            case Upload(store, data, token):
                if data is None:
                    self._administrator.upload_token(store, token)
                else:
                    self._administrator.upload(store, data)
            case SetDevice():
                self._set_device(request)
            case OwnCertificate(unit):
                der = self._administrator.own_certificate(self._node, unit)
                return {"der": der.hex()}
            case _:
                assert_never(request)
        return {}

    def _set_device(self, wanted: SetDevice) -> None:
        change = DeviceChange(
            model=wanted.model,
            security_mode=wanted.security_mode,
            transport=wanted.transport,
            operation=wanted.operation,
            key_size=wanted.key_size,
        )
        self._administrator.set_device(wanted.device, change)

    @property
    def _node(self) -> Node:
        """The node of now: tests may rename it, and give it another address."""
        for node in self._cluster.nodes:
            if node.id == self._node_id:
                return node
        raise ServiceError("the node is no longer in its cluster")

    def _greet(self) -> Greeting:
        node = self._node
        known = {**node.ports, "tftp": node.tftp_port, "tvs": node.tvs_port}
        return Greeting(
            node=node.name,
            address=node.address,
            is_publisher=node.is_publisher,
            ports={name: port for name, port in known.items() if port is not None},
            version=__version__,
        )

    def _begin(self) -> None:
        if self._held is not None:
            raise ServiceError("the tests have this node already")
        node = self._node
        path = node.folder / _LOCK_FILE
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            snapshot = Snapshot.take(self._cluster, has_rows=node.is_publisher)
            services = NodeServices.of(node)
            revision = self._cluster.store.revision()
            self._held = _Held(snapshot, services, revision, lock)
        except BaseException:
            os.close(lock)
            raise

    def _untold(self, held: _Held) -> End:
        """Return what tests that have gone would have told a node at their end.

        They end the publisher first: the others' services load its database.
        """
        is_changed = self._cluster.store.revision() != held.revision
        if is_changed and not self._node.is_publisher:
            self._await_rows(held.snapshot)
        return End(
            is_changed=is_changed, concerns_tftp=is_changed, concerns_all=is_changed
        )

    def _await_rows(self, snapshot: Snapshot) -> None:
        """Wait, not forever, until the publisher's agent has put the database back."""
        log = get_logger(node=self._node.name)
        log.info("the node waits for the publisher to put the database back")
        deadline = time.monotonic() + _PUBLISHER_S
        while not snapshot.is_in_database(self._cluster):
            if time.monotonic() > deadline:
                log.warning("the publisher has not put the database back")
                break
            time.sleep(_LOOK_S)
        announce(self._cluster)

    def _end(self, told: End) -> End:
        """Put back what this host can, settle the services, and say what it was."""
        held, self._held = self._held, None
        if held is None:
            return End()
        try:
            restored = held.snapshot.restore(self._cluster)
            if restored.is_anything:
                announce(self._cluster)
            held.services.settle(self._node, restored, told)
        finally:
            os.close(held.lock)
        return End(
            is_changed=restored.is_anything,
            concerns_tftp=restored.concerns_tftp,
            concerns_all=restored.concerns_all_services,
        )
