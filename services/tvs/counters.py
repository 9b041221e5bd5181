"""What the TVS daemon counts, and how Prometheus reads it.

The daemon adds to plain integers, which costs nothing; the collector turns them into
series when somebody asks. No label names a phone.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum, unique
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.services.metrics import REGISTRY


@unique
class Refusal(StrEnum):
    """Why the daemon ended a connection that its client had not."""

    TOO_MANY = "too-many-connections"
    """All were busy at the limit: nobody was refused, but accepting paused."""
    TOO_MANY_FROM_ADDRESS = "too-many-from-address"
    EVICTED = "made-room"
    """It had waited longest when another came at the limit."""
    SILENT = "no-first-byte"
    HANDSHAKE_TIMEOUT = "handshake-timeout"
    REQUEST_TIMEOUT = "request-timeout"
    """A request was not whole, or its answer not read, in time."""
    IDLE = "idle"
    NOT_TLS = "handshake-failed"
    """Garbage, plain text, a version or cipher that is not offered, an alert."""
    UNVERIFIABLE = "unverifiable-certificate"
    """The client's, by the authorities we have; it is not asked for one again."""
    BAD_TLS = "broken-tls"
    """After the handshake: a damaged record, a renegotiation."""
    BAD_REQUEST = "bad-request"
    INTERNAL_ERROR = "internal-error"
    NO_DESCRIPTORS = "no-file-descriptors"
    """As above, below the limit."""


@dataclass(slots=True)
class TvsCounters:
    """Totals since the start of one daemon."""

    connections_accepted: int = 0
    connections_open: int = 0
    handshakes_full: int = 0
    handshakes_resumed: int = 0
    queries: int = 0
    verifications: int = 0
    answers_trusted: int = 0
    answers_untrusted: int = 0
    found_in_db: int = 0
    found_in_ctl: int = 0
    elements_ignored: int = 0
    """Elements with unknown tags."""
    odd_device_names: int = 0
    """Requests whose device is not named like a phone."""
    refusals: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(map(str, Refusal), 0)
    )

    def add(self, other: "TvsCounters") -> None:
        """Add another daemon's totals (a worker's)."""
        for name, value in asdict(other).items():
            if name == "refusals":
                for reason, count in value.items():
                    self.refusals[reason] = self.refusals.get(reason, 0) + count
            else:
                setattr(self, name, getattr(self, name) + value)


_GAUGES: Final = frozenset({"connections_open"})
_MEANINGS: Final = {
    "connections_accepted": "Connections that TVS accepted",
    "connections_open": "Connections that are open now",
    "handshakes_full": "TLS handshakes with a signature of the server's key",
    "handshakes_resumed": "TLS handshakes that resumed a session",
    "queries": "QUERY requests",
    "verifications": "VERIFY requests",
    "answers_trusted": "Positive answers",
    "answers_untrusted": "Negative answers",
    "found_in_db": "Answers from the DB cache",
    "found_in_ctl": "Answers from the CTL cache",
    "elements_ignored": "Elements of requests with unknown tags",
    "odd_device_names": "Requests whose device is not named like a phone",
}


class TvsCollector(Collector):
    """The counters of every daemon that runs in this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running: dict[str, list[TvsCounters]] = {}
        registry.register(self)

    def watch(self, node: str, counters: TvsCounters) -> None:
        """Show a daemon's counters from now on."""
        self._running.setdefault(node, []).append(counters)

    def forget(self, node: str, counters: TvsCounters) -> None:
        """Show them no more."""
        running = self._running.get(node, [])
        running[:] = [each for each in running if each is not counters]

    def collect(self) -> Iterator[Metric]:
        """Return one metric a counter, with the node as label."""
        totals = {node: _total(each) for node, each in self._running.items()}
        for name, meaning in _MEANINGS.items():
            family = GaugeMetricFamily if name in _GAUGES else CounterMetricFamily
            metric = family(f"tokenless_tvs_{name}", meaning, labels=["node"])
            for node, total in totals.items():
                metric.add_metric([node], getattr(total, name))
            yield metric
        refusals = CounterMetricFamily(
            "tokenless_tvs_refusals",
            "Connections that TVS ended, and why",
            labels=["node", "reason"],
        )
        for node, total in totals.items():
            for reason, count in total.refusals.items():
                refusals.add_metric([node, reason], count)
        yield refusals


def _total(running: list[TvsCounters]) -> TvsCounters:
    total = TvsCounters()
    for counters in running:
        total.add(counters)
    return total


COLLECTOR: Final = TvsCollector(REGISTRY)
"""What the process's registry asks."""
