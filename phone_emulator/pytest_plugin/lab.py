"""The cluster that the fixtures start: its nodes are processes of this machine.

The services run in processes of their own (`tokenless serve`), so that tests of any
kind, with or without an event loop, can use them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.pytest_plugin.cluster import (
    ClusterUnderTest,
    SecuredDevice,
)
from tokenless.phone_emulator.pytest_plugin.configuration import (
    LabConfig,
    lab_config,
    ports_of,
)
from tokenless.phone_emulator.pytest_plugin.phones import (
    FleetMaker,
    LabFleet,
    LabPhone,
    PhoneMaker,
)
from tokenless.phone_emulator.pytest_plugin.serving import NodeProcess, scratch_folder
from tokenless.phone_emulator.secd.events import Server
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import announce
from tokenless.services.test_agent.administrator import Administrator
from tokenless.services.test_agent.settling import NodeServices
from tokenless.services.test_agent.snapshot import Snapshot

__all__ = [
    "FleetMaker",
    "LabCluster",
    "LabFleet",
    "LabPhone",
    "PhoneMaker",
    "running_lab",
]

_LOG_LINES: Final = 100
_Result = TypeVar("_Result")


class LabCluster(ClusterUnderTest):
    """A cluster whose nodes are processes of this machine."""

    def __init__(
        self, data: Path, cluster: Cluster, processes: Mapping[str, NodeProcess]
    ) -> None:
        ports = ports_of(cluster.config)
        nodes = cluster.nodes
        super().__init__(
            {
                node.name: Server(node.address, ports[node.name]["tftp"])
                for node in nodes
                if node.serves_tftp
            },
            cluster.publisher.name,
        )
        self.data = data
        """The data folder."""
        self.secure_ports = SecurePorts(
            by_address={node.address: ports[node.name]["sccps"] for node in nodes}
        )
        self._cluster = cluster
        self._administrator = Administrator(cluster)
        self._processes = processes
        """By the node's first name, as all that is kept here."""
        self._ports = ports
        self._first_names = {node.id: node.name for node in nodes}
        self._log_lines = dict.fromkeys(processes, 0)
        """Of each node's log, how many are of tests before."""
        self._snapshot: Snapshot | None = None
        self._services: dict[int, NodeServices] = {}
        """At the time of the snapshot, by the node's id."""

    # --- what an administrator does ------------------------------------------------

    def _admin(self, line: str, node: str) -> str:
        owner = self._node(node)
        return self._do(lambda: self._administrator.type_line(owner, line))

    def _create_token(self, name: str) -> None:
        self._do(lambda: self._administrator.create_token(name))

    def _ctl_client(
        self, tokens: Sequence[str], mode: str | None, *, ignore_missing: bool
    ) -> None:
        sign = self._administrator.sign_with_tokens
        self._do(lambda: sign(tokens, mode, ignore_missing=ignore_missing))

    def _upload(self, store: str, data: bytes) -> None:
        self._do(lambda: self._administrator.upload(store, data))

    def _upload_token(self, store: str, token: str) -> None:
        self._do(lambda: self._administrator.upload_token(store, token))

    def _secure(self, wanted: SecuredDevice) -> None:
        change = DeviceChange(
            model=wanted.model,
            security_mode=wanted.mode,
            transport=wanted.transport,
            operation=wanted.operation,
            key_size=wanted.key_size,
        )
        self._do(lambda: self._administrator.set_device(wanted.device, change))

    def _own_certificate(self, unit: str, node: str) -> bytes:
        owner = self._node(node)
        return self._do(lambda: self._administrator.own_certificate(owner, unit))

    # --- nodes ---------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes' names of now; methods take their first names, too."""
        return tuple(self._by_name)

    @property
    def publisher(self) -> str:
        """The publisher's name of now."""
        return self._cluster.publisher.name

    @property
    def tftp(self) -> Mapping[str, Server]:
        """The TFTP server of each node that has one, by the node's name."""
        return {
            name: self._tftp[first]
            for name, first in self._by_name.items()
            if first in self._tftp
        }

    @property
    def ports(self) -> Mapping[str, Mapping[str, int]]:
        """The port of each service, by node and name: `ports["pub"]["tvs"]`."""
        return {name: self._ports[first] for name, first in self._by_name.items()}

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address of each node, by name."""
        return {node: self._node(node).address for node in self.nodes}

    @property
    def _by_name(self) -> Mapping[str, str]:
        """The first name of each node that has a process, by its name of now."""
        first_names = self._first_names
        return {
            node.name: first_names[node.id]
            for node in self._cluster.nodes
            if node.id in first_names
        }

    def stop_node(self, node: str) -> None:
        """Stop a node as an administrator does; its phones are told."""
        self._process(node).stop()

    def kill_node(self, node: str) -> None:
        """Take a node's power away."""
        self._process(node).kill()

    def start_node(self, node: str) -> None:
        """Start a node again, on the ports that it had.

        Raises:
            PhoneError: When its services do not start.
        """
        process = self._process(node)
        if not process.is_up:
            process.start(self._node(node).name)
            process.await_services()

    @property
    def evidence(self) -> Path:
        """The folder that is kept when a test fails."""
        return self.data

    def logs(self) -> Sequence[tuple[str, str]]:
        """Return what the services logged since the test began, by the node's name."""
        found = []
        for name, process in self._processes.items():
            if not process.log.exists():  # in the report of a failed teardown
                continue
            lines = process.log.read_text(errors="replace").splitlines()
            recent = lines[self._log_lines[name] :][-_LOG_LINES:]
            found.append((name, "\n".join(recent)))
        return found

    # --- between tests -------------------------------------------------------------

    def snapshot(self) -> None:
        """Keep the present state for `restore`."""
        self._snapshot = Snapshot.take(self._cluster)
        self._note_services()

    def restore(self) -> None:
        """Put the state of the last snapshot back, and start what was stopped.

        Raises:
            PhoneError: When there is no snapshot, or a node does not start.
            ServiceError: When a service cannot be started.
        """
        if self._snapshot is None:
            raise PhoneError("there is no snapshot of the cluster")
        restored = self._snapshot.restore(self._cluster)
        if restored.is_anything:
            announce(self._cluster)
        down = [each for each in self._processes.values() if not each.is_up]
        for process in down:
            process.start()
        for process in down:
            process.await_services()
        fresh = {process.name for process in down}
        up = [node for node in self._cluster.nodes if node.name not in fresh]

        def settle(node: Node) -> None:
            self._services[node.id].settle(node, restored)

        with ThreadPoolExecutor(max_workers=len(self._processes)) as pool:
            for _ in pool.map(settle, up):
                pass
        self._note_services()
        for name, process in self._processes.items():
            self._log_lines[name] = process.log.read_bytes().count(b"\n")

    def _note_services(self) -> None:
        self._services = {
            node.id: NodeServices.of(node) for node in self._cluster.nodes
        }

    def _is_down(self, node: str) -> bool:
        return not self._process(node).is_up

    def _node(self, name: str) -> Node:
        """Return a node, by its name of now or its first one."""
        for node in self._cluster.nodes:
            if name in (node.name, self._first_names.get(node.id)):
                return node
        raise PhoneError(
            f"there is no node {name}", hint=f"nodes are {', '.join(self.nodes)}"
        )

    def _process(self, name: str) -> NodeProcess:
        first = self._first_names.get(self._node(name).id)
        if first is None:
            raise PhoneError(f"{name} has no process: it was added by the test")
        return self._processes[first]

    @staticmethod
    def _do(what: Callable[[], _Result]) -> _Result:
        """Do something as an administrator; a refusal is of the phones' kind."""
        try:
            return what()
        except ServiceError as error:
            raise PhoneError(str(error), hint=error.hint) from error


@contextmanager
def running_lab(config: LabConfig = None) -> Iterator[LabCluster]:
    """Make a lab cluster in a scratch folder and serve it on free ports.

    Args:
        config: A configuration file, or tables over the lab's; None: the lab.

    Raises:
        ConfigurationError: When the configuration cannot be used.
        PhoneError: When its services do not start.
    """
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        data = scratch.folder / "lab"
        cluster = stack.enter_context(closing(Cluster.open(data, lab_config(config))))
        # Known before the first node starts: configurations name every node's ports.
        cluster.record_ports(ports_of(cluster.config))
        processes = {
            node.name: NodeProcess(node.name, data, scratch) for node in cluster.nodes
        }
        for process in processes.values():
            stack.callback(process.stop)
            process.start()
        for process in processes.values():
            process.await_services()
        yield LabCluster(data, cluster, processes)
