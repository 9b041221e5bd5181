"""Links between nodes for Prometheus: which ones are up.

They are read whenever somebody asks, so that a peer that leaves the cluster leaves no
series that says for ever that it is down.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.services.metrics import REGISTRY

_NAME: Final = "tokenless_link_up"
_MEANING: Final = "1 while the node is connected to the peer"

States = Callable[[], Mapping[str, bool]]
"""Returns whether each peer is connected, by its name."""


class LinkCollector(Collector):
    """The links of every node of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states: dict[str, States] = {}
        registry.register(self)

    def follow(self, node: str, states: States) -> None:
        """Show a node's links from now on, in the place of earlier ones."""
        self._states[node] = states

    def forget(self, node: str, states: States) -> None:
        """Show them no more, unless others have taken their place."""
        if self._states.get(node) == states:
            del self._states[node]

    def collect(self) -> Iterator[Metric]:
        """Yield 1 or 0, with the node and the peer as labels."""
        family = GaugeMetricFamily(_NAME, _MEANING, labels=["node", "peer"])
        for node, states in self._states.items():
            for peer, is_up in states().items():
                family.add_metric([node, peer], is_up)
        yield family


COLLECTOR: Final = LinkCollector(REGISTRY)
"""The collector of this process."""
