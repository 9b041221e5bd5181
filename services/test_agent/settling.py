"""Services of a node after a restoration: started again where they must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import msgspec

from tokenless.services.cluster.cluster import Node
from tokenless.services.monitoring.health import NodeHealth, ServiceState
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import RestartService, Status
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.test_agent.requests import End
from tokenless.services.test_agent.snapshot import Restored


@dataclass(frozen=True, slots=True)
class NodeServices:
    """The services of a node at one moment."""

    states: Mapping[str, ServiceState]
    starts: Mapping[str, int]
    """The number of times that each has begun to serve."""

    @classmethod
    def of(cls, node: Node) -> Self:
        """Ask a node. Raises ServiceError when it is down."""
        answer = request(node.name, node.control_socket, Status())
        health = msgspec.convert(answer["health"], NodeHealth)
        return cls(health.services, answer["starts"])

    def settle(self, node: Node, restored: Restored, told: End | None = None) -> None:
        """Start services again that were stopped, or have loaded another state.

        One that has not been started since goes on with what it had loaded then, which
        is what was put back. But Cisco Tftp follows some files while it runs, and nodes
        lose each other when a certificate differs.

        Args:
            node: The node, whose services these were before the test.
            restored: What was put back here.
            told: What another host of the cluster has put back.

        Raises:
            ServiceError: When the node is down, or a service cannot be started.
        """
        elsewhere = told or End()
        is_anything = restored.is_anything or elsewhere.is_changed
        concerns_tftp = restored.concerns_tftp or elsewhere.concerns_tftp
        concerns_all = restored.concerns_all_services or elsewhere.concerns_all
        now = self.of(node)
        for service, state in now.states.items():
            was_started = now.starts.get(service) != self.starts.get(service)
            is_concerned = concerns_tftp and service == ServiceName.TFTP
            loaded_another = is_anything and (
                concerns_all or was_started or is_concerned
            )
            if loaded_another or state is not ServiceState.STARTED:
                what = RestartService(service=service)
                request(node.name, node.control_socket, what)
