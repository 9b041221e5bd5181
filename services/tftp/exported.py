"""A TFTP server's counts for Prometheus.

They are counted as plain numbers (`counters`) and read when somebody asks: a packet
costs nothing here.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.protocol.tftp_transfer import Outcome
from tokenless.services.metrics import REGISTRY
from tokenless.services.tftp.counters import Count, TftpCounters

_PREFIX: Final = "tokenless_tftp"
_MEANINGS: Final = {
    Count.REQUESTS: "Read requests, repeated ones too",
    Count.DUPLICATES: "Requests repeated while the first was being answered",
    Count.REFUSED: "Requests answered with an error packet",
    Count.MALFORMED: "Datagrams to the well-known port that are no request",
    Count.NOT_ALLOWED: "Requests from networks that are not allowed",
    Count.OVER_LIMIT: "Requests dropped at the limit of transfers",
    Count.FLOOD: "Requests of unknown addresses dropped during a flood",
    Count.WRONG_TID: "Datagrams that belong to no transfer",
    Count.BYTES: "Bytes of files that clients have acknowledged",
    Count.RETRANSMITS: "Datagrams sent more than once",
    Count.SHARED_PORT: "Transfers on the well-known port for want of descriptors",
}


class TftpCollector(Collector):
    """What one node's server has counted, with the node as the only label."""

    def __init__(self) -> None:
        self._nodes: dict[str, TftpCounters] = {}

    def follow(self, node: str, counters: TftpCounters) -> None:
        """Export a node's counts from now on, in the place of earlier ones."""
        self._nodes[node] = counters

    def collect(self) -> Iterator[Metric]:
        """Yield every count of every node."""
        for count, meaning in _MEANINGS.items():
            name = f"{_PREFIX}_{count.name.lower()}"
            family = CounterMetricFamily(name, meaning, labels=["node"])
            for node, counters in self._nodes.items():
                family.add_metric([node], counters[count])
            yield family
        yield self._ended()
        under_way = GaugeMetricFamily(
            f"{_PREFIX}_under_way", "Transfers under way", labels=["node"]
        )
        for node, counters in self._nodes.items():
            under_way.add_metric([node], counters.under_way)
        yield under_way

    def _ended(self) -> Metric:
        family = CounterMetricFamily(
            f"{_PREFIX}_transfers", "Transfers by their end", labels=["node", "outcome"]
        )
        for node, counters in self._nodes.items():
            for outcome in Outcome:
                family.add_metric([node, outcome.value], counters.ended(outcome))
        return family


def register(registry: CollectorRegistry = REGISTRY) -> TftpCollector:
    """Add a collector to a registry."""
    collector = TftpCollector()
    registry.register(collector)
    return collector


COLLECTOR: Final = register()
"""The collector of this process."""
