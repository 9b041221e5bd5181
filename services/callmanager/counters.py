"""Counters of registrations, and the phones and calls of now, for Prometheus."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tokenless.services.callmanager.sccp.guest import SccpCount
from tokenless.services.callmanager.sip.stations import SipCount
from tokenless.services.metrics import REGISTRY, collector_of

SCCP: Final = collector_of(
    "SCCP",
    {
        SccpCount.REGISTERED: "Registrations of SCCP phones",
        SccpCount.REFUSED: "Registrations of SCCP phones that were refused",
        SccpCount.KEEPALIVES: "Keep-alives of SCCP phones",
        SccpCount.IGNORED: "Messages of SCCP phones that were ignored",
    },
)
"""The collector of the process's SCCP servers."""
SIP: Final = collector_of(
    "SIP",
    {
        SipCount.REGISTERED: "Registrations of SIP phones",
        SipCount.REFUSED: "Registrations and calls of SIP phones that were refused",
        SipCount.REFRESHED: "Refreshes of registrations by SIP phones",
        SipCount.IGNORED: "Messages of SIP phones that were ignored",
    },
)
"""The collector of the process's SIP servers; UDP is counted with TCP."""


class Present(NamedTuple):
    """The registrations and calls that a node's CallManager has now."""

    phones: int
    """Registered there."""
    calls: int
    """Under way, ringing ones too."""


class PresentCollector(Collector):
    """Phones and calls of every node of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._servers: dict[str, Callable[[], Present]] = {}
        registry.register(self)

    def follow(self, node: str, look: Callable[[], Present]) -> None:
        """Show a server from now on, in the place of an earlier one of its node."""
        self._servers[node] = look

    def collect(self) -> Iterator[Metric]:
        """Yield two gauges, with the node as label. No label names a phone."""
        phones = GaugeMetricFamily(
            "tokenless_registered_phones", "Phones registered now", labels=["node"]
        )
        calls = GaugeMetricFamily(
            "tokenless_calls", "Calls under way, ringing ones too", labels=["node"]
        )
        for node, look in self._servers.items():
            now = look()
            phones.add_metric([node], now.phones)
            calls.add_metric([node], now.calls)
        yield from (phones, calls)


PRESENT: Final = PresentCollector(REGISTRY)
"""The collector of the process's CallManagers."""
