"""Expiry of a node's certificates, for Prometheus.

One series for each unit and trust store of a node: the days that its next certificate
to expire has left. They are read when the database changes and counted down whenever
somebody asks.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.services.changes.certificates import own, trust
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.metrics import REGISTRY

_NAME: Final = "tokenless_certificate_days_to_expiry"
_MEANING: Final = "Until the next certificate of a unit or trust store expires"


class ExpiryCollector(Collector):
    """The ends of the certificates in use on every node of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ends: dict[str, Mapping[str, datetime]] = {}
        self._clocks: dict[str, Callable[[], float]] = {}
        registry.register(self)

    def follow(
        self, node: str, ends: Mapping[str, datetime], clock: Callable[[], float]
    ) -> None:
        """Show these ends for a node from now on, in the place of earlier ones."""
        self._ends[node] = ends
        self._clocks[node] = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the days left, with the node and the store as labels."""
        family = GaugeMetricFamily(_NAME, _MEANING, labels=["node", "store"])
        for node, ends in self._ends.items():
            now = datetime.fromtimestamp(self._clocks[node](), UTC)
            for store, end in ends.items():
                family.add_metric([node, store], (end - now) / timedelta(days=1))
        yield family


def load_ends(cluster: Cluster, node: Node) -> dict[str, datetime]:
    """Return when the next certificate ends in each unit and trust store of a node.

    Raises:
        ServiceError: When the database cannot be read.
    """
    ends: dict[str, datetime] = {}
    for each in [*own(cluster, node), *trust(cluster)]:
        end = each.certificate.not_after
        ends[each.store] = min(end, ends.get(each.store, end))
    return ends


COLLECTOR: Final = ExpiryCollector(REGISTRY)
"""The collector of this process."""
